/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buffers for chunks, used again and again: a fresh mapping for each chunk would cost more in page
 * faults than reading it.
 */
#ifndef FORKSCOPE_POOL_H
#define FORKSCOPE_POOL_H

#include <stddef.h>

#define FSR_POOL_CLASSES 15 /* 4 KiB ... 64 MiB */

struct fsr_buf {
	struct fsr_buf *next;
	size_t room;
	unsigned char bytes[] __attribute__((aligned(16)));
};

struct fsr_pool {
	struct fsr_buf *free[FSR_POOL_CLASSES + 1];
	size_t in_use; /* bytes handed out */
	size_t peak;   /* most bytes that were handed out at one time */
	size_t idle;   /* bytes kept for later */
};

/* At least @bytes of room, not cleared; NULL when there is no memory. */
struct fsr_buf *fsr_pool_get(struct fsr_pool *p, size_t bytes);
void fsr_pool_put(struct fsr_pool *p, struct fsr_buf *b);
void fsr_pool_free(struct fsr_pool *p);

#endif
