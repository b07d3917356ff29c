/* SPDX-License-Identifier: BSD-2-Clause */
/* Fills a mailbox, in a memory file that nobody uses or in a private copy of it. */
#ifndef FORKSCOPE_MAILBOX_PATCH_H
#define FORKSCOPE_MAILBOX_PATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include "mailbox/locate.h"

/*
 * Whether a file may be written into at all. Returns 0, or -EPERM with a sentence in @err: it is
 * no regular file, it belongs to another user (only root may patch those), anybody may write it,
 * or it is set-uid.
 */
int fs_mbox_check_target(const struct stat *st, char *err, size_t err_len);

/*
 * Writes payload, length and sequence, in that order, with exactly those bytes, inside of the
 * verified page. Returns 0, -EBUSY (the mailbox is full), -EMSGSIZE (the payload does not fit) or
 * another negative errno, with a sentence in @err.
 */
int fs_mbox_fill(int fd, const struct fs_mbox_verified *page, const void *payload, size_t len,
		 char *err, size_t err_len);

/* An unfinished copy: it has its name only once it is complete and committed. */
struct fs_mbox_copy {
	int fd;
	char out[PATH_MAX], partial[PATH_MAX + 32];
	const char *method; /* "reflink" or "copy" */
};

/*
 * Copies the file @from (@st is its state) next to @out: shares the blocks where the file system
 * can, else copies them and keeps the holes. @out must not exist. Returns 0 or a negative errno
 * with a sentence in @err; then nothing is left behind.
 */
int fs_mbox_copy_make(struct fs_mbox_copy *c, int from, const struct stat *st, const char *out,
		      char *err, size_t err_len);
/* Gives the copy its name; when that fails (somebody took the name) the copy is gone. */
int fs_mbox_copy_commit(struct fs_mbox_copy *c, char *err, size_t err_len);
void fs_mbox_copy_abort(struct fs_mbox_copy *c);

#endif
