/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FORKSCOPE_CLOCK_H
#define FORKSCOPE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

uint64_t fs_clock_ns(clockid_t id);
uint64_t fs_mono_ns(void); /* CLOCK_MONOTONIC, the clock of every record (bpf_ktime_get_ns) */
uint64_t fs_real_ns(void); /* CLOCK_REALTIME */

/*
 * How long poll() is to wait so that @ns have passed: milliseconds, rounded up; INT_MAX (24 days)
 * where there are more, so that who waits for longer has to look at the clock again.
 */
int fs_poll_ms(uint64_t ns);

/*
 * Does this process see another CLOCK_MONOTONIC than the kernel and its BPF programs do, as in a
 * time namespace with an offset (time_namespaces(7))? False where the kernel has no such
 * namespaces.
 */
bool fs_clock_shifted(void);

#endif
