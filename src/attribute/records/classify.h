/* SPDX-License-Identifier: BSD-2-Clause */
/* What kind of exit, what class of fault; what a stack says of a sleep. */
#ifndef FORKSCOPE_ATTR_CLASSIFY_H
#define FORKSCOPE_ATTR_CLASSIFY_H

#include "attribute/model/model.h"
#include "attribute/state/timeline.h"

struct at;

/*
 * Class of a fault by the hints of its segment and the sleeps inside it (@st: AT_ST_* of their
 * stacks, @iowait: one of them waited for I/O), in the order of the table of causes.
 */
enum fsa_cause at_fault_class(uint32_t hints, uint64_t error_code, unsigned int isa,
			      unsigned int n_alloc, uint8_t st, bool iowait);
bool at_is_fault(uint32_t hints, uint32_t reason, unsigned int isa);
enum fsa_huge at_huge(uint32_t hints); /* of what huge pages; FSA_NHUGE = not seen to be of any */
bool at_is_halt(uint32_t hints, uint32_t reason, unsigned int isa);
bool at_is_irq_exit(uint32_t reason, unsigned int isa);
bool at_is_port_write(const struct at_exit *x, uint64_t info1);

/* AT_ST_* of a host kernel stack, taken when a thread left its CPU. */
uint8_t at_stack_kinds(struct at *a, uint32_t stack);

#endif
