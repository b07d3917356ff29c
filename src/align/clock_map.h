/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VM's own clock data: what the guest read of its clocks before the snapshot and what the host
 * saw of its KVM clock after the restore, put together into guest time to host time. Pure.
 */
#ifndef FORKSCOPE_ALIGN_CLOCK_H
#define FORKSCOPE_ALIGN_CLOCK_H

#include "align/align.h"
#include "bpf/guest_ring.h"

/* The host's clocks, read between two reads of its TSC (FS_EV_CLOCK). */
struct fsl_host_clock {
	uint64_t tsc, tsc_width; /* middle of the two; between them */
	uint64_t mono_ns;
};

/* A vCPU's kvmclock page as KVM wrote it (FS_EV_PVCLOCK). */
struct fsl_pvclock {
	uint64_t ts; /* host ns */
	uint64_t tsc_timestamp, system_time;
	uint32_t mul;
	int32_t shift;
	uint32_t vcpu;
};

/* A vCPU's TSC offset as it was last written (FS_EV_TSC_OFFSET). */
struct fsl_tsc_offset {
	uint64_t ts, offset;
	uint32_t vcpu;
};

struct fsl_clock_input {
	const struct fsg_clock *guest; /* taken before the snapshot; tsc 0 = none. Hostile */
	size_t nguest;
	uint32_t clocksource;              /* of the guest: struct fsg_dir */
	uint64_t guest_khz;                /* likewise */
	uint64_t first, last;              /* guest ns for which the mapping is wanted */
	const struct fsl_host_clock *host; /* ascending */
	size_t nhost;
	const struct fsl_pvclock *pv; /* of this fork, one a vCPU: its last */
	size_t npv;
	const struct fsl_tsc_offset *offset; /* likewise */
	size_t noffset;
};

/* Fills @out; where an input is missing or contradicts another, valid is false and why says so. */
void fsl_vm_clock(const struct fsl_clock_input *in, struct fsl_clock *out);

#endif
