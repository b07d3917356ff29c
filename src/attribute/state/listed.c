// SPDX-License-Identifier: BSD-2-Clause
/* The list of every VM of the recording, whether it is a fork or not. */
#include "attribute/state/listed.h"
#include <errno.h>
#include <stdio.h>
#include "attribute/state/at.h"

#define MAX_LISTED 65536 /* VMs of a hostile recording */

/* The VMM's name as it is by now: a program may begin under its parent's. */
static void name_it(struct at *a, const struct at_vm *vm, struct fsa_vm *entry)
{
	snprintf(entry->comm, sizeof(entry->comm), "%.15s", at_str_get(a, vm->proc->comm));
}

int at_list_vm(struct at *a, struct at_vm *vm)
{
	struct fsa_vm entry = {.vm = vm->id, .pid = vm->proc->tgid, .why = FSA_W_UNSEEN};

	if (a->listed.n >= MAX_LISTED)
		return 0;
	name_it(a, vm, &entry);
	if (fs_vec_push(&a->listed, entry))
		return -ENOMEM;
	vm->listed = a->listed.n;
	return 0;
}

struct fsa_vm *at_listed(struct at *a, const struct at_vm *vm)
{
	struct fsa_vm *entry = vm->listed ? &a->listed.v[vm->listed - 1] : NULL;

	if (entry)
		name_it(a, vm, entry);
	return entry;
}

void at_vm_is_late(struct at *a, const struct at_vm *vm)
{
	struct fsa_vm *entry = at_listed(a, vm);

	if (entry)
		entry->why = FSA_W_LATE;
}
