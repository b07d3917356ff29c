/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firecracker's jailer: a folder that becomes the VMM's root, and a user of its own. The snapshot's
 * files are linked into that folder, under fixed names.
 */
#ifndef FORKSCOPE_VMM_JAIL_H
#define FORKSCOPE_VMM_JAIL_H

#include <limits.h>
#include <sys/types.h>
#include "vmm/vmm.h"

#define FS_JAIL_ARGS 32 /* further options of the jailer, at most */

struct fs_jail {
	const char *program; /* the jailer */
	const char *base;    /* --chroot-base-dir */
	uid_t uid;
	gid_t gid;
	const char *const *args; /* more options of it, NULL-terminated; may be NULL */
};

/* Why this option of the jailer cannot be passed on, or NULL when it can. */
const char *fs_jail_no_arg(const char *arg);

/* What the VMM calls the files, inside. */
#define FS_JAIL_SOCKET  "/api.sock"
#define FS_JAIL_STATE   "/state"
#define FS_JAIL_MEMORY  "/memory"
#define FS_JAIL_UFFD    "/uffd.sock"
#define FS_JAIL_METRICS "/metrics"
#define FS_JAIL_VSOCK   "/vsock.sock"

/*
 * Where the jailer puts the root of VMM @v that runs @exec: BASE/EXEC'S NAME/ID/root, as its
 * manual says. Returns 0, or -ENAMETOOLONG.
 */
int fs_jail_root(const struct fs_jail *j, const struct fs_vmm *v, const char *exec,
		 char root[PATH_MAX]);

/*
 * Makes the root folder and links state and memory file into it. Returns 0 or a negative errno
 * with a sentence in v->err; -EXDEV: the memory file lies on another file system.
 */
int fs_jail_make(const struct fs_jail *j, struct fs_vmm *v, const char *root);

/* Removes BASE/NAME/ID, which was made for this VMM alone, links and nodes in it included. */
void fs_jail_remove(const char *root);

#endif
