/* SPDX-License-Identifier: BSD-2-Clause */
/* One interrupt of the guest, as the host saw it. */
#ifndef FORKSCOPE_ATTR_IRQ_PATH_H
#define FORKSCOPE_ATTR_IRQ_PATH_H

#include "attribute/state/objects.h"

struct at_irq_path { /* one interrupt on the host: raised, injected at last */
	uint64_t raise, inject;
	uint32_t gsi, vector, times;
};
/* The interrupt whose handler began at @t (host ns) on vCPU @vcpu as the guest's irq @irq. */
bool at_irq_path(const struct at_vm *vm, uint32_t vcpu, uint64_t t, uint32_t irq,
		 struct at_irq_path *out);

#endif
