// SPDX-License-Identifier: BSD-2-Clause
/* VMs, their vCPUs and their memory slots are made. */
#include <errno.h>
#include "attribute/records/phase_records.h"
#include "attribute/records/records.h"
#include "attribute/state/at.h"

#define MAX_SLOTS 4096

int at_on_vm_create(struct at *a, const struct fs_ev_vm_create *e)
{
	struct at_vm *vm = at_vm_get(a, e->h.vm, e->h.tgid, true);

	if (!vm)
		return at_odd(a);
	vm->created = e->ts_start ? e->ts_start : e->h.ts;
	vm->late = e->h.flags & FS_F_LATE;
	return at_on_phase(a, at_proc_get(a, e->h.tgid, false), &e->h);
}

int at_on_vcpu_create(struct at *a, const struct fs_ev_vcpu_create *e)
{
	struct at_vm *vm = at_vm_get(a, e->h.vm, e->h.tgid, true);

	if (!vm)
		return at_odd(a);
	vm->ncreated++;
	vm->vcpu_made |= !(e->h.flags & FS_F_LATE);
	return at_on_phase(a, at_proc_get(a, e->h.tgid, false), &e->h);
}

int at_on_memslot(struct at *a, const struct fs_ev_memslot *e)
{
	struct at_vm *vm = at_vm_get(a, e->h.vm, e->h.tgid, true);
	struct at_slot s = {.gpa = e->gpa, .size = e->size, .hva = e->hva, .slot = e->slot};
	size_t i;

	if (!vm)
		return at_no_vm(a, &e->h);
	for (i = 0; i < vm->slots.n && vm->slots.v[i].slot != e->slot; i++)
		;
	if (!e->size && i < vm->slots.n)
		vm->slots.v[i] = vm->slots.v[--vm->slots.n];
	else if (e->size && i < vm->slots.n)
		vm->slots.v[i] = s;
	else if (e->size && i < MAX_SLOTS && fs_vec_push(&vm->slots, s))
		return -ENOMEM;
	return at_on_phase(a, at_proc_get(a, e->h.tgid, false), &e->h);
}
