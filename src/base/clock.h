/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FORKSCOPE_CLOCK_H
#define FORKSCOPE_CLOCK_H

#include <stdint.h>
#include <time.h>

uint64_t fs_clock_ns(clockid_t id);
uint64_t fs_mono_ns(void); /* CLOCK_MONOTONIC, the clock of every record (bpf_ktime_get_ns) */
uint64_t fs_real_ns(void); /* CLOCK_REALTIME */

#endif
