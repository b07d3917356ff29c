/* SPDX-License-Identifier: BSD-2-Clause */
/* Which processes map a file: those would see, or undo, what is written into it. */
#ifndef FORKSCOPE_MAILBOX_MAPPERS_H
#define FORKSCOPE_MAILBOX_MAPPERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>
#include "base/vec.h"

struct fs_mapper {
	pid_t pid;
	char comm[16];
	bool writes; /* maps it shared and writable: its memory is the file */
};

struct fs_mappers {
	FS_VEC(struct fs_mapper) list; /* one per process */
	unsigned int unseen;           /* processes whose mappings we may not read */
	pid_t unseen_pid;              /* one of them */
};

/*
 * Looks through the mappings, private ones too, of all processes in /proc for the file of @st
 * (device and inode; the path does not matter). This process is left out. Returns 0 or a negative
 * errno with a sentence in @err. @proc is "/proc" but in tests.
 */
int fs_mappers_find(const char *proc, const struct stat *st, struct fs_mappers *m, char *err,
		    size_t err_len);
void fs_mappers_free(struct fs_mappers *m);

#endif
