// SPDX-License-Identifier: BSD-2-Clause
/* Exits of vCPUs, and their calls of KVM_RUN, into the timelines of their threads. */
#include <string.h>
#include "attribute/records/classify.h"
#include "attribute/records/records.h"
#include "attribute/records/sleeps.h"
#include "attribute/records/touches.h"
#include "attribute/records/windows.h"
#include "attribute/state/at.h"
#include "attribute/state/listed.h"
#include "attribute/state/slots.h"

static uint32_t sat32(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/*
 * Whether sleep @o may have waited for a read: an I/O's end wakes from interrupt context, is known
 * as one, or comes from a kernel worker; any other thread just gave up the page's lock.
 */
static bool woken_by_io(const struct at *a, const struct at_off *o)
{
	return o->wflags & (FS_W_BIO | FS_W_IRQ | FS_W_SOFTIRQ | FS_W_WORK | FS_W_CTX_UNKNOWN) ||
	       o->flags & (AT_OFF_UNSEEN | AT_OFF_STILL) || !o->waker_tid ||
	       !strncmp(at_str_get(a, o->waker_who), "kworker", 7);
}

/* What the sleeps since @t0 on @t's timeline say of the segment that they are in. */
static uint8_t sleeps_since(const struct at *a, const struct at_thr *t, uint64_t t0, bool *iowait)
{
	uint8_t st = 0;

	*iowait = false;
	for (size_t i = t->offs.n; i-- > 0 && t->offs.v[i].out >= t0;) {
		const struct at_off *o = &t->offs.v[i];

		if (o->flags & AT_OFF_PREEMPT)
			continue;
		st |= woken_by_io(a, o) ? o->st : o->st & (uint8_t)~AT_ST_READ;
		*iowait |= o->flags & AT_OFF_IOWAIT && woken_by_io(a, o);
	}
	return st;
}

static void class_exit(struct at *a, const struct at_thr *t, struct at_exit *x, uint64_t error_code,
		       unsigned int n_alloc)
{
	bool iowait = false;
	uint8_t st = 0;

	x->cause = x->touch = AT_NO_FAULT;
	if (x->hints & FS_H_HMM)
		a->has_hmm = true;
	if (x->hints & FS_H_HUGETLB)
		t->vm->huge = a->has_huge = true;
	else if (t->vm->huge && !a->has_huge)
		x->hints |= FS_H_HUGETLB; /* what the host did for it is not seen here */
	if (!at_is_fault(x->hints, x->reason, x->isa) && !(x->hints & (FS_H_HMM | FS_H_BIO)))
		return;
	if (x->hints & FS_H_OFFCPU)
		st = sleeps_since(a, t, x->t0, &iowait);
	if (at_is_fault(x->hints, x->reason, x->isa))
		x->cause = at_fault_class(x->hints, error_code, x->isa, n_alloc, st, iowait);
	else if (at_slot_has(t->vm, x->hva) || (x->hints & FS_H_BIO && !x->hva))
		x->touch = at_fault_class(x->hints, error_code, x->isa, n_alloc, st, iowait);
}

/*
 * The segment's beginning when there was no exit before it: the vCPU's first KVM_RUN. What the
 * thread did between its resume and that call is time of the VMM.
 */
static uint64_t first_entry_from(const struct at_thr *t, const struct fs_ev_vmexit *e)
{
	if (e->run_ns && e->run_ns != UINT32_MAX && e->run_ns <= e->h.ts)
		return e->h.ts - e->run_ns;
	return t->first_run && t->first_run <= e->h.ts ? t->first_run : e->h.ts;
}

static int add_exit(struct at *a, struct at_thr *t, struct at_exit *x, const struct fs_ev_vmexit *e)
{
	uint64_t prev = t->exits.n ? t->exits.v[t->exits.n - 1].t1 : 0;

	if (x->t0 < prev)
		x->t0 = prev; /* segments of one thread do not overlap: a damaged record */
	if (x->t0 > x->t1 || (x->t0 == x->t1 && !x->first))
		return 0; /* a first entry whose KVM_RUN was missed is a moment */
	if (t->halt_end > x->t0 && t->halt_end <= x->t1)
		x->halt_ns = sat32(t->halt_end - x->t0);
	class_exit(a, t, x, e ? e->error_code : 0, e ? e->n_alloc : 0);
	if (x->cause != AT_NO_FAULT)
		a->faults++;
	if (x->t0 < t->seen)
		t->seen = x->t0;
	t->proc->spans++;
	if (fs_vec_push(&t->exits, *x))
		return -ENOMEM;
	return at_touch_exit(a, t->vm, x);
}

int at_on_vmexit(struct at *a, const struct fs_ev_vmexit *e)
{
	struct at_thr *t = at_vcpu_thread(a, &e->h, e->vcpu_id);
	struct at_vm *vm = t ? t->vm : NULL;
	struct at_exit x;
	bool first = !e->ts_exit;
	int ret;

	if (!vm)
		return 0;
	vm->has_exits = true;
	if (!vm->first_entry && !(e->h.flags & FS_F_CLIPPED))
		vm->first_entry = e->h.ts;
	if (vm->state == AT_VM_NEW && !vm->first_run) {
		/* it ran before the recording began: pause and resume make no fork */
		vm->late = true;
		vm->state = AT_VM_OTHER;
		at_vm_is_late(a, vm);
		at_proc_keep(vm->proc);
	}
	if (vm->state == AT_VM_DONE)
		return at_touch_late(a, vm, e);
	if (vm->state == AT_VM_OTHER)
		return 0;
	vm->events++;
	x = (struct at_exit){
		.t0 = first ? first_entry_from(t, e) : e->ts_exit,
		.t1 = e->h.ts,
		.rip = e->rip,
		.gpa = e->gpa,
		.hva = e->hva,
		.reason = first ? UINT32_MAX : e->reason,
		.hints = e->hints,
		.stack = e->stack,
		.cache_pages = e->cache_pages,
		.run_ns = e->run_ns == UINT32_MAX ? 0 : e->run_ns,
		.mm_ns = sat32(e->mm_ns),
		.n_bio = e->n_bio,
		.cpu = e->h.cpu,
		.isa = (uint8_t)e->isa,
		.clipped = !!(e->h.flags & FS_F_CLIPPED),
		.first = first,
	};
	if (a->o.end == FSA_END_PIO && at_is_port_write(&x, e->info1)) {
		ret = at_on_port(a, vm, (uint32_t)(e->info1 >> 16) & 0xffff, x.t0, t->tid);
		if (ret)
			return ret;
	}
	t->cover = t->cover > x.t1 ? t->cover : x.t1;
	if (x.t0 >= t->proc->keep_until)
		return at_touch_late(a, vm, e);
	return add_exit(a, t, &x, e);
}

int at_on_run(struct at *a, const struct fs_ev_run *e)
{
	struct at_thr *t = at_vcpu_thread(a, &e->h, e->vcpu_id);
	struct at_run r = {.t0 = e->ts_start, .t1 = e->h.ts};
	uint64_t prev;

	if (!t || t->vm->state == AT_VM_OTHER || t->vm->state == AT_VM_DONE)
		return 0;
	if (!t->vm->has_exits && t->cover < r.t1)
		t->cover = r.t1;
	prev = t->runs.n ? t->runs.v[t->runs.n - 1].t1 : 0;
	if (r.t0 && r.t0 < prev)
		r.t0 = prev;
	if (r.t1 < prev || r.t0 >= t->proc->keep_until)
		return 0;
	t->proc->spans++;
	return fs_vec_push(&t->runs, r);
}

int at_on_halt(struct at *a, const struct fs_ev_halt *e)
{
	struct at_thr *t = at_thr_get(a, e->h.tid, e->h.tgid, false);

	if (t && !e->waited)
		t->halt_end = e->h.ts;
	return 0;
}

/* The recording ended in the middle of things: what had begun is as long as it is known to be. */
int at_on_flush(struct at *a, const struct fs_ev_flush *e)
{
	struct at_thr *t = at_thr_get(a, e->h.tid, e->h.tgid, false);
	struct at_exit x;
	struct at_off o;
	int ret = 0;

	if (!t || !t->proc->keep_until)
		return 0;
	o = (struct at_off){
		.out = e->ts_out,
		.in = e->h.ts,
		.wake = e->ts_wake ? e->ts_wake : e->h.ts,
		.state = e->prev_state,
		.stack = FS_NO_STACK,
		.flags = AT_OFF_STILL,
	};
	if (!e->prev_state) {
		o.wake = o.out;
		o.flags = AT_OFF_PREEMPT;
	}
	if (e->ts_out)
		ret = at_add_off(a, t, &o);
	if (ret || !t->vm)
		return ret;
	x = (struct at_exit){
		.t0 = e->ts_exit,
		.t1 = e->h.ts,
		.reason = e->reason,
		.hints = e->hints,
		.stack = FS_NO_STACK,
		.run_ns = e->ts_run > e->ts_exit && e->ts_run > e->ts_user
				  ? sat32(e->h.ts - e->ts_run)
				  : 0,
		.cpu = e->h.cpu,
		.clipped = 1,
	};
	t->cover = e->h.ts;
	if (!e->ts_exit || x.t0 >= t->proc->keep_until)
		return 0;
	return add_exit(a, t, &x, NULL);
}
