// SPDX-License-Identifier: BSD-2-Clause
/* The VM's own clock data of one fork, from what was kept of the records. */
#include "attribute/guest/guest_clock.h"
#include "attribute/state/at.h"

void at_guest_clock(const struct at *a, const struct at_vm *vm, const struct fsr_guest_data *g,
		    uint64_t first, uint64_t last, struct fsl_clock *out)
{
	const struct fsl_clock_input in = {
		.guest = g->dir.clocks,
		.nguest = FSG_CLOCKS,
		.clocksource = g->dir.clocksource,
		.guest_khz = g->dir.tsc_khz,
		.first = first,
		.last = last,
		.host = a->clocks.v,
		.nhost = a->clocks.n,
		.pv = vm->pvclocks.v,
		.npv = vm->pvclocks.n,
		.offset = vm->tsc_offsets.v,
		.noffset = vm->tsc_offsets.n,
	};

	fsl_vm_clock(&in, out);
}
