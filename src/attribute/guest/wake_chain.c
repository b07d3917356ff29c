// SPDX-License-Identifier: BSD-2-Clause
/*
 * The signal path through the guest, found from its end: in whose context the wake-up of the agent
 * (wakers.c) was sent (a work item, a thread, an interrupt), who had queued that work or
 * woken that thread, and so on, until the interrupt that the host injected.
 */
#include "attribute/guest/wake_chain.h"
#include <stdio.h>
#include <string.h>
#include "attribute/state/at.h"

#define MAX_HOPS 32

/* The run of @t that lies before @at, and through runs after which it was only preempted. */
static const struct at_grun *woken_run(const struct at_gtask *t, uint64_t at)
{
	size_t i = t->runs.n;

	while (i && t->runs.v[i - 1].in > at)
		i--;
	while (i && !t->runs.v[i - 1].wake) {
		if (i >= 2 && !t->runs.v[i - 2].runnable)
			return NULL; /* it had slept, and its wake-up was not seen */
		i--;
	}
	return i ? &t->runs.v[i - 1] : NULL;
}

static int mark_task(struct at_guest *g, uint32_t task, uint64_t t0, uint64_t t1)
{
	return fs_vec_push(&g->chain, (struct at_gspan){.t0 = t0, .t1 = t1, .task = task});
}

bool at_guest_from_frame(const struct at_guest *g, struct at_gctx *c, uint64_t *t)
{
	const struct at_gframe *f = &g->frames.v[c->frame - 1];
	const struct at_gspan *s;

	*t = f->t0;
	if (f->kind == AT_GF_SOFTIRQ && f->before) {
		c->frame = f->before;
		return true;
	}
	if (f->kind != AT_GF_VECTOR)
		return false;
	/* the kernel's log wakes its readers from an interrupt: whoever wrote the line caused it */
	s = g->signal == AT_G_VMGENID ? at_guest_fork_line(g, f->t0) : NULL;
	if (!s)
		return false;
	*c = s->by;
	*t = s->t0;
	return true;
}

/* From a task to who made it run. Returns 1, 0 if that is not known, or -ENOMEM. */
static int from_task(struct at_guest *g, struct at_gctx *c, uint64_t *t)
{
	const struct at_gtask *task = &g->tasks.v[c->task];
	const struct at_grun *r;
	struct at_gwork *w;

	if (task->agent || !task->tid)
		return 0;
	r = woken_run(task, *t);
	if (mark_task(g, c->task, r ? r->in : *t, *t))
		return -ENOMEM;
	w = c->work ? &g->works.v[c->work - 1] : NULL;
	if (w) {
		w->signal = true;
		*c = w->by;
		*t = w->queue;
		return w->queued;
	}
	if (!r)
		return 0;
	*c = g->wakes.v[r->wake - 1].by;
	*t = g->wakes.v[r->wake - 1].t;
	return 1;
}

int at_guest_walk_back(struct at_guest *g, const struct at_gwake *w, uint32_t *irq)
{
	struct at_gctx c = w->by;
	uint64_t t = w->t;
	int more = 1;

	*irq = 0;
	for (int i = 0; i < MAX_HOPS && more > 0; i++) {
		if (c.frame) {
			struct at_gframe *f = &g->frames.v[c.frame - 1];

			f->signal = true;
			if (f->kind == AT_GF_IRQ)
				*irq = c.frame;
			more = at_guest_from_frame(g, &c, &t);
		} else if (c.irq) {
			more = 0;
		} else {
			more = from_task(g, &c, &t);
		}
	}
	return more < 0 ? more : 0;
}
