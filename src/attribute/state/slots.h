/* SPDX-License-Identifier: BSD-2-Clause */
/* Which memory slot of a VM an address lies in. */
#ifndef FORKSCOPE_ATTR_SLOTS_H
#define FORKSCOPE_ATTR_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct at_vm;

bool at_slot_has(const struct at_vm *vm, uint64_t hva);     /* is it in one? */
uint64_t at_slot_gpa(const struct at_vm *vm, uint64_t hva); /* 0 = in no slot */

#endif
