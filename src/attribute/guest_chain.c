// SPDX-License-Identifier: BSD-2-Clause
/*
 * The signal's way through the guest, found from its end: which wake-up told the agent, in whose
 * context it was sent (a work item, a thread, an interrupt), who had queued that work or woken that
 * thread, and so on, until the interrupt that the host injected.
 */
#include <stdio.h>
#include <string.h>
#include "attribute/guest_chain.h"

#define MAX_HOPS     32
#define LOCAL_TIMER  0xec /* x86 vectors: arch/x86/include/asm/irq_vectors.h */
#define SOFT_TIMER   1    /* softirqs: include/linux/interrupt.h */
#define SOFT_HRTIMER 8

/* The last step @x that began at or before @t, or NULL. */
static const struct at_gspan *last_step(const struct at_guest *g, uint32_t x, uint64_t t)
{
	for (size_t i = g->steps.n; i-- > 0;)
		if (g->steps.v[i].x == x && g->steps.v[i].t0 <= t)
			return &g->steps.v[i];
	return NULL;
}

static bool by_timer(const struct at_guest *g, const struct at_gwake *w)
{
	const struct at_gframe *f = w->by.frame ? &g->frames.v[w->by.frame - 1] : NULL;

	return f && ((f->kind == AT_GF_VECTOR && f->x == LOCAL_TIMER) ||
		     (f->kind == AT_GF_SOFTIRQ && (f->x == SOFT_TIMER || f->x == SOFT_HRTIMER)));
}

/* Whether @w may have been the signal: not what ends a page fault, a wait for a lock, a nap. */
static bool may_tell(const struct at_guest *g, const struct at_gwake *w)
{
	return g->tasks.v[w->task].agent && !w->fault && !w->lock && !by_timer(g, w) &&
	       (w->by.irq || !g->tasks.v[w->by.task].agent);
}

static bool in_notification(const struct at_guest *g, const struct at_gwake *w)
{
	const struct at_gspan *s = last_step(g, FSG_STEP_VMCLOCK_NOTIFY, w->t);

	return s && s->task == w->by.task && w->t <= s->t1;
}

bool at_guest_is_notice(const struct at_guest *g, const struct at_gwake *w)
{
	if (!(g->data->dir.flags & FSG_D_SIGNAL))
		return true;
	if (g->signal == AT_G_VMGENID)
		return last_step(g, FSG_STEP_VMFORK, w->t) ||
		       last_step(g, FSG_STEP_VMGENID_NOTIFY, w->t);
	return in_notification(g, w);
}

/* The wake-up of the agent out of the clock's notification. */
static const struct at_gwake *clock_wake(const struct at_guest *g, uint64_t until)
{
	for (size_t i = g->wakes.n; i-- > 0;) {
		const struct at_gwake *w = &g->wakes.v[i];

		if (w->t <= until && may_tell(g, w) && in_notification(g, w))
			return w;
	}
	return NULL;
}

/* The kernel's line of the fork, as it was written into the log at or before @t, or NULL. */
static const struct at_gspan *fork_line(const struct at_guest *g, uint64_t t)
{
	const struct at_gspan *fork = last_step(g, FSG_STEP_VMFORK, t);

	for (size_t i = 0; fork && i < g->steps.n; i++) {
		const struct at_gspan *s = &g->steps.v[i];

		if (s->x == FSG_STEP_PRINTK && s->t0 >= fork->t0 && s->t0 <= t)
			return s;
	}
	return last_step(g, FSG_STEP_PRINTK, t);
}

/*
 * The wake-up of a reader of the kernel's log: the first after the line, from an interrupt that
 * printk sends to the CPU itself or, as it is in no hurry, from the next tick of the timer.
 */
static const struct at_gwake *log_wake(const struct at_guest *g, uint64_t until)
{
	const struct at_gspan *line = fork_line(g, until);

	for (size_t i = 0; line && i < g->wakes.n; i++) {
		const struct at_gwake *w = &g->wakes.v[i];
		const struct at_gframe *f = w->by.frame ? &g->frames.v[w->by.frame - 1] : NULL;

		if (w->t >= line->t0 && w->t <= until && g->tasks.v[w->task].agent && !w->fault &&
		    !w->lock && f && f->kind == AT_GF_VECTOR)
			return w;
	}
	return NULL;
}

/*
 * The wake-up that told the agent, before @until. Where the kernel's own steps are recorded it is
 * the one inside them, or (for a reader of the kernel's log) the last one after them.
 */
const struct at_gwake *at_guest_notice(const struct at_guest *g, uint64_t until)
{
	const struct at_gspan *gen = last_step(g, FSG_STEP_VMFORK, until);
	const struct at_gwake *w;

	w = g->signal == AT_G_VMGENID ? log_wake(g, until) : clock_wake(g, until);
	if (w)
		return w;
	if (!gen)
		gen = last_step(g, FSG_STEP_VMGENID_NOTIFY, until);
	for (size_t i = g->wakes.n; i-- > 0;) {
		w = &g->wakes.v[i];
		if (w->t <= until && may_tell(g, w) &&
		    (g->signal != AT_G_VMGENID || !gen || w->t >= gen->t0))
			return w;
	}
	return NULL;
}

bool at_guest_read_awake(const struct at_guest *g, uint64_t until, struct at_gwake *out)
{
	const struct at_gspan *line = g->signal == AT_G_VMGENID ? fork_line(g, until) : NULL;

	for (size_t i = 0; line && i < g->steps.n; i++) {
		const struct at_gspan *s = &g->steps.v[i];

		if (s->x == FSG_STEP_KMSG_READ && s->t0 >= line->t0 && g->tasks.v[s->task].agent) {
			*out = (struct at_gwake){.t = line->t0, .by = line->by, .task = s->task};
			return true;
		}
	}
	return false;
}

/* --- back from there --- */

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
	s = g->signal == AT_G_VMGENID ? fork_line(g, f->t0) : NULL;
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
