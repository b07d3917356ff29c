// SPDX-License-Identifier: BSD-2-Clause
/* Lends buffers for chunks by classes of size, and keeps those given back. */
#include "record/buf_pool.h"
#include <stdlib.h>

#define SMALLEST  4096u
#define MOST_IDLE (64u << 20) /* bytes kept for later; beyond it buffers are given back */

static unsigned int class_of(size_t bytes)
{
	unsigned int c = 0;

	while (c < FSR_POOL_CLASSES && ((size_t)SMALLEST << c) < bytes)
		c++;
	return c;
}

struct fsr_buf *fsr_pool_get(struct fsr_pool *p, size_t bytes)
{
	unsigned int c = class_of(bytes);
	struct fsr_buf *b = p->free[c];

	if (b && b->room >= bytes) {
		p->free[c] = b->next;
		p->idle -= b->room;
	} else {
		size_t room = c < FSR_POOL_CLASSES ? (size_t)SMALLEST << c : bytes;

		b = malloc(sizeof(*b) + room);
		if (!b)
			return NULL;
		b->room = room;
	}
	p->in_use += b->room;
	if (p->in_use > p->peak)
		p->peak = p->in_use;
	return b;
}

void fsr_pool_put(struct fsr_pool *p, struct fsr_buf *b)
{
	unsigned int c;

	if (!b)
		return;
	p->in_use -= b->room;
	if (p->idle + b->room > MOST_IDLE) {
		free(b);
		return;
	}
	c = class_of(b->room);
	b->next = p->free[c];
	p->free[c] = b;
	p->idle += b->room;
}

void fsr_pool_free(struct fsr_pool *p)
{
	for (unsigned int c = 0; c <= FSR_POOL_CLASSES; c++) {
		while (p->free[c]) {
			struct fsr_buf *b = p->free[c];

			p->free[c] = b->next;
			free(b);
		}
	}
	p->idle = 0;
}
