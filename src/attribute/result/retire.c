// SPDX-License-Identifier: BSD-2-Clause
/* What came after a fork's window and still belongs to it: it is known once its VMM is gone. */
#include "attribute/result/retire.h"
#include <stdio.h>
#include <string.h>
#include "attribute/result/ledger_parts.h"
#include "attribute/state/at.h"

/* All acks of the fork, those after its end too: one that was missed may have come by now. */
static void hand_over_acks(struct at_vm *vm)
{
	struct fsa_fork *f = vm->fork;

	f->acks = vm->acks.v;
	f->nacks = vm->acks.n;
	vm->acks.v = NULL;
	vm->acks.n = vm->acks.cap = 0;
	for (size_t i = 0; i < f->nacks && f->notes & 1u << FSA_N_MAILBOX_ACK_LOST; i++)
		if (!strcmp(f->acks[i].stage, "mailbox"))
			f->notes ^= FSA_OTHER_END; /* the one for the other */
}

static void hand_over_marks(const struct at *a, struct at_vm *vm)
{
	const struct at_marks *own = &vm->proc->marks, *all = &vm->marks;

	snprintf(vm->fork->variant, sizeof(vm->fork->variant), "%s",
		 at_str_get(a, own->variant ? own->variant : all->variant));
	/* none: 0 - 1 */
	vm->fork->prefetch_ns = (own->prefetch_ns ? own->prefetch_ns : all->prefetch_ns) - 1;
	vm->fork->resident = (own->resident ? own->resident : all->resident) - 1;
}

void at_proc_retire(struct at *a, struct at_proc *p)
{
	for (size_t i = 0; i < p->vms.n; i++) {
		struct at_vm *vm = p->vms.v[i];

		if (!vm->fork)
			continue;
		hand_over_acks(vm);
		hand_over_marks(a, vm);
		at_touches_done(a, vm);
	}
	at_proc_free(a, p);
}
