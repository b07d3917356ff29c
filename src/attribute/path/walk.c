// SPDX-License-Identifier: BSD-2-Clause
/*
 * The critical path of a window: from its end back to its start, along the thread that did the
 * end event and, where that thread was blocked or halted, along whatever woke it.
 *
 * Each step yields one segment [lo, t) and goes on at lo, so the segments are gapless by
 * construction. Time only moves backwards, and with it one cursor per timeline: the walk is linear.
 */
#include "attribute/path/walk.h"
#include "attribute/guest/timelines.h"
#include "attribute/path/step.h"
#include "attribute/records/losses.h"

static uint64_t birth(const struct at_thr *t)
{
	return at_max64(t->born, t->seen);
}

/* Code of the VMM on the CPU, outside KVM_RUN. */
static int vmm_code(struct at_walk *w, uint64_t lo, enum fsa_cause cause)
{
	const struct at_mm *m;
	const struct at_hole *h;
	struct at_segment p = at_segment_of(cause);

	lo = at_max64(lo, birth(w->thr));
	m = at_slot_fault(w, &lo);
	if (m)
		return at_push_mm(w, lo, m, 0, false);
	h = at_hole_in(w->a, w->thr->c_off ? w->thr->offs.v[w->thr->c_off - 1].cpu : UINT32_MAX, lo,
		       w->t);
	if (h) {
		if (h->t1 < w->t)
			lo = at_max64(lo, h->t1);
		else
			p = at_segment_of(FSA_C_UNKNOWN);
	}
	p.label = w->thr->comm;
	return at_push(w, lo, p);
}

/* How long the halt of @x lasted: what comes after is the kernel's return to the guest. */
static uint64_t halt_end(const struct at_thr *t, const struct at_exit *x)
{
	uint64_t end = x->halt_ns ? x->t0 + x->halt_ns : x->t0;

	/* the cursor stands at or before the last sleep in the segment; look ahead for it */
	for (size_t i = t->c_off; i < t->offs.n && t->offs.v[i].out < x->t1; i++)
		end = at_max64(end, t->offs.v[i].in);
	for (size_t i = t->c_off; i-- > 0 && t->offs.v[i].out >= x->t0;) {
		end = at_max64(end, t->offs.v[i].in);
		break;
	}
	return end < x->t1 ? end : x->t1;
}

/* On the CPU inside exit @x; the last sleep ended at @lo or before. */
static int in_exit(struct at_walk *w, const struct at_exit *x, uint64_t lo)
{
	struct at_thr *t = w->thr;
	const struct at_span *u = at_user_at(t, w->t), *s = at_wait_at(t, w->t);
	enum fsa_cause cause = FSA_C_EXIT_KERNEL;
	struct at_segment p;
	bool user = false;

	lo = at_max64(lo, x->t0);
	if (x->first) { /* page faults before the first exit have records of their own */
		const struct at_mm *m = at_slot_fault(w, &lo);

		if (m)
			return at_push_mm(w, lo, m, 0, false);
	}
	if (u) {
		user = w->t <= u->t1;
		lo = at_max64(lo, user ? u->t0 : u->t1);
	}
	if (s && w->t <= s->t1)
		return at_push(w, at_max64(lo, s->t0), at_wait_segment(w, s, x));
	if (s)
		lo = at_max64(lo, s->t1);
	if (x->cause != AT_NO_FAULT && !user)
		return at_push(w, lo, at_exit_segment(w, (enum fsa_cause)x->cause, x));
	if (at_touch_left(w, x)) {
		uint64_t len = w->t - lo;

		if (len > t->touch_left)
			lo = w->t - t->touch_left;
		t->touch_left -= w->t - lo;
		return at_push(w, lo, at_touch_segment(w, x));
	}
	if (user) {
		cause = (enum fsa_cause)u->cause;
	} else if (at_is_halt(x->hints, x->reason, x->isa)) {
		uint64_t end = halt_end(t, x);

		if (w->t > end)
			lo = at_max64(lo, end);
		else
			cause = FSA_C_GUEST_IDLE;
	}
	p = at_exit_segment(w, cause, x);
	if (cause == FSA_C_EXIT_KERNEL && at_is_irq_exit(x->reason, x->isa))
		p.label = at_walk_label(w, "irq");
	return at_push(w, lo, p);
}

/* On the CPU, in KVM_RUN, in no exit that is known: guest mode, if the records reach that far. */
static int in_guest(struct at_walk *w, const struct at_exit *before, uint64_t lo)
{
	struct at_thr *t = w->thr;
	const struct at_exit *after = t->c_exit < t->exits.n ? &t->exits.v[t->c_exit] : NULL;
	const struct at_span *u = at_user_at(t, w->t);
	const struct at_mm *m;
	struct at_segment p = at_segment_of(FSA_C_GUEST_RUN);
	const struct at_hole *h;
	uint64_t slept = lo; /* a switch since the entry ended guest mode there */

	lo = at_max64(lo, before ? before->t1 : t->first_run);
	m = before ? NULL : at_slot_fault(w, &lo);
	if (m)
		return at_push_mm(w, lo, m, 0, false);
	if (u && w->t <= u->t1) {
		p = at_segment_of(FSA_C_EXIT_VMM);
		return at_push(w, at_max64(lo, u->t0), p);
	}
	if (u)
		lo = at_max64(lo, u->t1);
	if (!before && after && after->first) {
		p.cause = FSA_C_EXIT_KERNEL; /* in KVM_RUN, but it never got to the guest */
		return at_push(w, lo, p);
	}
	if (!w->vm->has_exits || !before) {
		/* this KVM shows no exits, or the first entry was not seen */
		if (w->t > t->cover)
			w->path->uncovered = true;
		return at_push(w, lo, at_segment_of(FSA_C_UNKNOWN));
	}
	if (w->t > t->cover) {
		w->path->uncovered = true;
		return at_push(w, at_max64(lo, t->cover), at_segment_of(FSA_C_UNKNOWN));
	}
	if (slept > before->t1) {
		p.cause = FSA_C_EXIT_KERNEL;
		return at_push(w, lo, p);
	}
	h = at_hole_in(w->a, before->cpu, lo, w->t);
	if (h && h->t1 < w->t)
		lo = at_max64(lo, h->t1);
	else if (h)
		return at_push(w, lo, at_segment_of(FSA_C_UNKNOWN));
	if (after) {
		p.exit = (uint32_t)t->c_exit + 1;
		p.flags = AT_P_CLOSES;
	}
	return at_push(w, lo, p);
}

/* Which vCPU the guest's schedule names at the walk's moment; segments end where it changes. */
static void follow_schedule(struct at_walk *w)
{
	const struct at_guest *g = w->vm->guest;

	while (w->schedule < g->schedule.n && g->schedule.v[w->schedule].t0 >= w->t)
		w->schedule++;
	w->scheduled = NULL;
	w->floor = w->start;
	if (w->schedule >= g->schedule.n)
		return;
	w->floor = at_max64(w->start, g->schedule.v[w->schedule].t0);
	w->scheduled = at_guest_vcpu(w->vm, g->schedule.v[w->schedule].cpu);
	/* before it was resumed only the host knows */
	if (w->scheduled && w->thr->is_vcpu && w->t > w->vm->resume)
		w->thr = w->scheduled;
}

/*
 * What a thread does on its CPU that is not in KVM_RUN, or has not entered the guest yet. Where its
 * first KVM_RUN was not seen, the kernel's path to the first entry lies somewhere in that time.
 */
static enum fsa_cause outside(const struct at_walk *w, const struct at_thr *t)
{
	if (!t->is_vcpu || w->t <= w->vm->resume)
		return FSA_C_VMM_IO;
	return at_may_have_run(t, w->t) ? FSA_C_UNKNOWN : FSA_C_EXIT_VMM;
}

static int step(struct at_walk *w)
{
	struct at_thr *t = w->thr;
	const struct at_off *o = at_off_at(t, w->t);
	const struct at_exit *x;
	uint64_t lo = o ? o->in : 0;

	if (t->born && w->t <= t->born) {
		struct at_thr *parent = at_proc_thr(w->vm->proc, t->parent_tid);

		if (parent && parent != t && w->switches <= AT_MAX_SWITCHES)
			return at_switch_to(w, parent) < 0 ? -EPROTO : 0;
		return at_push(w, w->start, at_segment_of(FSA_C_UNKNOWN));
	}
	if (o && w->t <= o->in)
		return at_path_off_cpu(w, o);
	if (w->t <= t->seen)
		return at_push(w, at_max64(w->start, t->born), at_segment_of(FSA_C_UNKNOWN));
	if (!t->is_vcpu || !t->first_run || w->t <= t->first_run) {
		if (at_may_have_run(t, w->t))
			lo = at_max64(lo, t->in_user);
		return vmm_code(w, lo, outside(w, t));
	}
	lo = at_max64(lo, t->first_run);
	x = at_exit_at(t, w->t);
	if (x && w->t <= x->t1)
		return in_exit(w, x, o ? o->in : 0);
	return in_guest(w, x, lo);
}

int at_path_walk(struct at *a, struct at_vm *vm, struct at_path *path)
{
	struct at_walk w = {.a = a, .vm = vm, .path = path, .start = vm->start, .t = vm->end};
	int ret = at_path_prepare(vm);

	path->p.n = path->thr.n = 0;
	path->end = vm->end;
	path->uncovered = false;
	if (ret)
		return ret;
	w.thr = at_proc_thr(vm->proc, vm->end_tid);
	if (!w.thr || !vm->end_tid)
		w.thr = at_default_vcpu(vm, vm->end);
	w.floor = w.start;
	while (w.t > w.start && !ret) {
		if (vm->guest && vm->guest->schedule.n && w.thr)
			follow_schedule(&w);
		ret = w.thr ? step(&w) : at_push(&w, w.start, at_segment_of(FSA_C_UNKNOWN));
	}
	return ret;
}
