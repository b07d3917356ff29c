// SPDX-License-Identifier: BSD-2-Clause
/*
 * The path's segments, split by the guest's own timelines: each gets the stage of its time; guest
 * mode gets the cause that the guest's records show. Every split yields two segments that meet
 * there, so what was gapless stays so.
 */
#include <stdlib.h>
#include "attribute/guest/guest_names.h"
#include "attribute/path/walk.h"
#include "attribute/state/at.h"
#include "base/search.h"

struct split {
	struct at *a;
	struct at_vm *vm;
	struct at_guest *g;
	struct at_path *path;
	FS_VEC(struct at_segment) out; /* the latest first, as in the path */
	size_t fault;                  /* cursor in g->faults of the agent */
	at_gspans sleeps;              /* page faults of the agent, in order */
};

static uint8_t stage_at(const struct at_guest *g, uint64_t t)
{
	for (size_t i = 0; i < g->npath_stages; i++)
		if (t < g->path_stages[i].at_ns)
			return (uint8_t)g->path_stages[i].stage;
	return g->npath_stages ? (uint8_t)g->path_stages[g->npath_stages - 1].stage : FSA_S_GUEST;
}

/* The last end of a stage in (@lo, @hi), or @lo. */
static uint64_t stage_cut(const struct at_guest *g, uint64_t lo, uint64_t hi)
{
	for (size_t i = 0; i < g->npath_stages; i++)
		if (g->path_stages[i].at_ns > lo && g->path_stages[i].at_ns < hi)
			lo = g->path_stages[i].at_ns;
	return lo;
}

/* What the CPU did just before @hi, or NULL. Calls of one CPU must come with falling @hi. */
static const struct at_gseg *seg_before(struct at_guest *g, uint32_t cpu, uint64_t hi)
{
	struct at_gcpu *c = cpu < FSG_MAX_CPUS ? &g->cpus[cpu] : NULL;

	if (!c)
		return NULL;
	while (c->cursor && c->segs.v[c->cursor - 1].t0 >= hi)
		c->cursor--;
	return c->cursor ? &c->segs.v[c->cursor - 1] : NULL;
}

static bool on_chain(const struct at_guest *g, uint32_t task, uint64_t t)
{
	for (size_t i = 0; i < g->chain.n; i++)
		if (g->chain.v[i].task == task && t >= g->chain.v[i].t0 && t < g->chain.v[i].t1)
			return true;
	return false;
}

static enum fsa_cause cause_of(const struct at_guest *g, const struct at_gseg *s, uint64_t t)
{
	const struct at_gtask *task = &g->tasks.v[s->task];

	if (s->lost)
		return FSA_C_GUEST_RUN;
	if (s->frame)
		return g->frames.v[s->frame - 1].signal && t < g->notified ? FSA_C_GUEST_SIGNAL
									   : FSA_C_GUEST_OTHER;
	if (s->fault)
		return FSA_C_GUEST_FAULT;
	if (!task->tid)
		return FSA_C_GUEST_IDLE;
	if (task->agent)
		return FSA_C_GUEST_SIGNAL;
	if (t < g->notified &&
	    ((s->work && g->works.v[s->work - 1].signal) || on_chain(g, s->task, t)))
		return FSA_C_GUEST_SIGNAL;
	return FSA_C_GUEST_OTHER;
}

/* The last moment in (@lo, @hi) at which a task on the chain comes onto or leaves it, or @lo. */
static uint64_t chain_cut(const struct at_guest *g, uint32_t task, uint64_t lo, uint64_t hi)
{
	for (size_t i = 0; i < g->chain.n; i++) {
		const struct at_gspan *s = &g->chain.v[i];

		if (s->task != task)
			continue;
		if (s->t0 > lo && s->t0 < hi)
			lo = s->t0;
		if (s->t1 > lo && s->t1 < hi)
			lo = s->t1;
	}
	return lo;
}

/*
 * Moving the guest's times later lengthens what came first in a segment that was split, and
 * shortens what came last in it; what lies between keeps its length.
 */
static void note_shift(struct split *s, size_t first)
{
	const struct at_segment *last = &s->out.v[first], *begin = &s->out.v[s->out.n - 1];

	if (last == begin)
		return;
	s->g->shift[fsa_bucket_of((enum fsa_stage)begin->stage, (enum fsa_cause)begin->cause)]++;
	s->g->shift[fsa_bucket_of((enum fsa_stage)last->stage, (enum fsa_cause)last->cause)]--;
}

static int keep(struct split *s, struct at_segment p, uint64_t lo)
{
	p.t0 = lo;
	p.stage = stage_at(s->g, lo);
	return fs_vec_push(&s->out, p);
}

/* Guest mode [p->t0, hi) on vCPU @cpu, from its end back. */
static int split_run(struct split *s, struct at_segment p, uint64_t hi, uint32_t cpu)
{
	while (hi > p.t0) {
		const struct at_gseg *k = s->g->split ? seg_before(s->g, cpu, hi) : NULL;
		uint64_t lo = stage_cut(s->g, k && k->t0 > p.t0 ? k->t0 : p.t0, hi);
		struct at_segment q = p;

		if (k) {
			lo = chain_cut(s->g, k->task, lo, hi);
			q.cause = (uint8_t)cause_of(s->g, k, lo);
			q.guest = at_guest_label(s->a, s->g, k);
		}
		if (keep(s, q, lo))
			return -ENOMEM;
		/* the exit at its end says nothing of what ran before something else did */
		p.exit = 0;
		p.flags &= (uint8_t)~AT_P_CLOSES;
		hi = lo;
	}
	return 0;
}

/* The agent's last page fault that began before @hi, or NULL. */
static const struct at_gspan *sleep_before(struct split *s, uint64_t hi)
{
	while (s->fault && s->sleeps.v[s->fault - 1].t0 >= hi)
		s->fault--;
	return s->fault ? &s->sleeps.v[s->fault - 1] : NULL;
}

/* Halted: for the agent's own page, if it waits for one. */
static int split_idle(struct split *s, struct at_segment p, uint64_t hi)
{
	while (hi > p.t0) {
		const struct at_gspan *f = sleep_before(s, hi);
		uint64_t lo = p.t0;
		struct at_segment q = p;

		if (f && hi <= f->t1) {
			lo = f->t0 > lo ? f->t0 : lo;
			q.cause = FSA_C_GUEST_FAULT;
			q.guest = at_guest_task_label(s->a, &s->g->tasks.v[f->task]);
		} else if (f && f->t1 > lo) {
			lo = f->t1;
		}
		lo = stage_cut(s->g, lo, hi);
		if (keep(s, q, lo))
			return -ENOMEM;
		hi = lo;
	}
	return 0;
}

static bool is_frame(const struct fsr_guest_data *d, uint64_t gpa)
{
	uint64_t gfn = gpa / FSG_PAGE;
	size_t at = fs_first_where(d->nframes, i, d->frames[i] >= gfn);

	return at < d->nframes && d->frames[at] == gfn;
}

/* The guest-physical address of the fault that @p is a segment of, 0 = not known. */
static uint64_t fault_gpa(const struct at_path *path, const struct at_segment *p)
{
	const struct at_thr *t = at_segment_thr(path, p);
	const struct at_exit *x = at_segment_exit(path, p);

	if (!p->fault || p->flags & AT_P_MM)
		return 0;
	if (!(p->flags & AT_P_WAIT))
		return x ? x->gpa : 0;
	x = at_exit_of_wait(t, &t->waits.v[p->fault - 1]);
	return x ? x->gpa : 0;
}

/* What the host did keeps its cause, but for faults at the recorder's own pages. */
static int split_host(struct split *s, struct at_segment p, uint64_t hi)
{
	uint64_t gpa = fault_gpa(s->path, &p);

	if (gpa && is_frame(s->g->data, gpa)) {
		p.cause = FSA_C_TRACER;
		p.fault = 0;
	}
	while (hi > p.t0) {
		uint64_t lo = stage_cut(s->g, p.t0, hi);

		if (keep(s, p, lo))
			return -ENOMEM;
		hi = lo;
	}
	return 0;
}

static int prepare(struct split *s)
{
	for (size_t i = 0; i < FSG_MAX_CPUS; i++)
		s->g->cpus[i].cursor = s->g->cpus[i].segs.n;
	for (size_t i = 0; i < s->g->faults.n; i++)
		if (s->g->tasks.v[s->g->faults.v[i].task].agent &&
		    fs_vec_push(&s->sleeps, s->g->faults.v[i]))
			return -ENOMEM;
	s->fault = s->sleeps.n;
	return 0;
}

/* The guest's number of the CPU that @t runs. */
static uint32_t cpu_of(const struct at_vm *vm, const struct at_thr *t)
{
	for (uint16_t i = 0; i < FSG_MAX_CPUS; i++)
		if (at_guest_vcpu(vm, i) == t)
			return i;
	return FSG_MAX_CPUS;
}

int at_guest_split(struct at *a, struct at_vm *vm, struct at_path *path)
{
	struct split s = {.a = a, .vm = vm, .g = vm->guest, .path = path};
	int ret;

	if (!vm->guest || !vm->guest->used)
		return 0;
	ret = prepare(&s);
	for (size_t i = 0; i < path->p.n && !ret; i++) {
		const struct at_segment *p = &path->p.v[i];
		const struct at_thr *t = at_segment_thr(path, p);
		uint64_t hi = at_segment_end(path, i);
		size_t first = s.out.n;

		if (p->cause == FSA_C_GUEST_RUN)
			ret = split_run(&s, *p, hi, cpu_of(vm, t));
		else if (p->cause == FSA_C_GUEST_IDLE)
			ret = split_idle(&s, *p, hi);
		else
			ret = split_host(&s, *p, hi);
		if (!ret)
			note_shift(&s, first);
	}
	fs_vec_free(&s.sleeps);
	if (ret) {
		fs_vec_free(&s.out);
		return ret;
	}
	free(path->p.v);
	path->p.v = s.out.v;
	path->p.n = s.out.n;
	path->p.cap = s.out.cap;
	return 0;
}
