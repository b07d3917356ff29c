// SPDX-License-Identifier: BSD-2-Clause
/* Which memory slot of a VM an address lies in. */
#include "attribute/state/slots.h"
#include "attribute/state/objects.h"

bool at_slot_has(const struct at_vm *vm, uint64_t hva)
{
	for (size_t i = 0; vm && hva && i < vm->slots.n; i++)
		if (hva >= vm->slots.v[i].hva && hva - vm->slots.v[i].hva < vm->slots.v[i].size)
			return true;
	return false;
}

uint64_t at_slot_gpa(const struct at_vm *vm, uint64_t hva)
{
	for (size_t i = 0; i < vm->slots.n; i++)
		if (hva >= vm->slots.v[i].hva && hva - vm->slots.v[i].hva < vm->slots.v[i].size)
			return vm->slots.v[i].gpa + (hva - vm->slots.v[i].hva);
	return 0;
}
