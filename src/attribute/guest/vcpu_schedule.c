// SPDX-License-Identifier: BSD-2-Clause
/*
 * On which vCPU the critical path was, by the guest's own wake-ups: back from the agent's end
 * event along its thread; where that slept, along whoever woke it. Time between a wake-up and the
 * running that followed belongs to the CPU that was to run it.
 */
#include "attribute/guest/vcpu_schedule.h"
#include "attribute/guest/wake_chain.h"
#include "base/search.h"

#define MAX_STILL 64 /* steps without any time passing: the records contradict */

struct schedule {
	struct at_guest *g;
	uint64_t start, t; /* what is left: [start, t) */
	uint32_t task;     /* the path is on it at t */
	unsigned int still;
};

/* [@from, t) was on @cpu. */
static int on(struct schedule *w, uint64_t from, uint16_t cpu)
{
	struct at_gsched *last = w->g->schedule.n ? &w->g->schedule.v[w->g->schedule.n - 1] : NULL;

	if (from < w->start)
		from = w->start;
	if (from >= w->t)
		return 0;
	w->t = from;
	w->still = 0;
	if (last && last->cpu == cpu) {
		last->t0 = from;
		return 0;
	}
	return fs_vec_push(&w->g->schedule, (struct at_gsched){.t0 = from, .cpu = cpu});
}

/* Index + 1 of the last run of the task that began at @t or before. */
static size_t run_before(const struct at_gtask *k, uint64_t t)
{
	return fs_first_where(k->runs.n, i, k->runs.v[i].in > t);
}

/* The wake-up @k of the path's task, which had left its CPU at @slept (0 = before the records). */
static int to_waker(struct schedule *w, const struct at_gwake *k, uint64_t slept)
{
	struct at_gctx c = k->by;
	uint64_t t = k->t;
	int ret;

	for (int i = 0; c.frame && i < MAX_STILL; i++) {
		uint16_t cpu = c.cpu;

		if (!at_guest_from_frame(w->g, &c, &t))
			break;
		ret = on(w, t, cpu);
		if (ret)
			return ret;
	}
	if (c.frame || c.irq || !w->g->tasks.v[c.task].tid)
		/* from outside the guest: the CPU that took it waited for it, until the task slept
		 */
		return on(w, slept, k->by.cpu);
	w->task = c.task;
	w->still++;
	return 0;
}

/* One step back. Returns 1 when there is nothing further back, 0, or -ENOMEM. */
static int step(struct schedule *w)
{
	const struct at_gtask *k = &w->g->tasks.v[w->task];
	size_t i = run_before(k, w->t);
	const struct at_grun *r = i ? &k->runs.v[i - 1] : NULL;
	uint64_t slept = i >= 2 ? k->runs.v[i - 2].out : 0;
	uint16_t cpu;
	int ret;

	if (!r)
		return 1;
	cpu = r->cpu;
	if (r->in == w->t)
		w->still++;
	ret = on(w, r->in, cpu);
	if (ret || w->t <= w->start)
		return ret ? ret : 1;
	if (w->still > MAX_STILL)
		return 1;
	if (!r->wake)
		return slept ? on(w, slept < w->t ? slept : w->t, cpu) : 1;
	ret = on(w, w->g->wakes.v[r->wake - 1].t, cpu);
	return ret ? ret : to_waker(w, &w->g->wakes.v[r->wake - 1], slept);
}

/* The agent's thread at the end of the window: who sent last, else who ran last. */
static bool last_agent(const struct at_guest *g, uint64_t end, uint32_t *task)
{
	uint64_t best = 0;
	bool found = false;

	for (size_t i = g->sends.n; i-- > 0;)
		if (g->sends.v[i].t0 <= end && g->tasks.v[g->sends.v[i].task].agent) {
			*task = g->sends.v[i].task;
			return true;
		}
	for (size_t i = 0; i < g->tasks.n; i++) {
		size_t r = g->tasks.v[i].agent ? run_before(&g->tasks.v[i], end) : 0;

		if (r && (!found || g->tasks.v[i].runs.v[r - 1].in >= best)) {
			best = g->tasks.v[i].runs.v[r - 1].in;
			*task = (uint32_t)i;
			found = true;
		}
	}
	return found;
}

int at_guest_schedule(struct at_guest *g, uint64_t start, uint64_t end)
{
	struct schedule w = {.g = g, .start = start, .t = end};
	size_t steps = 0, limit = 4 * (g->wakes.n + 64);
	int ret = 0;

	for (size_t i = 0; i < g->tasks.n; i++)
		limit += g->tasks.v[i].runs.n;
	if (!last_agent(g, end, &w.task))
		return 0;
	while (w.t > w.start && !ret && steps++ < limit)
		ret = step(&w);
	if (ret < 0)
		return ret;
	/* before all that is known it stays where it was */
	return w.t > start && g->schedule.n ? on(&w, start, g->schedule.v[g->schedule.n - 1].cpu)
					    : 0;
}
