/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest recording of one fork. */
#ifndef FORKSCOPE_ATTR_GUEST_PART_H
#define FORKSCOPE_ATTR_GUEST_PART_H

#include "attribute/state/objects.h"

/*
 * When the rings of @vm were read, 0 = not at all. The host's clocks were read then, too: before
 * that moment of the recording the mapping would lack them. Returns 0 or -ENOMEM.
 */
int at_guest_read(struct at *a, struct at_vm *vm, uint64_t *at);
/* Reads and maps the guest recording of @vm; vm->guest is NULL if there is none of use. */
int at_guest_prepare(struct at *a, struct at_vm *vm);

#endif
