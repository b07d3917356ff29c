// SPDX-License-Identifier: BSD-2-Clause
/* Interrupts and softirqs of the guest: they nest on a CPU, and end in order. */
#include <errno.h>
#include "attribute/guest/guest_build.h"
#include "attribute/guest/guest_names.h"

static enum at_gframe_kind frame_kind(uint16_t kind)
{
	if (kind == FSG_K_IRQ || kind == FSG_K_IRQ_END)
		return AT_GF_IRQ;
	return kind == FSG_K_VECTOR || kind == FSG_K_VECTOR_END ? AT_GF_VECTOR : AT_GF_SOFTIRQ;
}

int at_gb_on_frame(struct at_gb *b)
{
	const struct fsg_rec *r = b->rec;
	struct at_gframe f = {
		.t0 = b->t,
		.t1 = UINT64_MAX,
		.x = r->x,
		.before = b->c->ended,
		.cpu = (uint16_t)b->cpu,
		.kind = (uint8_t)frame_kind(r->kind),
	};

	if (r->kind == FSG_K_IRQ)
		f.name = at_guest_name(b->a, r->a);
	if (b->c->depth == AT_GB_DEPTH)
		return 0; /* no CPU nests that deep */
	if (fs_vec_push(&b->g->frames, f))
		return -ENOMEM;
	b->c->stack[b->c->depth++] = (uint32_t)b->g->frames.n;
	return 0;
}

int at_gb_on_frame_end(struct at_gb *b)
{
	const struct fsg_rec *r = b->rec;
	struct at_gb_cpu *c = b->c;
	unsigned int d = c->depth;

	while (d && (b->g->frames.v[c->stack[d - 1] - 1].kind != frame_kind(r->kind) ||
		     b->g->frames.v[c->stack[d - 1] - 1].x != r->x))
		d--;
	if (!d)
		return 0;
	c->ended = c->stack[d - 1];
	for (; c->depth >= d; c->depth--)
		b->g->frames.v[c->stack[c->depth - 1] - 1].t1 = b->t;
	return 0;
}
