// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the VMM did before the resume, as disjoint phases in order. Each record that marks a phase
 * begins it; it lasts until a record of another phase, so that the work between two system calls
 * belongs to the one that opened it.
 */
#include <errno.h>
#include <stdlib.h>
#include "attribute/records/phase_records.h"
#include "attribute/result/ledger_parts.h"
#include "attribute/state/at.h"

#define MAX_PHASES 64

enum phase {
	P_NONE,
	P_UNSEEN,
	P_SPAWN,
	P_EXEC,
	P_READ,
	P_MAP,
	P_VM,
	P_SLOTS,
	P_VCPU,
	P_DEVICES,
	P_THREADS,
	P_PAUSED,
};

static const char *const names[] = {
	[P_UNSEEN] = "untraced", /* made, but not yet known as a VMM */
	[P_SPAWN] = "spawn",     [P_EXEC] = "vmm-start",       [P_READ] = "snapshot-read",
	[P_MAP] = "memory-map",  [P_VM] = "create-vm",         [P_SLOTS] = "memory-slots",
	[P_VCPU] = "vcpu-state", [P_DEVICES] = "device-state", [P_THREADS] = "vcpu-threads",
	[P_PAUSED] = "paused",
};

static enum phase phase_of(const struct at_vm *vm, const struct at_phrec *r,
			   const struct at_phrec *state)
{
	switch ((enum at_phase_kind)r->kind) {
	case AT_PH_EXEC:
		return P_EXEC;
	case AT_PH_OPEN:
		return r == state ? P_READ : P_NONE;
	case AT_PH_MMAP:
		return at_is_guest_memory(vm, r) ? P_MAP : P_NONE;
	case AT_PH_VM:
	case AT_PH_VCPU:
		return P_VM;
	case AT_PH_SLOT:
		return P_SLOTS;
	case AT_PH_THREAD:
		/* a vCPU thread made once the state is there: what follows is its start */
		for (size_t i = 0; i < vm->vcpus.n; i++)
			if (vm->vcpus.v[i]->born == r->t1)
				return P_THREADS;
		return P_NONE;
	case AT_PH_SYSCALL:
		if (at_sets_vcpu(r))
			return P_VCPU;
		return at_sets_device(r) ? P_DEVICES : P_NONE;
	}
	return P_NONE;
}

static void close_phase(struct fsa_fork *f, enum phase kind, uint64_t from, uint64_t to)
{
	struct fsa_phase *last = f->nphases ? &f->phases[f->nphases - 1] : NULL;

	if (kind == P_NONE || to <= from)
		return;
	if (last && (last->name == names[kind] || f->nphases == MAX_PHASES) &&
	    last->start_ns + last->ns == from) {
		last->ns += to - from;
		return;
	}
	if (f->nphases < MAX_PHASES)
		f->phases[f->nphases++] =
			(struct fsa_phase){.name = names[kind], .start_ns = from, .ns = to - from};
}

static int by_begin(const void *x, const void *y)
{
	const struct at_phrec *a = x, *b = y;

	return a->t0 < b->t0 ? -1 : a->t0 > b->t0;
}

int at_phases(struct at *a, struct at_vm *vm, struct fsa_fork *f)
{
	struct at_proc *p = vm->proc;
	const struct at_phrec *state;
	const struct at_thr *main_thread = at_proc_thr(p, p->tgid);
	bool made = main_thread && main_thread->parent_tid; /* its creation was seen */
	enum phase cur = !p->start_ns ? P_NONE : made || p->exec_ns ? P_SPAWN : P_UNSEEN;
	uint64_t from = p->start_ns, done = p->start_ns;

	f->phases = calloc(MAX_PHASES, sizeof(*f->phases));
	if (!f->phases)
		return -ENOMEM;
	if (p->phases.n)
		qsort(p->phases.v, p->phases.n, sizeof(*p->phases.v), by_begin);
	state = at_state_open(a, vm);
	for (size_t i = 0; i < p->phases.n && p->phases.v[i].t0 < vm->resume; i++) {
		const struct at_phrec *r = &p->phases.v[i];
		enum phase k = phase_of(vm, r, state);

		if (k == P_NONE)
			continue;
		if (k != cur) {
			close_phase(f, cur, from, r->t0);
			cur = k;
			from = r->t0;
		}
		done = r->t1 > done ? r->t1 : done;
	}
	if (done > vm->resume)
		done = vm->resume;
	if (done < from)
		done = from;
	close_phase(f, cur, from, done);
	if (cur != P_NONE)
		close_phase(f, P_PAUSED, done, vm->resume);
	return 0;
}
