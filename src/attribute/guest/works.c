// SPDX-License-Identifier: BSD-2-Clause
/* Work items of the guest: who queued them, who executed them, and what was done for them. */
#include <errno.h>
#include <string.h>
#include "attribute/guest/guest_build.h"
#include "attribute/state/at.h"

int at_gb_on_work_queue(struct at_gb *b)
{
	struct at_gwork w = {
		.queue = b->t,
		.t0 = UINT64_MAX,
		.t1 = UINT64_MAX,
		.func = b->rec->a,
		.addr = b->rec->x,
		.by = at_gb_context(b),
		.queued = true,
	};

	if (fs_vec_push(&b->g->works, w))
		return -ENOMEM;
	return fs_hashmap_put(&b->queued, b->rec->x, (void *)(uintptr_t)b->g->works.n);
}

int at_gb_on_work(struct at_gb *b)
{
	uintptr_t at = (uintptr_t)fs_hashmap_get(&b->queued, b->rec->x);
	struct at_gwork w = {.func = b->rec->a, .addr = b->rec->x};

	if (at) {
		fs_hashmap_del(&b->queued, b->rec->x);
	} else {
		if (fs_vec_push(&b->g->works, w))
			return -ENOMEM;
		at = b->g->works.n;
	}
	b->g->works.v[at - 1].t0 = b->t;
	b->g->works.v[at - 1].t1 = UINT64_MAX;
	at_gb_work_begins(b, (uint32_t)at);
	return 0;
}

#define MAX_GIVEN 4096 /* of each kind: between two work items of one thread there is less */

/* The stretches of task @task since @t0 outside of any work item are item @at's. */
static int give_segs(struct at_gcpu *c, uint32_t task, uint64_t t0, uint32_t at)
{
	size_t i = c->segs.n, k;
	struct at_gseg s;

	for (k = 0; i && c->segs.v[i - 1].t0 >= t0 && k < MAX_GIVEN; i--, k++)
		if (c->segs.v[i - 1].task == task && !c->segs.v[i - 1].work)
			c->segs.v[i - 1].work = at;
	if (!i || k == MAX_GIVEN || c->segs.v[i - 1].task != task || c->segs.v[i - 1].work ||
	    (i < c->segs.n && c->segs.v[i].t0 == t0))
		return 0;
	s = c->segs.v[i - 1]; /* it began before: from @t0 on it is another */
	s.t0 = t0;
	s.work = at;
	if (fs_vec_push(&c->segs, s))
		return -ENOMEM;
	memmove(&c->segs.v[i + 1], &c->segs.v[i], (c->segs.n - 1 - i) * sizeof(s));
	c->segs.v[i] = s;
	return 0;
}

/* What task @task did since @t0 outside of any work item was for item @at. */
static int give_to_work(struct at_gb *b, uint32_t task, uint64_t t0, uint32_t at)
{
	struct at_guest *g = b->g;
	size_t i, k;

	for (i = g->wakes.n, k = 0; i-- > 0 && g->wakes.v[i].t >= t0 && k < MAX_GIVEN; k++)
		if (g->wakes.v[i].by.task == task && !g->wakes.v[i].by.work)
			g->wakes.v[i].by.work = at;
	for (i = g->works.n, k = 0; i-- > at && k < MAX_GIVEN; k++)
		if (g->works.v[i].queue >= t0 && g->works.v[i].by.task == task &&
		    !g->works.v[i].by.work)
			g->works.v[i].by.work = at;
	return give_segs(&g->cpus[b->cpu], task, t0, at);
}

/*
 * An item ends that was not seen to begin: kernels whose probes can be preempted skip one that
 * another thread is in the middle of. It began after it was queued and after the item before, which
 * ended at @worked.
 */
static int began_unseen(struct at_gb *b, uint64_t worked)
{
	uintptr_t at = (uintptr_t)fs_hashmap_get(&b->queued, b->rec->x);
	struct at_gwork *w = at ? &b->g->works.v[at - 1] : NULL;

	if (!w || w->func != b->rec->a)
		return 0;
	fs_hashmap_del(&b->queued, b->rec->x);
	w->t0 = w->queue > worked ? w->queue : worked;
	w->t1 = b->t;
	return give_to_work(b, b->c->task, w->t0, (uint32_t)at);
}

int at_gb_on_work_end(struct at_gb *b)
{
	uint64_t worked;
	uint32_t at = at_gb_work_ends(b, &worked);
	struct at_gwork *w = at ? &b->g->works.v[at - 1] : NULL;

	if (w)
		w->t1 = b->t;
	return w && w->addr == b->rec->x ? 0 : began_unseen(b, worked);
}
