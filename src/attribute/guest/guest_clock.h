/* SPDX-License-Identifier: BSD-2-Clause */
/* The VM's own clock data of one fork (src/align/clock.h), from what was kept of the records. */
#ifndef FORKSCOPE_ATTR_GUEST_CLOCK_H
#define FORKSCOPE_ATTR_GUEST_CLOCK_H

#include "attribute/state/objects.h"
#include "record/guest/guest_data.h"

/*
 * Guest time of @vm to host time by its clocks, for guest times from @first to @last (ns).
 * out->valid is false, with out->why, where something is missing.
 */
void at_guest_clock(const struct at *a, const struct at_vm *vm, const struct fsr_guest_data *g,
		    uint64_t first, uint64_t last, struct fsl_clock *out);

#endif
