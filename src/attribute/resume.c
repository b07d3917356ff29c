// SPDX-License-Identifier: BSD-2-Clause
/* Whether a first entry is that of a restored VM, and when it was resumed. */
#include "attribute/state.h"

#define CR0_PG     (1ull << 31)
#define EFER_SCE   1ull /* set by every 64-bit kernel that runs programs */
#define CR4_PGE    (1ull << 7)
#define CR4_OSFXSR (1ull << 9)
#define HIGH_HALF  (1ull << 63)

enum { V_RIP = 1, V_CR0 = 2, V_CR4 = 4, V_EFER = 8 };

/*
 * A boot enters without paging, or (a VMM that loads a 64-bit kernel itself) with paging on over
 * an identity map: a low RIP in an operating system that has not set itself up. So a low RIP is
 * user code only where system calls are enabled; without EFER, where CR4 has what a running kernel
 * sets. A RIP that could not be read is left out of account.
 */
bool at_is_restore(const struct fs_ev_first_run *e)
{
	if (e->valid & V_CR0 && !(e->cr0 & CR0_PG))
		return false;
	if (e->valid & V_RIP && e->rip & HIGH_HALF)
		return true;
	if (e->valid & V_EFER)
		return e->efer & EFER_SCE;
	if (e->valid & V_CR4)
		return e->cr4 & (CR4_PGE | CR4_OSFXSR);
	/* nothing tells: better a boot too many in the report than a fork too few */
	return !(e->valid & V_RIP);
}

/* When @t last came back from waiting for something to do, before @at. */
static uint64_t active_since(const struct at_thr *t, uint64_t at)
{
	for (size_t i = t->offs.n; i-- > 0;) {
		const struct at_off *o = &t->offs.v[i];

		if (o->in > at || o->flags & (AT_OFF_PREEMPT | AT_OFF_IOWAIT))
			continue;
		if (o->state & 1) /* TASK_INTERRUPTIBLE */
			return o->in;
	}
	return 0;
}

/* The sleep of @t that the wake-up @k ended, or NULL. */
static const struct at_off *ended_by(const struct at_thr *t, const struct at_wake *k)
{
	for (size_t i = t->offs.n; i-- > 0 && t->offs.v[i].in >= k->ts;) {
		const struct at_off *o = &t->offs.v[i];

		if (o->wake == k->ts && !(o->flags & AT_OFF_PREEMPT))
			return o;
	}
	return NULL;
}

/* The first wake-up of @t by the thread of @last in [@since, @until], or NULL. */
static const struct at_wake *first_wake(const struct at_thr *t, const struct at_wake *last,
					uint64_t since, uint64_t until)
{
	const struct at_wake *first = NULL;

	for (size_t i = 0; i < t->wakes.n; i++) {
		const struct at_wake *k = &t->wakes.v[i];

		if (k->by_tid == last->by_tid && k->ts >= since && k->ts <= until &&
		    (!first || k->ts < first->ts))
			first = k;
	}
	return first;
}

/* The last wake-up of @t in [@since, @until], by thread @by_tid unless that is 0, or NULL. */
static const struct at_wake *last_wake(const struct at_thr *t, uint32_t by_tid, uint64_t since,
				       uint64_t until)
{
	const struct at_wake *last = NULL;

	for (size_t i = 0; i < t->wakes.n; i++) {
		const struct at_wake *k = &t->wakes.v[i];

		if ((!by_tid || k->by_tid == by_tid) && k->ts >= since && k->ts <= until &&
		    (!last || k->ts >= last->ts))
			last = k;
	}
	return last;
}

/*
 * The thread @by woke @t at @at out of the sleep @slept. Had @by itself just been let go by a
 * thread of the VMM that took up a command and woke @t in it, before that sleep? Then @by only
 * handed on a lock, and the command's last wake-up before the sleep is returned. Else NULL.
 */
static const struct at_wake *handed_on(const struct at_thr *t, const struct at_off *slept,
				       const struct at_thr *by, uint64_t at)
{
	const struct at_off *o = NULL;
	const struct at_thr *giver;
	uint64_t since;

	for (size_t i = by->offs.n; i-- > 0 && !o;)
		if (by->offs.v[i].in <= at && !(by->offs.v[i].flags & AT_OFF_PREEMPT))
			o = &by->offs.v[i];
	giver = o ? at_proc_thr(t->proc, o->waker_tid) : NULL;
	if (!giver || giver == t || giver == by)
		return NULL;
	since = active_since(giver, o->wake);
	return since && t->born < since ? last_wake(t, giver->tid, since, slept->out) : NULL;
}

/*
 * The wake-up that resumed @t. It is the last one that a thread of the VMM sent before the first
 * KVM_RUN; but a vCPU thread that existed before its waker took up this command (QEMU's `cont`)
 * may be woken a second time by the same command, out of a wait for a lock that it ran into after
 * the first: then it is the first of the command, and the wait belongs to the window. The lock may
 * come from a third thread that had it in between.
 */
static const struct at_wake *resuming_wake(const struct at_thr *t)
{
	const struct at_wake *last = t->first_run ? last_wake(t, 0, 0, t->first_run - 1) : NULL;

	while (last && !last->signal) { /* each time an earlier one */
		const struct at_off *slept = ended_by(t, last);
		const struct at_thr *by = slept ? at_proc_thr(t->proc, last->by_tid) : NULL;
		uint64_t since = by ? active_since(by, last->ts) : 0;
		const struct at_wake *before = NULL;

		if (since && t->born < since)
			before = first_wake(t, last, since, slept->out);
		if (before)
			return before;
		before = by ? handed_on(t, slept, by, last->ts) : NULL;
		if (!before)
			break;
		last = before;
	}
	return last;
}

void at_find_resume(struct at *a, struct at_vm *vm)
{
	(void)a;
	vm->resume = UINT64_MAX;
	for (size_t i = 0; i < vm->vcpus.n; i++) {
		const struct at_thr *t = vm->vcpus.v[i];
		const struct at_wake *k;
		uint64_t at;
		enum fsa_resume_kind kind;

		if (!t->first_run)
			continue;
		k = resuming_wake(t);
		if (k) {
			at = k->ts;
			kind = k->signal ? FSA_R_SIGNAL : FSA_R_WAKE;
		} else if (t->born > vm->created && t->born <= t->first_run) {
			/* not a thread that was there before the VM, as a VMM's only one */
			at = t->born;
			kind = FSA_R_CREATION;
		} else {
			at = t->first_run;
			kind = FSA_R_FIRST_RUN;
		}
		if (at >= vm->resume)
			continue;
		vm->resume = at;
		vm->resume_kind = kind;
		vm->resume_by = k ? k->by_tid : kind == FSA_R_CREATION ? t->parent_tid : 0;
	}
}
