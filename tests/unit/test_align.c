// SPDX-License-Identifier: BSD-2-Clause
/* fsl_align() against forks whose true mapping is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "align_truth.h"

#define US 1000ull
#define MS 1000000ull

/* Spans, exits and halts as they are under emulation; entering the guest takes 12 us of a span. */
static const struct truth_opts lab = {
	.vcpus = 1,
	.length = 1500 * MS,
	.run = 70 * US,
	.exit = 60 * US,
	.halts = 300,
	.per_span = 0.5,
	.late = 300 * MS,
	.edge = 12 * US,
	.host0 = 5000000000000ull,
	.guest0 = 77000000000ull,
};

/* As on hardware: exits of a few us, events soon after the entry. */
static const struct truth_opts hardware = {
	.vcpus = 1,
	.length = 500 * MS,
	.run = 60 * US,
	.exit = 3 * US,
	.halts = 1500,
	.per_span = 4,
	.late = 40 * MS,
	.edge = 300,
	.host0 = 5000000000000ull,
	.guest0 = 77000000000ull,
};

static char err[256];

/* Aligns @t; the result must keep every promise of align.h. Returns what fsl_align() did. */
static int aligned(struct truth *t, struct fsl_map *m)
{
	struct fsl_input in = truth_input(t);
	int ret = fsl_align(&in, m, err, sizeof(err));

	if (ret) {
		assert_true(*err); /* a refusal says why */
		return ret;
	}
	assert_int_equal(m->outside, 0);
	assert_true(llabs(m->rate_ppb) <= FSL_MAX_RATE_PPB);
	if (truth_distance(t, m) > (double)m->error_ns)
		fail_msg("seed %" PRIu64 ": %.0f ns from the truth, error %" PRIu64 " ns",
			 t->o.seed, truth_distance(t, m), m->error_ns);
	return 0;
}

static void truth_is_within_the_error(void **state)
{
	const double rates[] = {0, 500e-6, -500e-6, 20e-6, -137e-6};
	const struct truth_opts *kinds[] = {&lab, &hardware};
	unsigned int found = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct truth_opts o = *kinds[seed % 2];
		struct fsl_map m;
		struct truth t;

		o.seed = seed;
		o.vcpus = 1 + seed % 3;
		o.rate = rates[seed % 5];
		o.host0 += seed * 1234567;
		if (seed % 7 == 0) { /* host clock behind the guest's */
			o.guest0 = 9000000000000ull;
			o.host0 = 1000;
		}
		truth_make(&t, &o);
		found += !aligned(&t, &m);
		truth_free(&t);
	}
	assert_int_equal(found, 40);
}

/* With events everywhere the error is the distance that they keep from the ends of their spans. */
static void error_is_what_geometry_allows(void **state)
{
	struct truth_opts o = lab;
	uint64_t before = 0;

	(void)state;
	o.per_span = 3;
	o.seed = 5;
	for (uint64_t edge = 2 * US; edge <= 16 * US; edge *= 2) {
		struct fsl_map m;
		struct truth t;

		o.edge = edge;
		truth_make(&t, &o);
		assert_int_equal(aligned(&t, &m), 0);
		truth_free(&t);
		assert_in_range(m.error_ns, edge, edge + edge / 2 + US);
		assert_true(m.error_ns > before);
		assert_int_equal(m.containment_error_ns, m.error_ns);
		assert_int_equal(m.low_by, FSL_L_CONTAINMENT);
		assert_int_equal(m.high_by, FSL_L_CONTAINMENT);
		before = m.error_ns;
	}
}

static void rate_is_found(void **state)
{
	struct truth_opts o = lab;
	struct fsl_map m;
	struct truth t;

	(void)state;
	o.seed = 3;
	o.rate = 250e-6;
	o.length = 3000 * MS;
	truth_make(&t, &o);
	assert_int_equal(aligned(&t, &m), 0);
	truth_free(&t);
	/* 1.2 s of events, 12 us at each end */
	assert_in_range(m.rate_ppb, 225000, 275000);
}

/* Few events fit into several places, or into one; never into a wrong one. */
static void few_events(void **state)
{
	unsigned int refused = 0, found = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct truth_opts o = lab;
		struct fsl_map m;
		struct truth t;
		int ret;

		o.seed = seed;
		o.keep_every = 40;
		truth_make(&t, &o);
		ret = aligned(&t, &m);
		truth_free(&t);
		if (ret == -EADDRNOTAVAIL)
			refused++;
		else if (!ret)
			found++;
		else
			assert_int_equal(ret, -ENODATA);
	}
	assert_true(refused > 5 && found > 5);
}

static void same_pattern_everywhere_is_ambiguous(void **state)
{
	struct fsl_span spans[100];
	uint64_t events[50];
	struct fsl_vcpu v = {spans, 100, events, 50, 0};
	struct fsl_input in = {.vcpus = &v, .nvcpus = 1};
	struct fsl_map m;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		spans[i] = (struct fsl_span){1000000 + i * 5000000, 1100000 + i * 5000000};
	for (size_t i = 0; i < 50; i++)
		events[i] = 7000000 + i * 5000000;
	assert_int_equal(fsl_align(&in, &m, err, sizeof(err)), -EADDRNOTAVAIL);
	assert_non_null(strstr(err, "several places"));
	/* as many events as spans: one place */
	v.nspans = 50;
	assert_int_equal(fsl_align(&in, &m, err, sizeof(err)), 0);
	assert_in_range(m.error_ns, 49 * US, 52 * US);
	assert_true(llabs(m.offset_ns - (1050000 - 7000000)) < (int64_t)m.error_ns);
}

/*
 * Rings are read some time after the end, and of the time after it the exits are not known: events
 * may lie there, however many, but as all of them could, that proves nothing.
 */
static void unknown_time_proves_nothing(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct truth_opts o = lab;
		uint64_t known = o.host0 + (500 + 100 * (seed % 4)) * MS;
		struct fsl_input in;
		struct fsl_map m;
		struct truth t;
		size_t n = 0;

		o.seed = seed;
		o.per_span = 1;
		o.vcpus = 1 + seed % 2;
		o.rate = 25e-6;
		truth_make(&t, &o);
		/* the reading: 2 s after all */
		must_push(&t.pairs, (struct fsl_pair){t.v[0].events.v[t.v[0].events.n - 1],
						      o.host0 + o.length + 2000 * MS, true});
		in = truth_input(&t);
		for (size_t i = 0; i < o.vcpus; i++) {
			while (t.in[i].spans[n].exit < known)
				n++;
			t.in[i].nspans = n;
			t.in[i].open = t.in[i].spans[n].entry;
			n = 0;
		}
		if (fsl_align(&in, &m, err, sizeof(err)))
			fail_msg("seed %" PRIu64 ": %s", seed, err);
		assert_true(truth_distance(&t, &m) <= (double)m.error_ns);
		/* most of the error is the rate's, over the time that nothing is known of */
		assert_in_range(m.error_ns, 5 * US, 2500 * US);
		truth_free(&t);
	}
}

static void pairs_choose_and_narrow(void **state)
{
	struct truth_opts o = lab;
	struct fsl_map m, with;
	struct truth t;
	uint64_t host = 0, guest = 0;

	(void)state;
	o.seed = 11;
	truth_make(&t, &o);
	assert_int_equal(aligned(&t, &m), 0);
	/* what the guest did 3 us before the host saw it, and 2 us after it */
	for (size_t i = 0; i < t.v[0].at.n; i += t.v[0].at.n - 1) {
		host = t.v[0].at.v[i];
		guest = t.v[0].events.v[i];
		must_push(&t.pairs, (struct fsl_pair){guest, host + 3 * US, true});
		must_push(&t.pairs, (struct fsl_pair){guest, host - 2 * US, false});
	}
	assert_int_equal(aligned(&t, &with), 0);
	assert_true(with.error_ns < m.error_ns);
	assert_in_range(with.error_ns, 2500, 2502);
	assert_int_equal(with.low_by, FSL_L_PAIRS);
	assert_int_equal(with.high_by, FSL_L_PAIRS);
	/* an effect before its cause cannot be */
	must_push(&t.pairs, (struct fsl_pair){guest, host - 50 * US, true});
	assert_int_equal(aligned(&t, &with), -ERANGE);
	truth_free(&t);
}

static void pairs_make_few_events_one_place(void **state)
{
	unsigned int found = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct truth_opts o = lab;
		struct fsl_map m;
		struct truth t;

		o.seed = seed;
		o.keep_every = 40;
		truth_make(&t, &o);
		for (size_t i = 0; i < t.v[0].at.n; i++) {
			must_push(&t.pairs, (struct fsl_pair){t.v[0].events.v[i],
							      t.v[0].at.v[i] + 20 * US, true});
			must_push(&t.pairs, (struct fsl_pair){t.v[0].events.v[i],
							      t.v[0].at.v[i] - 90 * US, false});
		}
		found += t.v[0].at.n && !aligned(&t, &m) && m.error_ns <= 56 * US;
		truth_free(&t);
	}
	assert_true(found >= 18);
}

/* --- the VM's own clock --- */

static struct fsl_clock true_clock(const struct truth *t, int64_t off_by, uint64_t error)
{
	uint64_t ref = t->o.guest0 + 400 * MS;

	return (struct fsl_clock){
		.valid = true,
		.ref = ref,
		.offset_ns =
			(int64_t)(t->o.host0 - ref) + (int64_t)llround(truth_host(t, ref)) + off_by,
		.rate_ppb = llround(t->o.rate * 1e9),
		.error_ns = error,
	};
}

static void clock_within_containment_is_used(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct truth_opts o = seed % 2 ? lab : hardware;
		struct fsl_input in;
		struct fsl_map m;
		struct truth t;

		o.seed = seed;
		o.rate = seed % 3 ? 30e-6 : 0;
		truth_make(&t, &o);
		in = truth_input(&t);
		in.clock = true_clock(&t, seed % 4 ? 900 : -900, 1000);
		assert_int_equal(fsl_align(&in, &m, err, sizeof(err)), 0);
		assert_true(m.clock_used);
		assert_string_equal(m.clock_why, "");
		assert_true(m.error_ns <= 1002 && m.error_ns <= m.containment_error_ns);
		assert_true(truth_distance(&t, &m) <= (double)m.error_ns);
		assert_int_equal(m.outside, 0);
		truth_free(&t);
	}
}

static void clock_outside_is_not_used(void **state)
{
	struct truth_opts o = lab;
	struct fsl_input in;
	struct fsl_map alone, m;
	struct truth t;

	(void)state;
	o.seed = 21;
	truth_make(&t, &o);
	in = truth_input(&t);
	assert_int_equal(fsl_align(&in, &alone, err, sizeof(err)), 0);
	for (int64_t by = -3000000; by <= 3000000; by += 6000000) {
		in.clock = true_clock(&t, by, 2000);
		assert_int_equal(fsl_align(&in, &m, err, sizeof(err)), 0);
		assert_false(m.clock_used);
		assert_non_null(strstr(m.clock_why, by < 0 ? "us earlier than" : "us later than"));
		assert_int_equal(m.offset_ns, alone.offset_ns);
		assert_int_equal(m.error_ns, alone.error_ns);
	}
	in.clock = (struct fsl_clock){.why = "nothing was read"};
	assert_int_equal(fsl_align(&in, &m, err, sizeof(err)), 0);
	assert_false(m.clock_used);
	assert_string_equal(m.clock_why, "nothing was read");
	truth_free(&t);
}

/* Where events alone say too little the clock chooses the place, if it keeps them inside. */
static void clock_chooses_among_places(void **state)
{
	unsigned int chosen = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct truth_opts o = lab;
		struct fsl_input in;
		struct fsl_map m;
		struct truth t;

		o.seed = seed;
		o.keep_every = 60;
		truth_make(&t, &o);
		in = truth_input(&t);
		if (in.vcpus[0].nevents && fsl_align(&in, &m, err, sizeof(err))) {
			in.clock = true_clock(&t, 0, 4000);
			assert_int_equal(fsl_align(&in, &m, err, sizeof(err)), 0);
			assert_true(m.clock_used && m.error_ns <= 4002);
			assert_true(m.containment_error_ns == UINT64_MAX);
			chosen++;
		}
		truth_free(&t);
	}
	assert_true(chosen > 3);
}

/* --- what cannot be --- */

static void nothing_to_align(void **state)
{
	struct fsl_span span = {1000, 2000};
	uint64_t event = 5;
	struct fsl_vcpu v = {&span, 1, NULL, 0, 0};
	struct fsl_input in = {.vcpus = &v, .nvcpus = 1};
	struct fsl_map m;

	(void)state;
	assert_int_equal(fsl_align(&in, &m, err, sizeof(err)), -ENODATA);
	v = (struct fsl_vcpu){NULL, 0, &event, 1, 0};
	assert_int_equal(fsl_align(&in, &m, err, sizeof(err)), -ENODATA);
	in.nvcpus = 0;
	assert_int_equal(fsl_align(&in, &m, err, sizeof(err)), -ENODATA);
	assert_int_equal(fsl_align(&in, &m, NULL, 0), -ENODATA);
	/* one event in the one span */
	v = (struct fsl_vcpu){&span, 1, &event, 1, 0};
	in.nvcpus = 1;
	assert_int_equal(fsl_align(&in, &m, err, sizeof(err)), 0);
	assert_in_range(m.error_ns, 500, 502);
	assert_in_range(fsl_to_host(&m, 5), 1499, 1501);
}

/* A record that cannot be inside is an error that names it, wherever it lies. */
static void records_outside_are_named(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct truth_opts o = lab;
		struct truth_vcpu *v;
		struct fsl_map m;
		struct truth t;
		char name[32];
		size_t k = 0;

		o.seed = seed;
		o.per_span = 2;
		truth_make(&t, &o);
		v = &t.v[0];
		/* the middle of the longest exit between events */
		for (size_t i = 1; i < v->spans.n; i++)
			if (v->spans.v[i].entry > o.host0 + 500 * MS &&
			    v->spans.v[i].entry - v->spans.v[i - 1].exit >
				    v->spans.v[k + 1].entry - v->spans.v[k].exit)
				k = i - 1;
		v->events.v[3] =
			truth_guest(&t, (v->spans.v[k].exit + v->spans.v[k + 1].entry) / 2);
		if (seed % 2)
			v->events.v[5] = UINT64_MAX - 7;
		assert_int_equal(aligned(&t, &m), -ERANGE);
		assert_int_equal(m.outside, seed % 2 ? 2 : 1);
		snprintf(name, sizeof(name), "%" PRIu64, v->events.v[3]);
		assert_non_null(strstr(err, name));
		truth_free(&t);
	}
}

static void other_vcpus_events_do_not_fit(void **state)
{
	struct truth_opts o = lab;
	struct fsl_input in;
	struct fsl_vcpu turned[2];
	struct fsl_map m;
	struct truth t;

	(void)state;
	o.vcpus = 2;
	o.seed = 9;
	truth_make(&t, &o);
	in = truth_input(&t);
	turned[0] = (struct fsl_vcpu){in.vcpus[0].spans, in.vcpus[0].nspans, in.vcpus[1].events,
				      in.vcpus[1].nevents, 0};
	turned[1] = (struct fsl_vcpu){in.vcpus[1].spans, in.vcpus[1].nspans, in.vcpus[0].events,
				      in.vcpus[0].nevents, 0};
	in.vcpus = turned;
	assert_int_equal(fsl_align(&in, &m, err, sizeof(err)), -ERANGE);
	assert_non_null(strstr(err, "no offset keeps"));
	truth_free(&t);
}

/* Any numbers: an answer or a refusal, and nothing that a sanitizer finds. */
static void nonsense(void **state)
{
	const uint64_t odd[] = {0,         1,          UINT64_MAX, UINT64_MAX - 1,
				INT64_MAX, 1ull << 63, 1000,       2000};
	struct truth dice = {.state = 88172645463325252ull};

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct fsl_span spans[2][12];
		uint64_t events[2][12];
		struct fsl_pair pairs[4];
		struct fsl_vcpu v[2];
		struct fsl_input in = {v, 2, pairs, truth_rnd(&dice, 5), {0}};
		struct fsl_map m;

#define ANY (truth_rnd(&dice, 3) ? truth_rnd(&dice, 100000) : odd[truth_rnd(&dice, 8)])
		for (int c = 0; c < 2; c++) {
			for (int i = 0; i < 12; i++) {
				spans[c][i] = (struct fsl_span){ANY, ANY};
				events[c][i] = ANY;
			}
			v[c] = (struct fsl_vcpu){spans[c], truth_rnd(&dice, 13), events[c],
						 truth_rnd(&dice, 13),
						 truth_rnd(&dice, 2) ? ANY : 0};
		}
		for (int i = 0; i < 4; i++)
			pairs[i] = (struct fsl_pair){ANY, ANY, truth_rnd(&dice, 2)};
		in.clock = (struct fsl_clock){.valid = truth_rnd(&dice, 2),
					      .offset_ns = (int64_t)ANY,
					      .ref = ANY,
					      .rate_ppb = (int64_t)ANY,
					      .error_ns = ANY};
		if (!fsl_align(&in, &m, err, sizeof(err)))
			assert_int_equal(m.outside, 0);
		fsl_to_host(&m, ANY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truth_is_within_the_error),
		cmocka_unit_test(error_is_what_geometry_allows),
		cmocka_unit_test(rate_is_found),
		cmocka_unit_test(few_events),
		cmocka_unit_test(same_pattern_everywhere_is_ambiguous),
		cmocka_unit_test(unknown_time_proves_nothing),
		cmocka_unit_test(pairs_choose_and_narrow),
		cmocka_unit_test(pairs_make_few_events_one_place),
		cmocka_unit_test(clock_within_containment_is_used),
		cmocka_unit_test(clock_outside_is_not_used),
		cmocka_unit_test(clock_chooses_among_places),
		cmocka_unit_test(nothing_to_align),
		cmocka_unit_test(records_outside_are_named),
		cmocka_unit_test(other_vcpus_events_do_not_fit),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests_name("align", tests, NULL, NULL);
}
