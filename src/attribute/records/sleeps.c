// SPDX-License-Identifier: BSD-2-Clause
/* Threads off their CPUs, and who woke them. */
#include "attribute/records/sleeps.h"
#include <string.h>
#include "attribute/records/classify.h"
#include "attribute/records/records.h"
#include "attribute/state/at.h"

#define MAX_WAKES 1024

int at_add_off(struct at *a, struct at_thr *t, struct at_off *o)
{
	uint64_t prev = t->offs.n ? t->offs.v[t->offs.n - 1].in : 0;

	(void)a;
	if (o->out >= t->proc->keep_until) {
		if (!t->next_out)
			t->next_out = o->out;
		return 0;
	}
	if (o->out < prev)
		o->out = prev;
	if (o->out >= o->in)
		return 0;
	if (o->wake < o->out)
		o->wake = o->out;
	if (o->wake > o->in)
		o->wake = o->in;
	if (o->out < t->seen)
		t->seen = o->out;
	t->proc->spans++;
	return fs_vec_push(&t->offs, *o);
}

static int add_wake(struct at_thr *t, uint64_t ts, uint32_t by, bool is_signal)
{
	if (t->first_run || !t->proc->keep_until)
		return 0;
	if (t->wakes.n >= MAX_WAKES) { /* only the latest matter */
		memmove(t->wakes.v, t->wakes.v + MAX_WAKES / 2,
			MAX_WAKES / 2 * sizeof(*t->wakes.v));
		t->wakes.n = MAX_WAKES / 2;
	}
	return fs_vec_push(&t->wakes,
			   (struct at_wake){.ts = ts, .by_tid = by, .signal = is_signal});
}

/*
 * The sleep @e was none for a message, which the record of its wake-up may not have known: it is
 * not among the messages then. A waker that was faster than the switch did not know it for sure.
 */
static void forget_wake(struct at_thr *t, const struct fs_ev_offcpu *e)
{
	bool faster = e->ts_wake == e->ts_out && !(e->waker_flags & FS_W_UNINT);

	for (size_t i = t->wakes.n; i-- > 0;) {
		struct at_wake *k = &t->wakes.v[i];

		if (k->signal || k->ts > e->ts_wake ||
		    (faster ? k->by_tid != e->waker_tid : k->ts != e->ts_wake))
			continue;
		t->wakes.n--;
		memmove(k, k + 1, (t->wakes.n - i) * sizeof(*k));
		return;
	}
}

/* A wake-up of a vCPU that has not run may be its resume. */
static int note_wake(struct at_thr *t, const struct fs_ev_offcpu *e)
{
	if (t->first_run || !e->ts_wake)
		return 0;
	if (e->waker_flags & AT_W_NO_MESSAGE || !(e->prev_state & 1 /* TASK_INTERRUPTIBLE */)) {
		forget_wake(t, e);
		return 0;
	}
	if (e->waker_tgid != e->h.tgid || e->waker_tid == e->h.tid)
		return 0;
	return add_wake(t, e->ts_wake, e->waker_tid, false);
}

int at_on_offcpu(struct at *a, const struct fs_ev_offcpu *e)
{
	struct at_thr *t = at_thr_get(a, e->h.tid, e->h.tgid, true);
	bool preempt = e->waker_flags & (FS_W_PREEMPT | FS_W_THROTTLED) || !e->prev_state;
	struct at_off o = {
		.out = e->ts_out,
		.in = e->h.ts,
		.wake = e->ts_wake,
		.work = e->work,
		.throttled_ns = e->throttled_ns,
		.waker_tid = e->waker_tid,
		.waker_tgid = e->waker_tgid,
		.wflags = e->waker_flags,
		.state = e->prev_state,
		.stack = e->stack,
		.cpu = e->h.cpu,
	};
	int ret;

	if (!t)
		return at_odd(a);
	if (!t->proc->keep_until)
		return 0;
	if (preempt) {
		o.wake = o.out;
		o.flags |= AT_OFF_PREEMPT;
	} else if (!e->ts_wake) {
		o.wake = o.in;
		o.flags |= e->h.flags & FS_F_CLIPPED ? AT_OFF_STILL : AT_OFF_UNSEEN;
	}
	if (e->iowait)
		o.flags |= AT_OFF_IOWAIT;
	o.st = at_stack_kinds(a, e->stack);
	o.who = preempt ? at_str(a, e->next_comm, FS_COMM_LEN)
			: at_str(a, e->prev_comm, FS_COMM_LEN);
	o.waker_who = at_str(a, e->waker_comm, FS_COMM_LEN);
	if (!t->first_run && e->waker_flags & FS_W_LOCK)
		t->in_user = e->h.ts;
	if (t->vm && t->vm->state == AT_VM_DONE)
		return 0;
	ret = note_wake(t, e);
	if (ret)
		return ret;
	ret = at_add_off(a, t, &o);
	at_proc_trim(t->proc);
	return ret;
}

static int woken(struct at *a, const struct fs_ev *h, uint32_t tid, uint32_t tgid, bool is_signal)
{
	struct at_thr *t;

	if (h->tgid != tgid || h->tid == tid || !tgid)
		return 0;
	t = at_thr_get(a, tid, tgid, true);
	return t ? add_wake(t, h->ts, h->tid, is_signal) : at_odd(a);
}

int at_on_wake(struct at *a, const struct fs_ev *ev)
{
	const struct fs_ev_wake *wake = (const void *)ev;
	const struct fs_ev_signal *sig = (const void *)ev;

	if (ev->flags & FS_F_IRQCTX)
		return 0;
	if (ev->kind == FS_EV_SIGNAL)
		return woken(a, ev, sig->target_tid, sig->target_tgid, true);
	if (wake->waker_flags & AT_W_NO_MESSAGE)
		return 0;
	return woken(a, ev, wake->target_tid, wake->target_tgid, false);
}
