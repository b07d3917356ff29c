// SPDX-License-Identifier: BSD-2-Clause
/* Reads the clocks of this machine between two reads of its TSC. */
#include "collect/host/clock_sample.h"
#include <stdint.h>
#include <time.h>
#include "base/clock.h"

#define TRIES 64

#if defined(__x86_64__)
#include <x86intrin.h>

/* The TSC once everything before has been done, and the CPU's number as Linux keeps it there. */
static uint64_t tsc_now(uint32_t *cpu)
{
	uint64_t tsc;

	_mm_lfence();
	tsc = __rdtscp(cpu);
	_mm_lfence();
	*cpu &= 0xfff; /* the node is above it */
	return tsc;
}

bool fs_clock_sample(struct fs_ev_clock *ev)
{
	bool found = false;

	for (int i = 0; i < TRIES; i++) {
		uint32_t from, to;
		uint64_t before = tsc_now(&from), mono = fs_clock_ns(CLOCK_MONOTONIC);
		uint64_t raw = fs_clock_ns(CLOCK_MONOTONIC_RAW), after = tsc_now(&to);

		if (from != to || after < before || (found && after - before >= ev->tsc_width))
			continue;
		found = true;
		ev->tsc = before + (after - before) / 2;
		ev->tsc_width = after - before;
		ev->mono_ns = mono;
		ev->raw_ns = raw;
		ev->on_cpu = from;
	}
	return found;
}
#else
bool fs_clock_sample(struct fs_ev_clock *ev)
{
	(void)ev;
	return false;
}
#endif
