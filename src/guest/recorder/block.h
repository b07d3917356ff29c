/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory whose guest frames stay what they are, shared with programs and other processes. */
#ifndef FORKSCOPE_GUEST_BLOCK_H
#define FORKSCOPE_GUEST_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guest_block {
	int fd; /* to be mapped by others; -1 = none */
	uint8_t *at;
	size_t pages;
	bool bpf;    /* memory of a BPF map, which the kernel does not move; else of a file */
	int hold[2]; /* the latter: a pipe that holds the pages */
};

/*
 * Zeroed pages, mapped and resident: of a BPF map (@bpf), or of a file in memory. Pages of a file
 * are locked, but the kernel may still move them to make room for a bigger one; so a pipe holds
 * each of them besides (no page moves that somebody else refers to). Returns 0 or a negative errno.
 */
int guest_block_new(struct guest_block *b, const char *name, size_t pages, bool bpf);
void guest_block_free(struct guest_block *b);

/*
 * The guest frame numbers of the block's pages, from the kernel's own map of this process. Returns
 * 0, -EPERM when the kernel hides them, or another negative errno.
 */
int guest_block_frames(const struct guest_block *b, uint64_t *gfn);

#endif
