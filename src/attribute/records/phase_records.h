/* SPDX-License-Identifier: BSD-2-Clause */
/* Records that mark what the VMM did before the resume. */
#ifndef FORKSCOPE_ATTR_PHASE_RECORDS_H
#define FORKSCOPE_ATTR_PHASE_RECORDS_H

#include "attribute/state/objects.h"
#include "bpf/event.h"

/* @p: the process of the record, NULL = none is known. 0 or -ENOMEM. */
int at_on_phase(struct at *a, struct at_proc *p, const struct fs_ev *ev);
bool at_has_huge_memory(const struct at_vm *vm);              /* by the mappings that were seen */
uint64_t at_load_start(struct at *a, const struct at_vm *vm); /* 0 = not seen */
/* The open of the snapshot's state, NULL = not seen. */
const struct at_phrec *at_state_open(struct at *a, const struct at_vm *vm);
/* Whether @r mapped memory that the guest then got. */
bool at_is_guest_memory(const struct at_vm *vm, const struct at_phrec *r);
/* Whether it set state of a vCPU, of a device. */
bool at_sets_vcpu(const struct at_phrec *r);
bool at_sets_device(const struct at_phrec *r);

#endif
