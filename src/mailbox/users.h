/* SPDX-License-Identifier: BSD-2-Clause */
/* Which processes map a file or have it open: those would see, or undo, what is written into it. */
#ifndef FORKSCOPE_MAILBOX_USERS_H
#define FORKSCOPE_MAILBOX_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/maps.h"
#include "base/vec.h"

struct fs_user {
	pid_t pid;
	char comm[16];
	bool maps;             /* else it has the file open */
	bool writes;           /* maps it shared and writable, or has it open for writing */
	enum fs_same_file how; /* SAME; LAYER or UNKNOWN: it can be no other, as far as is seen */
};

struct fs_users {
	FS_VEC(struct fs_user) list; /* one per process */
	unsigned int unseen;         /* processes that may not be looked at */
	pid_t unseen_pid;            /* one of them */
	bool hidden; /* there may be others: a PID namespace of its own, a /proc that hides some */
};

/*
 * Looks through the mappings, private ones too, and the descriptors of all processes in @proc
 * ("/proc" but in tests) for the file @f. The process that asks is left out. A mapping whose file
 * has the same inode number, and of which no more may be known, counts. Returns 0 or a negative
 * errno with a sentence in @err.
 */
int fs_users_find(const char *proc, const struct fs_map_file *f, struct fs_users *u, char *err,
		  size_t err_len);
void fs_users_free(struct fs_users *u);

#endif
