// SPDX-License-Identifier: BSD-2-Clause
/* Steps of the walk where its thread was off the CPU: whom it waited for, and who ended that. */
#include "attribute/path/step.h"

/* The VMM thread has no cause of its own for being idle: the path is that of the vCPU it served. */
static int switch_back(struct at_walk *w)
{
	struct at_thr *v = w->origin ? w->origin : at_default_vcpu(w->vm, w->t);
	const struct at_off *o;

	if (!v || v == w->thr || w->switches > AT_MAX_SWITCHES || w->t <= w->vm->resume)
		return 0;
	o = at_off_at(v, w->t);
	if (o && w->t <= o->in)
		v->forced_off = v->c_off;
	w->thr = v;
	w->switches++;
	return 1;
}

static const struct at_work *find_work(const struct at_proc *p, const struct at_off *o)
{
	for (size_t i = p->works.n; i-- > 0;) {
		const struct at_work *k = &p->works.v[i];

		if (k->work == o->work && k->worker_tid == o->waker_tid && k->start <= o->wake &&
		    k->end >= o->wake)
			return k;
	}
	return NULL;
}

/*
 * From a sleep (@w->t is its wake-up, or a moment inside it) to who ended it. Returns 1 when the
 * path went there, 0 when it cannot be followed, or a negative errno.
 */
static int follow(struct at_walk *w, const struct at_off *o)
{
	struct at_thr *t;
	const struct at_work *k;

	if (w->t != o->wake || w->thr->forced_off == w->thr->c_off || w->switches > AT_MAX_SWITCHES)
		return 0;
	if (o->wflags & FS_W_WORK && o->work) {
		struct at_segment p = at_segment_of(FSA_C_VMM_IO);
		struct at_thr *me = w->thr;
		int ret;

		k = find_work(w->vm->proc, o);
		t = k ? at_proc_thr(w->vm->proc, k->queuer_tid) : NULL;
		if (!t || t == me || k->queue >= w->t)
			return 0;
		p.label = o->waker_who ? o->waker_who : at_walk_label(w, "kernel worker");
		ret = at_push(w, k->queue, p);
		return ret ? ret : at_switch_to(w, t);
	}
	if (o->wflags & (FS_W_IRQ | FS_W_SOFTIRQ | FS_W_TIMER | FS_W_BIO | FS_W_UNSEEN))
		return 0;
	if (o->waker_tgid != w->vm->proc->tgid)
		return 0;
	t = at_proc_thr(w->vm->proc, o->waker_tid);
	if (!t || t == w->thr || (t->is_vcpu && w->scheduled && w->thr->is_vcpu))
		return 0;
	if (o->waker_who)
		t->comm = o->waker_who;
	return at_switch_to(w, t);
}

static uint32_t waker_label(struct at_walk *w, const struct at_off *o)
{
	if (o->flags & AT_OFF_STILL)
		return 0;
	if (o->wflags & FS_W_TIMER)
		return at_walk_label(w, "timer");
	if (o->wflags & FS_W_BIO)
		return at_walk_label(w, "block I/O");
	if (o->wflags & (FS_W_IRQ | FS_W_SOFTIRQ))
		return at_walk_label(w, "interrupt");
	return o->waker_who;
}

/* Runnable, off the CPU: [wake, in) of @o. */
static int runnable(struct at_walk *w, const struct at_off *o, const struct at_exit *x)
{
	uint64_t ns = o->throttled_ns, room = o->in - o->wake, quota_end;
	const struct at_span *s = at_wait_at(w->thr, w->t);
	bool quota;
	struct at_segment p;

	if (o->wflags & FS_W_THROTTLED && !ns)
		ns = room;
	quota_end = o->wake + (ns < room ? ns : room);
	quota = w->t <= quota_end;
	/* an asynchronous fault goes on as long as its page is not there, whoever has the CPU */
	if (s && w->t <= s->t1 && !quota) {
		if (w->t <= s->done) {
			p = at_wait_segment(w, s, x);
			p.stack = o->stack;
			return at_push(w, at_max64(quota_end, s->t0), p);
		}
		quota_end = at_max64(quota_end, s->done);
	} else if (s && w->t > s->t1) {
		quota_end = at_max64(quota_end, s->t1);
	}
	p = x ? at_exit_segment(w, quota ? FSA_C_SCHED_THROTTLE : FSA_C_SCHED_DELAY, x)
	      : at_segment_of(quota ? FSA_C_SCHED_THROTTLE : FSA_C_SCHED_DELAY);
	p.label = quota ? 0 : o->who;
	p.stack = o->stack;
	return at_push(w, quota ? o->wake : quota_end, p);
}

/* Blocked inside KVM_RUN or the VMM's handling of an exit. */
static int vcpu_blocked(struct at_walk *w, const struct at_off *o, const struct at_exit *x)
{
	struct at_thr *t = w->thr;
	const struct at_span *s = at_wait_at(t, w->t), *u = at_user_at(t, w->t);
	uint64_t lo = o->out;
	enum fsa_cause cause = FSA_C_SCHED_BLOCKED;
	struct at_segment p;
	int ret;
	bool user = u && w->t <= u->t1 && u->cause == FSA_C_EXIT_VMM;

	if (!x || x->first) {
		const struct at_mm *m = at_slot_fault(w, &lo);

		if (m)
			return at_push_mm(w, lo, m, o->st, o->flags & AT_OFF_IOWAIT);
		lo = o->out;
	}
	if (s && w->t <= s->t1) {
		p = at_wait_segment(w, s, x);
		p.stack = o->stack;
		return at_push(w, at_max64(lo, s->t0), p);
	}
	if (s)
		lo = at_max64(lo, s->t1);
	if (x && x->cause != AT_NO_FAULT && !user) {
		p = at_exit_segment(w, (enum fsa_cause)x->cause, x);
		p.stack = o->stack;
		return at_push(w, lo, p);
	}
	if (x && x->touch != AT_NO_FAULT && (o->state & 2 || o->flags & AT_OFF_IOWAIT)) {
		(void)at_touch_left(w, x);
		t->touch_left -= t->touch_left < w->t - lo ? t->touch_left : w->t - lo;
		p = at_touch_segment(w, x);
		p.stack = o->stack;
		return at_push(w, lo, p);
	}
	/* a sleep of a fault is the fault's, whoever ended it; any other depends on that */
	if (o->flags & AT_OFF_UNSEEN)
		return at_push(w, lo, at_segment_of(FSA_C_UNKNOWN));
	ret = follow(w, o);
	if (ret)
		return ret < 0 ? ret : 0;
	if (x && !user && at_is_halt(x->hints, x->reason, x->isa))
		cause = FSA_C_GUEST_IDLE;
	p = x ? at_exit_segment(w, cause, x) : at_segment_of(cause);
	p.label = waker_label(w, o);
	p.stack = o->stack;
	return at_push(w, lo, p);
}

/* Another thread of the VMM, blocked. */
static int vmm_blocked(struct at_walk *w, const struct at_off *o)
{
	uint64_t lo = o->out;
	const struct at_mm *m = at_slot_fault(w, &lo);
	struct at_segment p = at_segment_of(FSA_C_SCHED_BLOCKED);
	int ret;

	if (m)
		return at_push_mm(w, lo, m, o->st, o->flags & AT_OFF_IOWAIT);
	/* only the fault's beginning is known: the stack shows that this sleep belongs to it */
	lo = o->out;
	m = at_mm_at(w->thr, w->t);
	if (m && !m->has_end && o->st & (AT_ST_FAULT | AT_ST_READ | AT_ST_UFFD) &&
	    m->t0 <= o->out && at_slot_has(w->vm, m->addr))
		return at_push_mm(w, o->out, m, o->st, o->flags & AT_OFF_IOWAIT);
	if (o->flags & AT_OFF_UNSEEN)
		return at_push(w, o->out, at_segment_of(FSA_C_UNKNOWN));
	ret = follow(w, o);
	if (!ret && !w->thr->is_vcpu)
		ret = switch_back(w);
	if (ret)
		return ret < 0 ? ret : 0;
	if (o->wflags & FS_W_BIO || o->flags & AT_OFF_IOWAIT) {
		p.cause = FSA_C_VMM_IO; /* reads or writes for the VM, the snapshot say */
		p.label = at_walk_label(w, "block I/O");
	} else {
		p.label = waker_label(w, o);
	}
	p.stack = o->stack;
	return at_push(w, lo, p);
}

int at_path_off_cpu(struct at_walk *w, const struct at_off *o)
{
	struct at_thr *t = w->thr;
	const struct at_exit *x = NULL;
	bool ran = t->is_vcpu && (!t->first_run || w->t > t->first_run);
	struct at_segment p;

	if (ran) {
		x = at_exit_at(t, w->t);
		if (x && w->t > x->t1)
			x = NULL;
	}
	if (w->t > o->wake)
		return runnable(w, o, x);
	/* __TASK_STOPPED, __TASK_TRACED */
	if (o->state & (4 | 8)) {
		p = x ? at_exit_segment(w, FSA_C_SCHED_BLOCKED, x)
		      : at_segment_of(FSA_C_SCHED_BLOCKED);
		p.label = at_walk_label(w, o->state & 4 ? "stopped" : "traced");
		return at_push(w, o->out, p);
	}
	if (ran)
		return vcpu_blocked(w, o, x);
	if (t->is_vcpu && w->t > w->vm->resume) {
		uint64_t lo = o->out;
		bool unsure = at_may_have_run(t, o->in);
		const struct at_mm *m = unsure ? at_slot_fault(w, &lo) : NULL;

		if (m)
			return at_push_mm(w, lo, m, o->st, o->flags & AT_OFF_IOWAIT);
		if (o->flags & AT_OFF_UNSEEN || unsure)
			return at_push(w, at_max64(o->out, w->vm->resume),
				       at_segment_of(FSA_C_UNKNOWN));
		/* resumed, but something of the VMM still held it: a lock */
		p = at_segment_of(FSA_C_SCHED_BLOCKED);
		p.label = waker_label(w, o);
		p.stack = o->stack;
		return at_push(w, at_max64(o->out, w->vm->resume), p);
	}
	return vmm_blocked(w, o);
}
