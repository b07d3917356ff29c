// SPDX-License-Identifier: BSD-2-Clause
/* The exits of a fork's critical path by reason: how many, how long, from where most often. */
#include <errno.h>
#include <stdlib.h>
#include "attribute/result/ledger_parts.h"
#include "base/hashmap.h"
#include "base/vec.h"

#define TOP 20

/* One place in the guest that left by one reason. */
struct place {
	uint64_t rip, n;
	uint32_t reason;
	uint16_t isa;
	size_t next; /* index + 1 of the next one of the same hash */
};

struct places {
	FS_VEC(struct place) v;
	struct fs_hashmap first; /* hash to index + 1 of the first of its chain */
};

typedef FS_VEC(struct fsa_top_exit) top_exits;

static int count_place(struct places *t, const struct at_exit *e)
{
	const uint64_t key[] = {e->rip, (uint64_t)e->reason << 16 | e->isa};
	uint64_t hash = fs_hash(key, sizeof(key));
	size_t first = (uintptr_t)fs_hashmap_get(&t->first, hash);

	for (size_t i = first; i && i <= t->v.n; i = t->v.v[i - 1].next) {
		struct place *x = &t->v.v[i - 1];

		if (x->rip != e->rip || x->reason != e->reason || x->isa != e->isa)
			continue;
		x->n++;
		return 0;
	}
	if (fs_vec_push(&t->v, (struct place){e->rip, 1, e->reason, e->isa, first}))
		return -ENOMEM;
	return fs_hashmap_put(&t->first, hash, (void *)(uintptr_t)t->v.n);
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
		const struct at_segment *p = &path->p.v[i];
		const struct at_exit *e = at_segment_exit(path, p);
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
		x->ns += at_segment_end(path, i) - p->t0;
		if (last == e)
			continue; /* one more segment of the same exit */
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

		for (size_t k = 0; k < places->v.n; k++) {
			const struct place *p = &places->v.v[k];

			if (p->reason != x->reason || p->isa != x->isa || p->n < best ||
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
	fs_vec_free(&places.v);
	fs_hashmap_free(&places.first);
	return ret;
}
