// SPDX-License-Identifier: BSD-2-Clause
/* When a VM was resumed. */
#include "attribute/records/windows.h"
#include "attribute/state/at.h"

/*
 * The wake-up that resumed @t: the last that a thread of the VMM sent it before its first KVM_RUN.
 * Those that only handed it a lock are not among its wakes (AT_W_NO_MESSAGE).
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
