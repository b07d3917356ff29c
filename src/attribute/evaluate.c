// SPDX-License-Identifier: BSD-2-Clause
/* When a window can be evaluated, and its evaluation: from the timelines to the ledger. */
#include "attribute/evaluate.h"
#include "attribute/guest/guest_part.h"
#include "attribute/guest/timelines.h"
#include "attribute/path/walk.h"
#include "attribute/records/processes.h"
#include "attribute/records/windows.h"
#include "attribute/result/ledger.h"
#include "attribute/result/retire.h"
#include "attribute/state/at.h"
#include "base/clock.h"
#include "base/sum.h"

#define MS            1000000ull
#define TRY_UNCOVERED (1000 * MS)  /* from here on evaluate, unless more would explain it */
#define TRY_LAST      (30000 * MS) /* then it is evaluated as it is */

/* Whether what the vCPUs did until the end of the window is known. */
static bool covered(const struct at_vm *vm)
{
	for (size_t i = 0; i < vm->vcpus.n; i++) {
		const struct at_thr *t = vm->vcpus.v[i];

		if (t->first_run && t->first_run < vm->end && !t->died && t->cover < vm->end)
			return false;
		for (size_t k = t->apfs.n; k-- > 0 && t->apfs.v[k].t0 < vm->end;)
			if (!t->apfs.v[k].t1 && t->apfs.v[k].cause == AT_NO_FAULT)
				return false;
	}
	return true;
}

static int make_ledger(struct at *a, struct at_vm *vm, bool last)
{
	int ret;

	at_window_set(a, vm);
	if (vm->end < vm->start)
		vm->end = vm->start;
	ret = at_guest_prepare(a, vm);
	ret = ret ? ret : at_path_walk(a, vm, &a->path);
	if (!ret && a->path.uncovered && !last)
		return 0;
	ret = ret ? ret : at_guest_split(a, vm, &a->path);
	ret = ret ? ret : at_missed_widen(a, vm, &a->path);
	ret = ret ? ret : at_ledger(a, vm, &a->path);
	if (!ret) {
		vm->state = AT_VM_DONE;
		vm->next_try = UINT64_MAX;
		at_proc_keep(vm->proc);
	}
	return ret;
}

/* Makes the ledger, unless @last is false and later records would explain more. */
static int evaluate(struct at *a, struct at_vm *vm, bool last)
{
	int ret = make_ledger(a, vm, last);

	at_guest_free(vm);
	return ret;
}

static int try_evaluate(struct at *a, struct at_vm *vm)
{
	uint64_t past = a->now > vm->end ? a->now - vm->end : 0, read;
	int ret = at_guest_read(a, vm, &read);

	if (!ret && (covered(vm) || past >= TRY_UNCOVERED) && (read < a->now || past >= TRY_LAST))
		ret = evaluate(a, vm, past >= TRY_LAST || covered(vm));
	if (vm->state == AT_VM_ENDED) {
		vm->try_gap *= 2;
		vm->next_try = fs_sum(a->now, vm->try_gap);
	}
	return ret;
}

/* Nothing more can come of a process that has ended and has no window left. */
static void rest(struct at *a, struct at_proc *p)
{
	if (!p->died)
		return;
	for (size_t i = 0; i < p->vms.n; i++)
		if (p->vms.v[i]->state == AT_VM_OPEN || p->vms.v[i]->state == AT_VM_ENDED)
			return;
	at_proc_retire(a, p);
}

int at_vms_due(struct at *a)
{
	size_t i = 0;

	a->next_due = UINT64_MAX;
	while (i < a->all_vms.n) {
		struct at_vm *vm = a->all_vms.v[i];
		struct at_proc *p = vm->proc;
		size_t before = a->all_vms.n;
		int ret = 0;

		if (vm->state == AT_VM_OPEN && a->now >= vm->deadline) {
			if (a->o.end != FSA_END_AFTER)
				vm->notes |= 1u << FSA_N_TIMED_OUT;
			at_window_end(a, vm, vm->deadline, 0, a->o.end == FSA_END_AFTER);
		}
		if (vm->state == AT_VM_ENDED && a->now >= vm->next_try)
			ret = try_evaluate(a, vm);
		if (ret)
			return ret;
		if (vm->state == AT_VM_OPEN)
			at_due_at(a, vm->deadline);
		else if (vm->state == AT_VM_ENDED)
			at_due_at(a, vm->next_try);
		rest(a, p);
		i = before == a->all_vms.n ? i + 1 : 0;
	}
	return 0;
}

static int finish_vm(struct at *a, struct at_vm *vm, uint64_t end, enum fsa_note why)
{
	if (vm->state == AT_VM_OPEN) {
		vm->notes |= 1u << why;
		at_window_end(a, vm, end, 0, false);
	}
	return vm->state == AT_VM_ENDED ? evaluate(a, vm, true) : 0;
}

static int on_death(struct at *a, struct at_proc *p, uint64_t ts)
{
	p->died = ts;
	for (size_t i = 0; i < p->vms.n; i++) {
		struct at_vm *vm = p->vms.v[i];
		uint64_t end = 0;
		int ret;

		/* nothing of the VM can happen once its last vCPU thread is gone */
		for (size_t k = 0; k < vm->vcpus.n; k++) {
			uint64_t d = vm->vcpus.v[k]->died ? vm->vcpus.v[k]->died : ts;

			end = d > end ? d : end;
		}
		ret = finish_vm(a, vm, end && end < ts ? end : ts, FSA_N_VMM_DIED);
		if (ret)
			return ret;
	}
	rest(a, p);
	return 0;
}

int at_on_exit_task(struct at *a, const struct fs_ev_exit_task *e)
{
	struct at_proc *p = at_proc_get(a, e->h.tgid, false);

	at_thread_ended(a, e, p);
	return p && e->group_dead ? on_death(a, p, e->h.ts) : 0;
}

int at_finish(struct at *a)
{
	for (size_t i = 0; i < a->all_vms.n; i++) {
		int ret = finish_vm(a, a->all_vms.v[i], a->now, FSA_N_CUT);

		if (ret)
			return ret;
	}
	return 0;
}
