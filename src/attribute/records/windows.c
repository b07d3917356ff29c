// SPDX-License-Identifier: BSD-2-Clause
/* The windows of forks: when they begin, and when they have ended. */
#include "attribute/records/windows.h"
#include <string.h>
#include "attribute/records/fork_marks.h"
#include "attribute/records/phase_records.h"
#include "attribute/records/records.h"
#include "attribute/state/at.h"
#include "attribute/state/listed.h"
#include "base/clock.h"
#include "base/sum.h"

#define TRY_FIRST_NS 5000000ull /* after the end: spans that cover it are still to come */

void at_due_at(struct at *a, uint64_t ts)
{
	if (ts < a->next_due)
		a->next_due = ts;
}

void at_window_end(struct at *a, struct at_vm *vm, uint64_t ts, uint32_t tid, bool reached)
{
	vm->end = ts;
	vm->end_tid = tid;
	vm->end_reached = reached;
	vm->state = AT_VM_ENDED;
	vm->try_gap = TRY_FIRST_NS;
	vm->next_try = fs_sum(ts, vm->try_gap);
	at_due_at(a, vm->next_try);
	at_proc_keep(vm->proc);
}

void at_window_set(struct at *a, struct at_vm *vm)
{
	uint64_t from = 0;

	at_find_resume(a, vm);
	vm->start = vm->resume;
	if (a->o.start == FSA_START_SPAWN)
		from = vm->proc->start_ns;
	else if (a->o.start == FSA_START_LOAD)
		from = at_load_start(a, vm);
	if (from && from < vm->resume)
		vm->start = from;
	vm->deadline = a->o.end == FSA_END_AFTER ? fs_sum(vm->start, a->o.end_after_ns)
						 : fs_sum(vm->resume, a->timeout);
	if (vm->state == AT_VM_OPEN)
		at_due_at(a, vm->deadline);
}

/* Restored VMs have a window; those that boot where that is asked for. */
static void set_kind(const struct at *a, struct at_vm *vm, enum fsa_vm_kind kind)
{
	vm->restore = kind == FSA_K_RESTORE;
	if (vm->restore || (kind == FSA_K_BOOT && a->o.kind == FSA_K_BOOT))
		vm->state = AT_VM_OPEN;
	else if (kind == FSA_K_BOOT)
		vm->state = AT_VM_OTHER;
}

int at_on_first_run(struct at *a, const struct fs_ev_first_run *e)
{
	struct at_thr *t = at_vcpu_thread(a, &e->h, e->vcpu_id);
	struct at_vm *vm;

	if (!t)
		return 0;
	vm = t->vm;
	if (!t->first_run) {
		t->first_run = e->h.ts;
		t->run_unseen = e->h.flags & FS_F_LATE;
	}
	if (!vm->first_run)
		vm->first_run = e->h.ts;
	if (vm->state == AT_VM_NEW) {
		/*
		 * Told late: of a VM that was seen being made, or a vCPU of it, only the first
		 * KVM_RUN was missed. Any other may have run before.
		 */
		if (e->h.flags & FS_F_LATE && (vm->late || !vm->created) && !vm->vcpu_made) {
			vm->late = true;
			vm->state = AT_VM_OTHER;
			at_vm_is_late(a, vm);
		} else {
			set_kind(a, vm, at_vm_kind(a, vm, e));
		}
		vm->huge |= at_has_huge_memory(vm);
		at_proc_keep(vm->proc);
	}
	if (vm->state == AT_VM_OPEN)
		at_window_set(a, vm);
	return 0;
}

/* --- ends --- */

int at_on_port(struct at *a, struct at_vm *vm, uint32_t port, uint64_t ts, uint32_t tid)
{
	if (vm && vm->state == AT_VM_OPEN && a->o.end == FSA_END_PIO && port == a->o.end_port &&
	    ts >= vm->start)
		at_window_end(a, vm, ts, tid, true);
	return 0;
}

int at_on_pio(struct at *a, const struct fs_ev_pio *e)
{
	if (e->rw != 1)
		return 0;
	return at_on_port(a, at_vm_get(a, e->h.vm, e->h.tgid, false), e->port, e->h.ts, e->h.tid);
}

int at_on_mark(struct at *a, const struct fs_ev_mark *e)
{
	int ret = at_on_fork_mark(a, e);

	if (ret)
		return ret;
	if (a->o.end != FSA_END_MARK || strnlen(e->name, sizeof(e->name)) == sizeof(e->name) ||
	    strcmp(e->name, a->o.end_name))
		return 0;
	for (size_t i = 0; i < a->all_vms.n; i++) {
		struct at_vm *vm = a->all_vms.v[i];

		if (vm->state == AT_VM_OPEN && e->h.ts >= vm->start &&
		    (!e->h.tgid || e->h.tgid == vm->proc->tgid))
			at_window_end(a, vm, e->h.ts, 0, true);
	}
	return 0;
}
