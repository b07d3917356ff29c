/* SPDX-License-Identifier: BSD-2-Clause */
/* Pairs of the guest's clocks, for the host to tie guest time to its own. */
#ifndef FORKSCOPE_GUEST_CLOCKS_H
#define FORKSCOPE_GUEST_CLOCKS_H

#include <stdint.h>
#include "bpf/guest_ring.h"

/*
 * Reads all clocks on @cpu between two reads of the TSC, and keeps the tightest of many tries.
 * With the CPU's pvclock page, where the kernel maps that into processes (the clock must be in use
 * there: clocksource kvm-clock). Returns 0 or a negative errno (no such CPU).
 */
int guest_clock_sample(unsigned int cpu, struct fsg_clock *out);

/* fsg_dir.clocksource; the name goes into @name. */
uint32_t guest_clocksource(char *name, unsigned int len);

/*
 * The frequency of the TSC in kHz: what the kernel's log says that it uses, else what @c's pvclock
 * page scales by, else 0.
 */
uint64_t guest_tsc_khz(const struct fsg_clock *c);

#endif
