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

/*
 * The wake-up that resumed @t: the last that a thread of the VMM sent it before its first KVM_RUN.
 * Those that only handed it a lock are not among its wakes (AT_W_TELLS_NOTHING).
 */
static const struct at_wake *resuming_wake(const struct at_thr *t)
{
	const struct at_wake *last = NULL;

	for (size_t i = 0; t->first_run && i < t->wakes.n; i++) {
		const struct at_wake *k = &t->wakes.v[i];

		if (k->ts < t->first_run && (!last || k->ts >= last->ts))
			last = k;
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
