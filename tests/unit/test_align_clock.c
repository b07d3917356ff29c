// SPDX-License-Identifier: BSD-2-Clause
/* fsl_vm_clock(): a template and its fork on two hosts' clocks that are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "align/clock_map.h"

#define MS    1000000ull
#define S     1000000000ull
#define GHZ   2.5         /* of the TSC, before and after */
#define SHIFT (-1)        /* 2.5 GHz / 2, then ... */
#define MUL   3435973837u /* ... 2^32 * 1e9 / 1.25e9 */
#define NHOST 12

/*
 * The fork's host: TSC 0 at MONOTONIC 0, which runs at 1 + slew of the TSC's own rate. The guest
 * was snapshot at guest TSC 50e9, kvmclock 20 s, MONOTONIC 17 s; it goes on at host MONOTONIC 1000
 * s.
 */
struct world {
	double slew;
	struct fsg_clock guest[FSG_CLOCKS];
	struct fsl_host_clock host[NHOST];
	struct fsl_pvclock pv[2];
	struct fsl_tsc_offset offset[2];
	struct fsl_clock_input in;
};

#define SNAP_TSC  50000000000ull
#define SNAP_KVM  (20 * S)
#define SNAP_MONO (17 * S)
#define RESUME    (1000 * S)

static uint64_t host_tsc(const struct world *w, uint64_t mono)
{
	return (uint64_t)llround((double)mono / (1 + w->slew) * GHZ);
}

/* Host MONOTONIC of a guest MONOTONIC after the resume. */
static double truth(const struct world *w, uint64_t guest)
{
	return (double)RESUME + (double)(int64_t)(guest - SNAP_MONO) * (1 + w->slew);
}

static void make_world(struct world *w, double slew)
{
	memset(w, 0, sizeof(*w));
	w->slew = slew;
	for (size_t i = 0; i < FSG_CLOCKS; i++) { /* read 8 to 5 s before the snapshot */
		uint64_t ago = (8 - i) * S;
		/* the page was written another 3 s before */
		uint64_t page = ago + 3 * S;

		w->guest[i] = (struct fsg_clock){
			.tsc = SNAP_TSC - (uint64_t)((double)ago * GHZ) + 40 * i,
			.tsc_width = 500,
			.mono_ns = SNAP_MONO - ago,
			.raw_ns = SNAP_MONO - ago + 77,
			.pv_tsc_timestamp = SNAP_TSC - (uint64_t)((double)page * GHZ),
			.pv_system_time = SNAP_KVM - page,
			.pv_version = 2,
			.pv_mul = MUL,
			.pv_shift = SHIFT,
		};
	}
	for (size_t i = 0; i < NHOST; i++) { /* every 400 ms, from 2 s before the resume */
		uint64_t mono = RESUME - 2 * S + i * 400 * MS;

		w->host[i] = (struct fsl_host_clock){
			.tsc = host_tsc(w, mono) + (i % 2 ? 200 : -200),
			.tsc_width = 600,
			.mono_ns = mono,
		};
	}
	for (uint32_t i = 0; i < 2; i++) { /* the page is written 2 ms before the resume */
		w->pv[i] = (struct fsl_pvclock){
			.ts = RESUME - 2 * MS,
			.tsc_timestamp = SNAP_TSC - (uint64_t)(2e6 * GHZ),
			.system_time = SNAP_KVM - 2 * MS,
			.mul = MUL,
			.shift = SHIFT,
			.vcpu = i,
		};
		w->offset[i] = (struct fsl_tsc_offset){
			.ts = RESUME - 5 * MS, .offset = SNAP_TSC - host_tsc(w, RESUME), .vcpu = i};
	}
	w->in = (struct fsl_clock_input){
		.guest = w->guest,
		.nguest = FSG_CLOCKS,
		.clocksource = 1,
		.guest_khz = 2500000,
		.first = SNAP_MONO + 150 * MS,
		.last = SNAP_MONO + 1600 * MS,
		.host = w->host,
		.nhost = NHOST,
		.pv = w->pv,
		.npv = 2,
		.offset = w->offset,
		.noffset = 2,
	};
}

static double distance(const struct world *w, const struct fsl_clock *c)
{
	double most = 0;

	for (int k = 0; k < 2; k++) {
		uint64_t g = k ? w->in.last : w->in.first;
		struct fsl_map m = {
			.offset_ns = c->offset_ns, .rate_ppb = c->rate_ppb, .ref = c->ref};

		most = fmax(most, fabs((double)fsl_to_host(&m, g) - truth(w, g)));
	}
	return most;
}

static void expect(const struct world *w, uint64_t most)
{
	struct fsl_clock c;

	fsl_vm_clock(&w->in, &c);
	if (!c.valid)
		fail_msg("%s", c.why);
	if (distance(w, &c) > (double)c.error_ns)
		fail_msg("%.0f ns from the truth, error %" PRIu64, distance(w, &c), c.error_ns);
	assert_in_range(c.error_ns, 1, most);
}

static void refused(const struct world *w, const char *why)
{
	struct fsl_clock c;

	fsl_vm_clock(&w->in, &c);
	assert_false(c.valid);
	if (!strstr(c.why, why))
		fail_msg("\"%s\" is not in \"%s\"", why, c.why);
}

static void kvmclock(void **state)
{
	const double slews[] = {0, 30e-6, -120e-6, 400e-6};
	struct world w;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		make_world(&w, slews[i]);
		expect(&w, 700);
	}
	/* the fork's host has had another TSC, far behind: the offset wraps */
	make_world(&w, 0);
	for (size_t i = 0; i < NHOST; i++)
		w.host[i].tsc += 1ull << 63;
	for (size_t i = 0; i < 2; i++)
		w.offset[i].offset -= 1ull << 63;
	expect(&w, 700);
}

/* The error grows with the brackets on both sides. */
static void error_is_of_the_brackets(void **state)
{
	struct fsl_clock narrow, wide;
	struct world w;

	(void)state;
	make_world(&w, 0);
	fsl_vm_clock(&w.in, &narrow);
	for (size_t i = 0; i < FSG_CLOCKS; i++)
		w.guest[i].tsc_width += 5000; /* 1 us to each side */
	fsl_vm_clock(&w.in, &wide);
	assert_in_range(wide.error_ns - narrow.error_ns, 950, 1050);
	for (size_t i = 0; i < NHOST; i++)
		w.host[i].tsc_width += 10000; /* 2 us, and what it does to the rate */
	fsl_vm_clock(&w.in, &narrow);
	assert_in_range(narrow.error_ns - wide.error_ns, 1950, 4000);
	expect(&w, 6000);
}

/* After the last read of the host's clocks: the rate of those before it, with a growing error. */
static void beyond_the_last_read(void **state)
{
	struct fsl_clock c;
	struct world w;

	(void)state;
	make_world(&w, 50e-6);
	w.in.nhost = 6; /* the last at the resume */
	expect(&w, 2000);
	w.in.last += 60 * S;
	fsl_vm_clock(&w.in, &c);
	assert_true(c.valid && c.error_ns > 6000);
}

static void guest_on_tsc(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, -40e-6);
	w.in.clocksource = 2;
	w.in.npv = 0;
	expect(&w, 4000);
	w.in.guest_khz = 0;
	refused(&w, "TSC rate");
	w.in.guest_khz = 2500000;
	w.in.noffset = 0;
	refused(&w, "no TSC offset");
	w.in.noffset = 2;
	w.in.nguest = 0;
	refused(&w, "did not read its clocks");
}

static void what_is_missing_is_said(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 0);
	w.in.clocksource = 0;
	refused(&w, "neither kvm-clock nor tsc");
	make_world(&w, 0);
	w.in.npv = 0;
	refused(&w, "no kvmclock page");
	make_world(&w, 0);
	w.in.noffset = 1;
	refused(&w, "no TSC offset");
	make_world(&w, 0);
	w.in.nhost = 1;
	refused(&w, "not read twice");
	make_world(&w, 0);
	for (size_t i = 0; i < NHOST; i++)
		w.host[i].mono_ns = RESUME + i;
	refused(&w, "at one time only");
	make_world(&w, 0);
	for (size_t i = 0; i < FSG_CLOCKS; i++)
		w.guest[i].pv_version = 0;
	refused(&w, "could not read its kvmclock");
}

static void contradictions_are_said(void **state)
{
	struct world w;

	(void)state;
	make_world(&w, 0);
	w.guest[3].mono_ns += 20000; /* 20 us in 3 s */
	refused(&w, "slewed");
	make_world(&w, 0);
	w.pv[0].mul = w.pv[1].mul = MUL / 2; /* a guest of twice the TSC rate */
	refused(&w, "TSC scaling");
	make_world(&w, 0);
	w.offset[1].offset += 50000000; /* 20 ms */
	refused(&w, "vCPUs differ");
	make_world(&w, 0);
	w.offset[1].offset += 5000; /* 2 us: in the error, half to each side */
	expect(&w, 2000);
	make_world(&w, 0);
	w.pv[0].shift = w.pv[1].shift = 200;
	refused(&w, "TSC scaling");
	make_world(&w, 0);
	for (size_t i = 0; i < FSG_CLOCKS; i++)
		w.guest[i].mono_ns += 1ull << 62;
	refused(&w, "nonsense");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kvmclock),
		cmocka_unit_test(error_is_of_the_brackets),
		cmocka_unit_test(beyond_the_last_read),
		cmocka_unit_test(guest_on_tsc),
		cmocka_unit_test(what_is_missing_is_said),
		cmocka_unit_test(contradictions_are_said),
	};

	return cmocka_run_group_tests_name("align_clock", tests, NULL, NULL);
}
