// SPDX-License-Identifier: BSD-2-Clause
/* Steps of the walk where its thread was off the CPU: whom it waited for, and who ended that. */
#include "attribute/path/step.h"

/* The VMM thread has no cause of its own for being idle: the path is that of the vCPU it served. */
static int hop_back(struct walk *w)
{
	struct at_thr *v = w->origin ? w->origin : at_default_vcpu(w->vm, w->t);
	const struct at_off *o;

	if (!v || v == w->thr || w->hops > MAX_HOPS || w->t <= w->vm->resume)
		return 0;
	o = off_at(v, w->t);
	if (o && w->t <= o->in)
		v->forced_off = v->c_off;
	w->thr = v;
	w->hops++;
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
static int follow(struct walk *w, const struct at_off *o)
{
	struct at_thr *t;
	const struct at_work *k;

	if (w->t != o->wake || w->thr->forced_off == w->thr->c_off || w->hops > MAX_HOPS)
		return 0;
	if (o->wflags & FS_W_WORK && o->work) {
		struct at_piece p = piece(FSA_C_VMM_IO);
		struct at_thr *me = w->thr;
		int ret;

		k = find_work(w->vm->proc, o);
		t = k ? at_proc_thr(w->vm->proc, k->queuer_tid) : NULL;
		if (!t || t == me || k->queue >= w->t)
			return 0;
		p.label = o->waker_who ? o->waker_who : label(w, "kernel worker");
		ret = push(w, k->queue, p);
		return ret ? ret : hop(w, t);
	}
	if (o->wflags & (FS_W_IRQ | FS_W_SOFTIRQ | FS_W_TIMER | FS_W_BIO | FS_W_UNSEEN))
		return 0;
	if (o->waker_tgid != w->vm->proc->tgid)
		return 0;
	t = at_proc_thr(w->vm->proc, o->waker_tid);
	if (!t || t == w->thr || (t->is_vcpu && w->turn_of && w->thr->is_vcpu))
		return 0;
	if (o->waker_who)
		t->comm = o->waker_who;
	return hop(w, t);
}

static uint32_t waker_label(struct walk *w, const struct at_off *o)
{
	if (o->flags & AT_OFF_STILL)
		return 0;
	if (o->wflags & FS_W_TIMER)
		return label(w, "timer");
	if (o->wflags & FS_W_BIO)
		return label(w, "block I/O");
	if (o->wflags & (FS_W_IRQ | FS_W_SOFTIRQ))
		return label(w, "interrupt");
	return o->waker_who;
}

/* Runnable, off the CPU: [wake, in) of @o. */
static int runnable(struct walk *w, const struct at_off *o, const struct at_exit *x)
{
	uint64_t ns = o->throttled_ns, room = o->in - o->wake, quota_end;
	const struct at_span *s = wait_at(w->thr, w->t);
	bool quota;
	struct at_piece p;

	if (o->wflags & FS_W_THROTTLED && !ns)
		ns = room;
	quota_end = o->wake + (ns < room ? ns : room);
	quota = w->t <= quota_end;
	/* an asynchronous fault goes on as long as its page is not there, whoever has the CPU */
	if (s && w->t <= s->t1 && !quota) {
		if (w->t <= s->done) {
			p = wait_piece(w, s, x);
			p.stack = o->stack;
			return push(w, max64(quota_end, s->t0), p);
		}
		quota_end = max64(quota_end, s->done);
	} else if (s && w->t > s->t1) {
		quota_end = max64(quota_end, s->t1);
	}
	p = x ? exit_piece(w, quota ? FSA_C_SCHED_THROTTLE : FSA_C_SCHED_DELAY, x)
	      : piece(quota ? FSA_C_SCHED_THROTTLE : FSA_C_SCHED_DELAY);
	p.label = quota ? 0 : o->who;
	p.stack = o->stack;
	return push(w, quota ? o->wake : quota_end, p);
}

/* Blocked inside KVM_RUN or the VMM's handling of an exit. */
static int vcpu_blocked(struct walk *w, const struct at_off *o, const struct at_exit *x)
{
	struct at_thr *t = w->thr;
	const struct at_span *s = wait_at(t, w->t), *u = user_at(t, w->t);
	uint64_t lo = o->out;
	enum fsa_cause cause = FSA_C_SCHED_BLOCKED;
	struct at_piece p;
	int ret;
	bool user = u && w->t <= u->t1 && u->cause == FSA_C_EXIT_VMM;

	if (!x || x->first) {
		const struct at_mm *m = slot_fault(w, &lo);

		if (m)
			return mm_piece(w, lo, m, o->st, o->flags & AT_OFF_IOWAIT);
		lo = o->out;
	}
	if (s && w->t <= s->t1) {
		p = wait_piece(w, s, x);
		p.stack = o->stack;
		return push(w, max64(lo, s->t0), p);
	}
	if (s)
		lo = max64(lo, s->t1);
	if (x && x->cause != AT_NO_FAULT && !user) {
		p = exit_piece(w, (enum fsa_cause)x->cause, x);
		p.stack = o->stack;
		return push(w, lo, p);
	}
	if (x && x->touch != AT_NO_FAULT && (o->state & 2 || o->flags & AT_OFF_IOWAIT)) {
		(void)carve(w, x);
		t->carve_left -= t->carve_left < w->t - lo ? t->carve_left : w->t - lo;
		p = touch_piece(w, x);
		p.stack = o->stack;
		return push(w, lo, p);
	}
	/* a sleep of a fault is the fault's, whoever ended it; any other depends on that */
	if (o->flags & AT_OFF_UNSEEN)
		return push(w, lo, piece(FSA_C_UNKNOWN));
	ret = follow(w, o);
	if (ret)
		return ret < 0 ? ret : 0;
	if (x && !user && at_is_halt(x->hints, x->reason, x->isa))
		cause = FSA_C_GUEST_IDLE;
	p = x ? exit_piece(w, cause, x) : piece(cause);
	p.label = waker_label(w, o);
	p.stack = o->stack;
	return push(w, lo, p);
}

/* Another thread of the VMM, blocked. */
static int vmm_blocked(struct walk *w, const struct at_off *o)
{
	uint64_t lo = o->out;
	const struct at_mm *m = slot_fault(w, &lo);
	struct at_piece p = piece(FSA_C_SCHED_BLOCKED);
	int ret;

	if (m)
		return mm_piece(w, lo, m, o->st, o->flags & AT_OFF_IOWAIT);
	/* only the fault's beginning is known: the stack tells that this sleep belongs to it */
	lo = o->out;
	m = mm_at(w->thr, w->t);
	if (m && !m->has_end && o->st & (AT_ST_FAULT | AT_ST_READ | AT_ST_UFFD) &&
	    m->t0 <= o->out && at_slot_has(w->vm, m->addr))
		return mm_piece(w, o->out, m, o->st, o->flags & AT_OFF_IOWAIT);
	if (o->flags & AT_OFF_UNSEEN)
		return push(w, o->out, piece(FSA_C_UNKNOWN));
	ret = follow(w, o);
	if (!ret && !w->thr->is_vcpu)
		ret = hop_back(w);
	if (ret)
		return ret < 0 ? ret : 0;
	if (o->wflags & FS_W_BIO || o->flags & AT_OFF_IOWAIT) {
		p.cause = FSA_C_VMM_IO; /* reads or writes for the VM, the snapshot say */
		p.label = label(w, "block I/O");
	} else {
		p.label = waker_label(w, o);
	}
	p.stack = o->stack;
	return push(w, lo, p);
}

int at_path_off_cpu(struct walk *w, const struct at_off *o)
{
	struct at_thr *t = w->thr;
	const struct at_exit *x = NULL;
	bool ran = t->is_vcpu && (!t->first_run || w->t > t->first_run);
	struct at_piece p;

	if (ran) {
		x = exit_at(t, w->t);
		if (x && w->t > x->t1)
			x = NULL;
	}
	if (w->t > o->wake)
		return runnable(w, o, x);
	/* __TASK_STOPPED, __TASK_TRACED */
	if (o->state & (4 | 8)) {
		p = x ? exit_piece(w, FSA_C_SCHED_BLOCKED, x) : piece(FSA_C_SCHED_BLOCKED);
		p.label = label(w, o->state & 4 ? "stopped" : "traced");
		return push(w, o->out, p);
	}
	if (ran)
		return vcpu_blocked(w, o, x);
	if (t->is_vcpu && w->t > w->vm->resume) {
		uint64_t lo = o->out;
		bool unsure = may_have_run(t, o->in);
		const struct at_mm *m = unsure ? slot_fault(w, &lo) : NULL;

		if (m)
			return mm_piece(w, lo, m, o->st, o->flags & AT_OFF_IOWAIT);
		if (o->flags & AT_OFF_UNSEEN || unsure)
			return push(w, max64(o->out, w->vm->resume), piece(FSA_C_UNKNOWN));
		/* resumed, but something of the VMM still held it: a lock */
		p = piece(FSA_C_SCHED_BLOCKED);
		p.label = waker_label(w, o);
		p.stack = o->stack;
		return push(w, max64(o->out, w->vm->resume), p);
	}
	return vmm_blocked(w, o);
}
