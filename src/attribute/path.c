// SPDX-License-Identifier: BSD-2-Clause
/*
 * The critical path of a window: from its end back to its start, along the thread that did the
 * end event and, where that thread was blocked or halted, along whatever woke it.
 *
 * Each step yields one piece [lo, t) and goes on at lo, so the pieces are gapless by construction.
 * Time only moves backwards, and with it one cursor per timeline: the walk is linear.
 */
#include <stdlib.h>
#include <string.h>
#include "attribute/guest.h"
#include "attribute/path.h"

#define HOT      inline __attribute__((always_inline))
#define MAX_HOPS 64 /* changes of thread without any time passing: the records contradict */

static uint64_t max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The index of the walk's thread in the path's table of them. */
static int name_thread(struct walk *w)
{
	size_t i;

	if (w->named == w->thr && w->path->thr.n)
		return 0;
	for (i = 0; i < w->path->thr.n && w->path->thr.v[i] != w->thr; i++)
		;
	if (i > UINT16_MAX)
		return -EOVERFLOW;
	if (i == w->path->thr.n && fs_vec_push(&w->path->thr, w->thr))
		return -ENOMEM;
	w->named = w->thr;
	w->index = (uint16_t)i;
	return 0;
}

/*
 * Appends [lo, t) and moves the walk to lo. Inlined, as what makes its pieces: copying them from
 * call to call costs as much as the rest of the walk.
 */
static HOT int push(struct walk *w, uint64_t lo, struct at_piece p)
{
	lo = lo < w->floor ? w->floor : lo;
	if (lo >= w->t)
		return -EPROTO; /* no progress: an error of this program */
	if (w->named != w->thr || w->path->p.n == w->path->p.cap) {
		int ret = name_thread(w);

		if (ret || fs_vec_reserve(&w->path->p, 1))
			return ret ? ret : -ENOMEM;
	}
	p.t0 = lo;
	p.thr = w->index;
	w->t = lo;
	w->hops = 0;
	w->path->p.v[w->path->p.n++] = p;
	return 0;
}

static HOT struct at_piece piece(enum fsa_cause cause)
{
	return (struct at_piece){
		.cause = (uint8_t)cause, .stage = FSA_S_GUEST, .stack = FS_NO_STACK};
}

/* Makes @p a piece of the fault that exit @index is, or of the asynchronous one that begins in it.
 */
static HOT void of_fault(const struct at_thr *t, struct at_piece *p, size_t index)
{
	const struct at_exit *x = &t->exits.v[index];

	p->fault = (uint32_t)index + 1;
	if (x->hints & FS_H_APF_NOT_PRESENT && t->c_wait < t->waits.n &&
	    t->waits.v[t->c_wait].t0 <= x->t1) {
		p->fault = (uint32_t)t->c_wait + 1;
		p->flags |= AT_P_WAIT;
	}
}

static HOT struct at_piece exit_piece(struct walk *w, enum fsa_cause cause, const struct at_exit *x)
{
	struct at_piece p = piece(cause);
	size_t index = (size_t)(x - w->thr->exits.v);

	p.exit = (uint32_t)index + 1;
	if (cause == x->cause && x->cause != AT_NO_FAULT) {
		p.stack = x->stack;
		of_fault(w->thr, &p, index);
	}
	return p;
}

/* Waiting for the asynchronous page fault @s, perhaps in exit @x. */
static struct at_piece wait_piece(struct walk *w, const struct at_span *s, const struct at_exit *x)
{
	struct at_piece p =
		x ? exit_piece(w, (enum fsa_cause)s->cause, x) : piece((enum fsa_cause)s->cause);

	p.fault = (uint32_t)(s - w->thr->waits.v) + 1;
	p.flags = AT_P_WAIT;
	return p;
}

/* Guest memory that was touched in @x, which is no fault itself. */
static struct at_piece touch_piece(struct walk *w, const struct at_exit *x)
{
	struct at_piece p = exit_piece(w, (enum fsa_cause)x->touch, x);

	p.fault = p.exit;
	return p;
}

static uint32_t label(struct walk *w, const char *text)
{
	return at_str(w->a, text, 64);
}

/* --- where on its timelines a thread was at the walk's moment --- */

static const struct at_exit *exit_at(struct at_thr *t, uint64_t at)
{
	while (t->c_exit && t->exits.v[t->c_exit - 1].t0 >= at)
		t->c_exit--;
	return t->c_exit ? &t->exits.v[t->c_exit - 1] : NULL; /* inside it if at <= its t1 */
}

static const struct at_off *off_at(struct at_thr *t, uint64_t at)
{
	while (t->c_off && t->offs.v[t->c_off - 1].out >= at)
		t->c_off--;
	return t->c_off ? &t->offs.v[t->c_off - 1] : NULL;
}

static const struct at_span *user_at(struct at_thr *t, uint64_t at)
{
	while (t->c_user && t->users.v[t->c_user - 1].t0 >= at)
		t->c_user--;
	return t->c_user ? &t->users.v[t->c_user - 1] : NULL;
}

static const struct at_span *wait_at(struct at_thr *t, uint64_t at)
{
	while (t->c_wait && t->waits.v[t->c_wait - 1].t0 >= at)
		t->c_wait--;
	return t->c_wait ? &t->waits.v[t->c_wait - 1] : NULL;
}

static const struct at_mm *mm_at(struct at_thr *t, uint64_t at)
{
	while (t->c_mm && t->mms.v[t->c_mm - 1].t0 >= at)
		t->c_mm--;
	return t->c_mm ? &t->mms.v[t->c_mm - 1] : NULL;
}

static uint64_t birth(const struct at_thr *t)
{
	return max64(t->born, t->seen);
}

/* --- changes of thread --- */

/* Goes on in @to at the same moment. */
static int hop(struct walk *w, struct at_thr *to)
{
	if (w->thr->is_vcpu && !to->is_vcpu)
		w->origin = w->thr;
	/* several vCPUs: the guest knows which one it was */
	w->thr = to->is_vcpu && w->turn_of ? w->turn_of : to;
	w->hops++;
	return 1;
}

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

/* --- pieces --- */

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

/*
 * The page fault at guest memory that the walk's moment lies in, or NULL. Raises *lo to where the
 * latest fault, of guest memory or not, began or ended: what was before it is the next piece.
 */
static const struct at_mm *slot_fault(struct walk *w, uint64_t *lo)
{
	const struct at_mm *m = mm_at(w->thr, w->t);
	bool inside = m && w->t <= m->t1;

	if (!m)
		return NULL;
	*lo = max64(*lo, inside ? m->t0 : m->t1);
	return inside && m->has_end && at_slot_has(w->vm, m->addr) ? m : NULL;
}

static int mm_piece(struct walk *w, uint64_t lo, const struct at_mm *m, uint8_t st, bool iowait)
{
	struct at_piece p = piece(
		at_fault_class(m->hints, 0, FS_ISA_UNKNOWN, 0, (uint8_t)(st | m->st), iowait));

	p.fault = (uint32_t)(m - w->thr->mms.v) + 1;
	p.flags = AT_P_MM;
	p.stack = m->stack;
	p.label = w->thr->comm;
	return push(w, lo, p);
}

/* Code of the VMM on the CPU, outside KVM_RUN. */
static int vmm_code(struct walk *w, uint64_t lo, enum fsa_cause cause)
{
	const struct at_mm *m;
	const struct at_hole *h;
	struct at_piece p = piece(cause);

	lo = max64(lo, birth(w->thr));
	m = slot_fault(w, &lo);
	if (m)
		return mm_piece(w, lo, m, 0, false);
	h = at_hole_in(w->a, w->thr->c_off ? w->thr->offs.v[w->thr->c_off - 1].cpu : UINT32_MAX, lo,
		       w->t);
	if (h) {
		if (h->t1 < w->t)
			lo = max64(lo, h->t1);
		else
			p = piece(FSA_C_UNKNOWN);
	}
	p.label = w->thr->comm;
	return push(w, lo, p);
}

/* Guest memory that KVM or the VMM touched inside an exit that is no fault itself. */
static bool carve(struct walk *w, const struct at_exit *x)
{
	struct at_thr *t = w->thr;

	if (x->touch == AT_NO_FAULT)
		return false;
	if (t->carve_exit != t->c_exit) {
		t->carve_exit = t->c_exit;
		t->carve_left = x->mm_ns;
	}
	return t->carve_left;
}

/* How long the halt of @x lasted: what comes after is the kernel's way back into the guest. */
static uint64_t halt_end(const struct at_thr *t, const struct at_exit *x)
{
	uint64_t end = x->halt_ns ? x->t0 + x->halt_ns : x->t0;

	/* the cursor stands at or before the last sleep in the segment; look ahead for it */
	for (size_t i = t->c_off; i < t->offs.n && t->offs.v[i].out < x->t1; i++)
		end = max64(end, t->offs.v[i].in);
	for (size_t i = t->c_off; i-- > 0 && t->offs.v[i].out >= x->t0;) {
		end = max64(end, t->offs.v[i].in);
		break;
	}
	return end < x->t1 ? end : x->t1;
}

/* On the CPU inside exit @x; the last sleep ended at @lo or before. */
static int in_exit(struct walk *w, const struct at_exit *x, uint64_t lo)
{
	struct at_thr *t = w->thr;
	const struct at_span *u = user_at(t, w->t), *s = wait_at(t, w->t);
	enum fsa_cause cause = FSA_C_EXIT_KERNEL;
	struct at_piece p;
	bool user = false;

	lo = max64(lo, x->t0);
	if (x->first) { /* page faults before the first exit have records of their own */
		const struct at_mm *m = slot_fault(w, &lo);

		if (m)
			return mm_piece(w, lo, m, 0, false);
	}
	if (u) {
		user = w->t <= u->t1;
		lo = max64(lo, user ? u->t0 : u->t1);
	}
	if (s && w->t <= s->t1)
		return push(w, max64(lo, s->t0), wait_piece(w, s, x));
	if (s)
		lo = max64(lo, s->t1);
	if (x->cause != AT_NO_FAULT && !user)
		return push(w, lo, exit_piece(w, (enum fsa_cause)x->cause, x));
	if (carve(w, x)) {
		uint64_t len = w->t - lo;

		if (len > t->carve_left)
			lo = w->t - t->carve_left;
		t->carve_left -= w->t - lo;
		return push(w, lo, touch_piece(w, x));
	}
	if (user) {
		cause = FSA_C_EXIT_VMM;
	} else if (at_is_halt(x->hints, x->reason, x->isa)) {
		uint64_t end = halt_end(t, x);

		if (w->t > end)
			lo = max64(lo, end);
		else
			cause = FSA_C_GUEST_IDLE;
	}
	p = exit_piece(w, cause, x);
	if (cause == FSA_C_EXIT_KERNEL && at_is_irq_exit(x->reason, x->isa))
		p.label = label(w, "irq");
	return push(w, lo, p);
}

/* On the CPU, in KVM_RUN, in no exit that is known: guest mode, if the records reach that far. */
static int in_guest(struct walk *w, const struct at_exit *before, uint64_t lo)
{
	struct at_thr *t = w->thr;
	const struct at_exit *after = t->c_exit < t->exits.n ? &t->exits.v[t->c_exit] : NULL;
	const struct at_span *u = user_at(t, w->t);
	const struct at_mm *m;
	struct at_piece p = piece(FSA_C_GUEST_RUN);
	const struct at_hole *h;
	uint64_t slept = lo; /* a switch since the entry ended guest mode there */

	lo = max64(lo, before ? before->t1 : t->first_run);
	m = before ? NULL : slot_fault(w, &lo);
	if (m)
		return mm_piece(w, lo, m, 0, false);
	if (u && w->t <= u->t1) {
		p = piece(FSA_C_EXIT_VMM);
		return push(w, max64(lo, u->t0), p);
	}
	if (u)
		lo = max64(lo, u->t1);
	if (!before && after && after->first) {
		p.cause = FSA_C_EXIT_KERNEL; /* in KVM_RUN, but it never got to the guest */
		return push(w, lo, p);
	}
	if (!w->vm->has_exits || !before) {
		/* this KVM shows no exits, or the first entry was not seen */
		if (w->t > t->cover)
			w->path->uncovered = true;
		return push(w, lo, piece(FSA_C_UNKNOWN));
	}
	if (w->t > t->cover) {
		w->path->uncovered = true;
		return push(w, max64(lo, t->cover), piece(FSA_C_UNKNOWN));
	}
	if (slept > before->t1) {
		p.cause = FSA_C_EXIT_KERNEL;
		return push(w, lo, p);
	}
	h = at_hole_in(w->a, before->cpu, lo, w->t);
	if (h && h->t1 < w->t)
		lo = max64(lo, h->t1);
	else if (h)
		return push(w, lo, piece(FSA_C_UNKNOWN));
	if (after) {
		p.exit = (uint32_t)t->c_exit + 1;
		p.flags = AT_P_CLOSES;
	}
	return push(w, lo, p);
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
	bool user = u && w->t <= u->t1;

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

static int off_cpu(struct walk *w, const struct at_off *o)
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
		if (o->flags & AT_OFF_UNSEEN)
			return push(w, o->out, piece(FSA_C_UNKNOWN));
		/* resumed, but something of the VMM still held it: a lock */
		p = piece(FSA_C_SCHED_BLOCKED);
		p.label = waker_label(w, o);
		p.stack = o->stack;
		return push(w, max64(o->out, w->vm->resume), p);
	}
	return vmm_blocked(w, o);
}

/* Whose turn it is at the walk's moment, by the guest's schedule; pieces end where it changes. */
static void take_turn(struct walk *w)
{
	const struct at_guest *g = w->vm->guest;

	while (w->turn < g->turns.n && g->turns.v[w->turn].t0 >= w->t)
		w->turn++;
	w->turn_of = NULL;
	w->floor = w->start;
	if (w->turn >= g->turns.n)
		return;
	w->floor = max64(w->start, g->turns.v[w->turn].t0);
	w->turn_of = at_guest_vcpu(w->vm, g->turns.v[w->turn].cpu);
	/* before it was resumed only the host knows */
	if (w->turn_of && w->thr->is_vcpu && w->t > w->vm->resume)
		w->thr = w->turn_of;
}

static int step(struct walk *w)
{
	struct at_thr *t = w->thr;
	const struct at_off *o = off_at(t, w->t);
	const struct at_exit *x;
	uint64_t lo = o ? o->in : 0;

	if (t->born && w->t <= t->born) {
		struct at_thr *parent = at_proc_thr(w->vm->proc, t->parent_tid);

		if (parent && parent != t && w->hops <= MAX_HOPS)
			return hop(w, parent) < 0 ? -EPROTO : 0;
		return push(w, w->start, piece(FSA_C_UNKNOWN));
	}
	if (o && w->t <= o->in)
		return off_cpu(w, o);
	if (w->t <= t->seen)
		return push(w, max64(w->start, t->born), piece(FSA_C_UNKNOWN));
	if (!t->is_vcpu || !t->first_run || w->t <= t->first_run)
		return vmm_code(w, lo,
				t->is_vcpu && w->t > w->vm->resume ? FSA_C_EXIT_VMM : FSA_C_VMM_IO);
	lo = max64(lo, t->first_run);
	x = exit_at(t, w->t);
	if (x && w->t <= x->t1)
		return in_exit(w, x, o ? o->in : 0);
	return in_guest(w, x, lo);
}

int at_walk(struct at *a, struct at_vm *vm, struct at_path *path)
{
	struct walk w = {.a = a, .vm = vm, .path = path, .start = vm->start, .t = vm->end};
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
		if (vm->guest && vm->guest->turns.n && w.thr)
			take_turn(&w);
		ret = w.thr ? step(&w) : push(&w, w.start, piece(FSA_C_UNKNOWN));
	}
	return ret;
}
