// SPDX-License-Identifier: BSD-2-Clause
#include "base/clock.h"

uint64_t fs_clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t fs_mono_ns(void)
{
	return fs_clock_ns(CLOCK_MONOTONIC);
}

uint64_t fs_real_ns(void)
{
	return fs_clock_ns(CLOCK_REALTIME);
}
