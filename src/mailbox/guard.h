/* SPDX-License-Identifier: BSD-2-Clause */
/* "Is a VM running on this file?": asked by everybody who writes into a memory file, or copies it.
 */
#ifndef FORKSCOPE_MAILBOX_GUARD_H
#define FORKSCOPE_MAILBOX_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum fs_guard_for {
	FS_GUARD_WRITE, /* nobody else may have the file open or mapped */
	FS_GUARD_COPY,  /* nobody else may be writing into it */
};

struct fs_guard {
	int fd; /* the file: for reading and writing, to copy it for reading; -1 = none */
	struct stat st;
	enum fs_guard_for what_for;
	bool unseen_ok;
	bool leased; /* the kernel says that nobody else has it open, and makes who comes wait */
};

/*
 * Opens the memory file @path, if no VM runs on it as far as can be known:
 *
 * - To write: it may be written at all (fs_mbox_check_target), and no other guard holds its lock.
 * - The kernel's lease (F_SETLEASE) is given only when nobody else has the file open or mapped, in
 *   whatever name space: that suffices. While it is held, whoever opens the file waits.
 * - No lease, because somebody has the file open: who maps it is named, and who has it open. When
 *   nobody can be named it is refused all the same, for then somebody cannot be seen from here.
 * - No lease to be had (no such file system, no right): nobody may use it in /proc, and all
 *   processes must be visible.
 * - A lease of an overlay or of FUSE does not suffice: the file below has users of its own. Nor
 *   does one of a file without a name (a memfd, by /proc/PID/fd), whose users the kernel does not
 *   count.
 *
 * @unseen_ok: the caller knows that no VM runs on it: only processes that map it are in the way.
 *
 * Returns 0, or a negative errno with a sentence in @err (without the path): -EBUSY, it is in use,
 * or may be. It is held until fs_guard_close(), and ends with the process.
 */
int fs_guard_open(struct fs_guard *g, const char *path, enum fs_guard_for what_for, bool unseen_ok,
		  char *err, size_t len);

/*
 * Is it still so? To be asked right before the first write (a copy: after the last read), for the
 * kernel takes a lease away after some seconds (fs.lease-break-time). As fs_guard_open().
 */
int fs_guard_again(struct fs_guard *g, char *err, size_t len);

void fs_guard_close(struct fs_guard *g);

#endif
