// SPDX-License-Identifier: BSD-2-Clause
/* Reads the clocks, and adds and converts times without overflow. */
#include "base/clock.h"
#include <limits.h>
#include <stdio.h>

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

int fs_poll_ms(uint64_t ns)
{
	uint64_t ms = ns / 1000000 + !!(ns % 1000000);

	return ms > INT_MAX ? INT_MAX : (int)ms;
}

bool fs_clock_shifted(void)
{
	FILE *f = fopen("/proc/self/timens_offsets", "re");
	long long s = 0, ns = 0;
	bool found = false;
	char line[128];

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "monotonic %lld %lld", &s, &ns) == 2;
	if (f)
		fclose(f);
	return found && (s || ns);
}
