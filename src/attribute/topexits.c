// SPDX-License-Identifier: BSD-2-Clause
/* The exits of a fork's critical path by reason: how many, how long, from where most often. */
#include <errno.h>
#include <stdlib.h>
#include "attribute/path.h"
#include "base/vec.h"

#define TOP 20

/* One place in the guest that left by one reason; free while n is 0. */
struct place {
	uint64_t rip, n;
	uint32_t reason;
	uint16_t isa;
};

struct places {
	struct place *v;
	size_t used, cap; /* cap is a power of two */
};

typedef FS_VEC(struct fsa_top_exit) top_exits;

static struct place *slot(const struct places *t, uint16_t isa, uint32_t reason, uint64_t rip)
{
	uint64_t h = (rip ^ (uint64_t)reason << 32 ^ isa) * 0x9e3779b97f4a7c15u;
	size_t i = h >> 32 & (t->cap - 1);

	while (t->v[i].n && (t->v[i].rip != rip || t->v[i].reason != reason || t->v[i].isa != isa))
		i = (i + 1) & (t->cap - 1);
	return &t->v[i];
}

static int grow(struct places *t)
{
	struct places wide = {.used = t->used, .cap = t->cap ? t->cap * 2 : 256};

	wide.v = calloc(wide.cap, sizeof(*wide.v));
	if (!wide.v)
		return -ENOMEM;
	for (size_t i = 0; i < t->cap; i++)
		if (t->v[i].n)
			*slot(&wide, t->v[i].isa, t->v[i].reason, t->v[i].rip) = t->v[i];
	free(t->v);
	*t = wide;
	return 0;
}

static int count_place(struct places *t, const struct at_exit *e)
{
	struct place *x;

	if (2 * t->used >= t->cap && grow(t))
		return -ENOMEM;
	x = slot(t, e->isa, e->reason, e->rip);
	t->used += !x->n;
	*x = (struct place){e->rip, x->n + 1, e->reason, e->isa};
	return 0;
}

/* Few reasons are in use: they are searched one by one, the last one first. */
static struct fsa_top_exit *find(top_exits *top, uint16_t isa, uint32_t reason)
{
	for (size_t i = top->n; i; i--)
		if (top->v[i - 1].reason == reason && top->v[i - 1].isa == isa)
			return &top->v[i - 1];
	return NULL;
}

static int collect(const struct at_path *path, struct places *places, top_exits *top)
{
	const struct at_exit *last = NULL;

	for (size_t i = path->p.n; i-- > 0;) {
		const struct at_piece *p = &path->p.v[i];
		const struct at_exit *e = at_piece_exit(path, p);
		struct fsa_top_exit *x;

		if (!e || p->flags & AT_P_CLOSES || e->reason == UINT32_MAX)
			continue;
		x = find(top, e->isa, e->reason);
		if (!x) {
			if (fs_vec_push(top,
					(struct fsa_top_exit){.reason = e->reason, .isa = e->isa}))
				return -ENOMEM;
			x = &top->v[top->n - 1];
		}
		x->ns += at_piece_end(path, i) - p->t0;
		if (last == e)
			continue; /* one more piece of the same exit */
		last = e;
		x->count++;
		if (count_place(places, e))
			return -ENOMEM;
	}
	return 0;
}

/* The most frequent place of each reason; of several the lowest. */
static void name_places(const struct places *places, top_exits *top)
{
	for (size_t i = 0; i < top->n; i++) {
		struct fsa_top_exit *x = &top->v[i];
		uint64_t best = 0;

		for (size_t k = 0; k < places->cap; k++) {
			const struct place *p = &places->v[k];

			if (p->reason != x->reason || p->isa != x->isa || p->n < best || !p->n ||
			    (p->n == best && p->rip > x->rip))
				continue;
			best = p->n;
			x->rip = p->rip;
		}
	}
}

static int by_time(const void *x, const void *y)
{
	const struct fsa_top_exit *a = x, *b = y;

	if (a->ns != b->ns)
		return a->ns < b->ns ? 1 : -1;
	return a->reason < b->reason ? -1 : a->reason > b->reason;
}

int at_top_exits(struct fsa_fork *f, const struct at_path *path)
{
	struct places places = {0};
	top_exits top = {0};
	int ret = collect(path, &places, &top);

	if (!ret && top.n) {
		name_places(&places, &top);
		qsort(top.v, top.n, sizeof(*top.v), by_time);
		f->top_exits = top.v;
		f->ntop_exits = top.n < TOP ? top.n : TOP;
		top.v = NULL;
	}
	free(top.v);
	free(places.v);
	return ret;
}
