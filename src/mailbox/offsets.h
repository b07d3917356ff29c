/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Remembers where the mailbox of a memory file was found, so that the next command reads one page
 * and not the whole file. What is remembered is a hint: it is used only after the page at that
 * offset has been read and verified to hold the mailbox (fs_mbox_verify).
 */
#ifndef FORKSCOPE_MAILBOX_OFFSETS_H
#define FORKSCOPE_MAILBOX_OFFSETS_H

#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>
#include "mailbox/locate.h"

struct fs_offset_memory {
	char path[PATH_MAX]; /* the file that remembers; empty = nothing is remembered */
	uint64_t key;        /* of the path of the memory file and of what is searched for */
};

/*
 * Chooses where to remember: @chosen if not NULL, else a file named by the key in
 * $XDG_CACHE_HOME/forkscope, ~/.cache/forkscope (made when missing, mode 0700). A folder that
 * belongs to somebody else is not used: then nothing is remembered.
 */
void fs_offsets_open(struct fs_offset_memory *m, const char *memfile, const struct fs_mbox_query *q,
		     const char *chosen);

/*
 * The remembered offset, if the file @st is still the one that it was found in: same device,
 * inode, size and time of modification. Returns 0, or -ENOENT.
 */
int fs_offsets_get(const struct fs_offset_memory *m, const struct stat *st, uint64_t *offset);

/*
 * Remembers @offset for @st. Returns 0 or a negative errno; nobody needs to fail because of it.
 * -EEXIST: a file that is none of ours has that name, and stays as it is.
 */
int fs_offsets_put(const struct fs_offset_memory *m, const struct stat *st, uint64_t offset);

#endif
