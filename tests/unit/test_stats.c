// SPDX-License-Identifier: BSD-2-Clause
/*
 * Numbers that are compared with others' come from SciPy 1.17.1: stats.mannwhitneyu (method=exact
 * or asymptotic, two-sided), numpy.median of all differences, and stats.bootstrap
 * (method=percentile, 100,000 resamples).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "stats/stats.h"

#define N(v) (sizeof(v) / sizeof(*(v)))

static void near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.17g, wanted %.17g", got, want);
}

static void order_statistics(void **state)
{
	double even[] = {4, 1, INFINITY, 2}, nan[] = {1, NAN}, neg[] = {-INFINITY};
	double inf[] = {INFINITY, INFINITY};

	(void)state;
	assert_int_equal(fss_sort(even, 4), 0);
	assert_true(even[0] == 1 && even[3] == INFINITY);
	near(fss_median(even, 4), 3, 0);
	near(fss_median(even, 3), 2, 0);
	assert_true(fss_median(even + 2, 2) == INFINITY);
	assert_true(isnan(fss_median(even, 0)));
	assert_true(isnan(fss_quantile(even, 0, 0.5)));
	near(fss_quantile(even, 4, 0.5), 2, 0);
	near(fss_quantile(even, 4, 0), 1, 0);
	assert_true(fss_quantile(even, 4, 1) == INFINITY);
	assert_int_equal(fss_sort(nan, 2), -EINVAL);
	assert_int_equal(fss_sort(neg, 1), -EINVAL);
	near(fss_shift(inf, 2, inf, 2), 0, 0);
}

/* --- Hodges-Lehmann --- */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median_of_all_pairs(const double *x, size_t nx, const double *y, size_t ny)
{
	double *d = calloc(nx * ny, sizeof(*d)), m;
	size_t k = 0;

	for (size_t i = 0; i < nx; i++)
		for (size_t j = 0; j < ny; j++)
			d[k++] = isinf(x[i]) && isinf(y[j]) ? 0 : x[i] - y[j];
	qsort(d, k, sizeof(*d), ascending);
	m = d[(k - 1) / 2] == -INFINITY && d[k / 2] == INFINITY ? 0
	    : isinf(d[(k - 1) / 2])                             ? d[(k - 1) / 2]
	    : isinf(d[k / 2])                                   ? d[k / 2]
								: (d[(k - 1) / 2] + d[k / 2]) / 2;
	free(d);
	return m;
}

static void shift(void **state)
{
	double a[] = {12, 15, 18, 21, 30}, b[] = {11, 13, 14, 17, 19};
	double c[] = {1.5, 2.25, 3.75, 8.5, 9, 11, 14}, d[] = {0.5, 2, 5.25, 6, 7};
	double one[] = {7}, end[] = {1, INFINITY, INFINITY};

	(void)state;
	near(fss_shift(a, 5, b, 5), 4, 0);
	near(fss_shift(b, 5, a, 5), -4, 0);
	near(fss_shift(c, 7, d, 5), 3, 0);
	near(fss_shift(one, 1, one, 1), 0, 0);
	/* differences: 1-7, and twice endless */
	assert_true(fss_shift(end, 3, one, 1) == INFINITY);
	assert_true(fss_shift(one, 1, end, 3) == -INFINITY);
	/* 0 four times, endless twice both ways, 0 once: the middle is none */
	near(fss_shift(end, 3, end, 3), 0, 0);
	/* -6 and endless: a number and an infinity */
	assert_true(fss_shift(end, 2, one, 1) == INFINITY);
}

/* Against the definition, on samples with ties, negative values and infinities. */
static void shift_is_the_median_of_all_pairs(void **state)
{
	struct fss_rng rng = {42};

	(void)state;
	for (int round = 0; round < 500; round++) {
		double x[12], y[12];
		size_t nx = 1 + fss_rng_below(&rng, 12), ny = 1 + fss_rng_below(&rng, 12);
		size_t span = 2 + fss_rng_below(&rng, round % 2 ? 6 : 100000);

		for (size_t i = 0; i < nx; i++)
			x[i] = fss_rng_below(&rng, 6) ? (double)fss_rng_below(&rng, span) - 1.25
						      : INFINITY;
		for (size_t i = 0; i < ny; i++)
			y[i] = fss_rng_below(&rng, 6) ? (double)fss_rng_below(&rng, span) / 3
						      : INFINITY;
		fss_sort(x, nx);
		fss_sort(y, ny);
		{
			double got = fss_shift(x, nx, y, ny);
			double want = median_of_all_pairs(x, nx, y, ny);

			if (got != want)
				near(got, want, 1e-9 * fabs(want));
		}
	}
}

static void interval(void **state)
{
	double a[] = {12, 14, 15, 18, 19, 21, 30, 33};
	double b[] = {9, 10, 11, 12.5, 13, 14.5, 17, 19.5};
	double lo, hi, lo2, hi2;

	(void)state;
	assert_int_equal(fss_interval(a, 8, b, 8, 20000, 1, &lo, &hi), 0);
	/* SciPy: 1.0 and 13.5 with three seeds; the shifts lie on a grid of quarters */
	near(lo, 1, 0.25);
	near(hi, 13.5, 0.25);
	assert_int_equal(fss_interval(a, 8, b, 8, 20000, 1, &lo2, &hi2), 0);
	assert_true(lo == lo2 && hi == hi2);
	assert_int_equal(fss_interval(a, 0, b, 8, 10, 1, &lo, &hi), -EINVAL);
	assert_int_equal(fss_interval(a, 8, b, 8, 0, 1, &lo, &hi), -EINVAL);
}

/* --- rank test --- */

static struct fss_rank rank_of(double *x, size_t nx, double *y, size_t ny)
{
	struct fss_rank r;

	fss_sort(x, nx);
	fss_sort(y, ny);
	assert_int_equal(fss_ranksum(x, nx, y, ny, &r), 0);
	return r;
}

static void rank_exact(void **state)
{
	double a[] = {12, 15, 18, 21, 30}, b[] = {11, 13, 14, 17, 19};
	double c[] = {1.5, 2.25, 9, 14, 3.75, 8.5, 11}, d[] = {0.5, 2, 7, 6, 5.25};
	double low[] = {1, 2, 3}, high[] = {4, 5, 6}, x[49], y[49];
	struct fss_rank r = rank_of(a, 5, b, 5);

	(void)state;
	assert_true(r.exact && !r.ties);
	near(r.u, 18, 0);
	near(r.p, 0.30952380952380953, 1e-12);
	r = rank_of(c, 7, d, 5);
	near(r.u, 25, 0);
	near(r.p, 0.26767676767676774, 1e-12);
	r = rank_of(low, 3, high, 3);
	near(r.u, 0, 0);
	near(r.p, 0.1, 1e-12);
	near(rank_of(high, 3, low, 3).p, 0.1, 1e-12);
	for (int i = 0; i < 20; i++) {
		x[i] = 3 * i + 1;
		y[i] = 3 * i - 13.5;
	}
	r = rank_of(x, 20, y, 20);
	near(r.u, 280, 0);
	near(r.p, 0.030411256038764864, 1e-12);
	for (int i = 0; i < 49; i++) {
		x[i] = 3 * i + 1;
		y[i] = 3 * i - 25.5;
	}
	r = rank_of(x, 49, y, 49);
	assert_true(r.exact);
	near(r.u, 1581, 0);
	near(r.p, 0.006556364983585552, 1e-12);
}

static void rank_normal(void **state)
{
	double a[] = {10, 20, 20, 30, 40, 40}, b[] = {20, 25, 40, 5, 5, 1, 2};
	double c[] = {5, 8, INFINITY, INFINITY}, d[] = {4, 6, INFINITY, 7, 9};
	double x[60], y[60], same[] = {3, 3, 3};
	struct fss_rank r = rank_of(a, 6, b, 7);

	(void)state;
	assert_true(r.ties && !r.exact);
	near(r.u, 32, 0);
	near(r.p, 0.12878890851979302, 1e-12);
	r = rank_of(c, 4, d, 5); /* three without an end tie at the top */
	near(r.u, 13, 0);
	near(r.p, 0.5333889475196263, 1e-12);
	for (int i = 0; i < 60; i++) {
		x[i] = 100 + i;
		y[i] = (98 + i) * 1.01 - 3;
	}
	r = rank_of(x, 60, y, 60);
	assert_true(!r.exact && !r.ties);
	near(r.u, 2004, 0);
	near(r.p, 0.28547630885188224, 1e-12);
	near(rank_of(same, 3, same, 3).p, 1, 0); /* no order at all */
	assert_int_equal(fss_ranksum(x, 0, y, 1, &r), -EINVAL);
}

/* --- what could have been seen, and verdicts --- */

/* A gap as forks have it: a floor, and a tail that now and then is long. */
static double heavy(struct fss_rng *rng, double scale)
{
	double u = (double)(fss_rng_next(rng) >> 11) / 9007199254740992.0; /* 2^53 */

	return scale * (1 + 0.2 * pow(1 - u, -0.5)); /* Pareto, no variance */
}

static void smallest_effect(void **state)
{
	double x[30], y[30], few[5], more[120], e, e2, seen = 0;
	double endless[] = {INFINITY, INFINITY, INFINITY, INFINITY, INFINITY};
	struct fss_rng rng = {7};
	const int tries = 200;

	(void)state;
	for (size_t i = 0; i < 120; i++)
		more[i] = heavy(&rng, 1e8);
	memcpy(x, more, sizeof(x));
	memcpy(y, more + 30, sizeof(y));
	memcpy(few, more, sizeof(few));
	fss_sort(x, 30);
	fss_sort(y, 30);
	assert_int_equal(fss_smallest(x, 30, y, 30, 500, 1, &e), 0);
	assert_int_equal(fss_smallest(x, 30, y, 30, 500, 1, &e2), 0);
	assert_true(e == e2);
	/* it is what it says: a shift of that size is found in four of five runs */
	for (int t = 0; t < tries; t++) {
		double a[30], b[30];
		struct fss_rank r;

		for (size_t i = 0; i < 30; i++) {
			a[i] = more[fss_rng_below(&rng, 60)];
			b[i] = more[fss_rng_below(&rng, 60)] - e;
		}
		fss_sort(a, 30);
		fss_sort(b, 30);
		assert_int_equal(fss_ranksum(a, 30, b, 30, &r), 0);
		seen += r.p < 0.05;
	}
	near(seen / tries, 0.8, 0.12);
	/* fewer forks see less */
	fss_sort(few, 5);
	assert_int_equal(fss_smallest(few, 5, y, 30, 500, 1, &e2), 0);
	assert_true(e2 > e);
	/* with three against three no result is significant, whatever the effect is */
	assert_int_equal(fss_smallest(x, 3, y, 3, 100, 1, &e), 0);
	assert_true(e == INFINITY);
	assert_int_equal(fss_smallest(endless, 5, endless, 5, 100, 1, &e), 0);
	assert_true(e == INFINITY);
}

static void verdicts(void **state)
{
	double a[40], b[40], near_a[40], wild[8], wild2[8];
	struct fss_rng rng = {3};
	struct fss_test t, again;

	(void)state;
	for (size_t i = 0; i < 40; i++) {
		a[i] = heavy(&rng, 1e8);
		b[i] = heavy(&rng, 1e8) - 5e7;
		near_a[i] = 1e8 + (double)fss_rng_below(&rng, 1000);
	}
	assert_int_equal(fss_test(a, 40, b, 40, -1, 1, &t), 0);
	assert_int_equal(t.verdict, FSS_SUPPORTED);
	assert_true(t.lo > 0 && t.lo <= t.gain && t.gain <= t.hi && t.rank.p < 0.001);
	near(t.gain, 5e7, 1e7);
	near(t.delta, 0.05 * t.median_a, 1e-6 * t.median_a);
	assert_int_equal(t.need, 0);
	assert_int_equal(fss_test(a, 40, b, 40, -1, 1, &again), 0);
	assert_memory_equal(&t, &again, sizeof(t));
	/* the wrong way round it is refuted: the gain is negative */
	assert_int_equal(fss_test(b, 40, a, 40, -1, 1, &t), 0);
	assert_int_equal(t.verdict, FSS_REFUTED);
	/* equal arms, little noise: refuted */
	assert_int_equal(fss_test(near_a, 20, near_a + 20, 20, -1, 1, &t), 0);
	assert_int_equal(t.verdict, FSS_REFUTED);
	assert_true(fabs(t.gain) < 1000 && t.smallest < t.delta);
	/* much noise, few forks: nothing could be concluded, and that is reported */
	for (size_t i = 0; i < 8; i++) {
		wild[i] = 1e8 * (double)(1 + fss_rng_below(&rng, 100)) / 20;
		wild2[i] = 1e8 * (double)(1 + fss_rng_below(&rng, 100)) / 20;
	}
	assert_int_equal(fss_test(wild, 8, wild2, 8, -1, 1, &t), 0);
	assert_int_equal(t.verdict, FSS_INCONCLUSIVE);
	assert_true(t.need > 8 && t.smallest > t.delta);
	/* four forks give no verdict, however clear they are */
	assert_int_equal(fss_test(a, 4, b, 4, -1, 1, &t), 0);
	assert_int_equal(t.verdict, FSS_INCONCLUSIVE);
	assert_int_equal(t.need, FSS_MIN_N);
	assert_int_equal(fss_test(a, 0, b, 4, -1, 1, &t), -EINVAL);
	assert_string_equal(fss_verdict_name(FSS_INCONCLUSIVE), "inconclusive");
	assert_string_equal(fss_verdict_name((enum fss_verdict)9), "?");
}

static void endless(void **state)
{
	double a[10], b[10], nan[] = {1, 2, 3, NAN, 5};
	struct fss_test t;

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		a[i] = i < 1 ? 1e8 + (double)i : INFINITY;
		b[i] = i < 9 ? 1e8 + (double)i : INFINITY;
	}
	assert_int_equal(fss_test(a, 10, b, 10, -1, 1, &t), 0);
	assert_int_equal(t.endless_a, 9);
	assert_int_equal(t.endless_b, 1);
	assert_true(t.median_a == INFINITY && t.gain == INFINITY && t.delta == INFINITY);
	assert_int_equal(t.verdict, FSS_SUPPORTED); /* it made the forks arrive at all */
	assert_int_equal(fss_test(b, 10, a, 10, -1, 1, &t), 0);
	assert_true(t.gain == -INFINITY);
	assert_int_equal(t.verdict, FSS_REFUTED);
	for (size_t i = 0; i < 10; i++)
		a[i] = b[i] = INFINITY;
	assert_int_equal(fss_test(a, 10, b, 10, -1, 1, &t), 0);
	assert_int_equal(t.verdict, FSS_INCONCLUSIVE);
	assert_true(t.gain == 0 && t.smallest == INFINITY && t.rank.p == 1);
	assert_int_equal(fss_test(nan, 5, nan, 5, -1, 1, &t), -EINVAL);
}

/* How large an arm must be: twice the noise, four times the forks. */
static void needed_n(void **state)
{
	double a[20], b[20], a2[20], b2[20];
	struct fss_test t, t2;

	(void)state;
	for (size_t i = 0; i < 20; i++) {
		a[i] = 1e9 + 1e7 * (double)((i * 7) % 20 + 1);
		b[i] = 1e9 + 1e7 * (double)((i * 11) % 20);
		a2[i] = 1e9 + 2e7 * (double)((i * 7) % 20) + 1e7;
		b2[i] = 1e9 + 2e7 * (double)((i * 11) % 20);
	}
	assert_int_equal(fss_test(a, 20, b, 20, 0.02e9, 1, &t), 0);
	assert_int_equal(fss_test(a2, 20, b2, 20, 0.02e9, 1, &t2), 0);
	assert_int_equal(t.verdict, FSS_INCONCLUSIVE);
	assert_int_equal(t2.verdict, FSS_INCONCLUSIVE);
	near(t.gain, 1e7, 1);
	near(t2.gain, 1e7, 1);
	near((double)t2.need / (double)t.need, 4, 1);
}

/* Random halves of one arm of 60 forks are no two arms: `supported` in at most 6 % of 2,000. */
static void null_test(void **state)
{
	double v[60];

	(void)state;
	for (uint64_t seed = 1; seed <= 2; seed++) {
		struct fss_rng rng = {seed};
		unsigned int n;

		for (size_t i = 0; i < 60; i++)
			v[i] = seed == 2 && i % 20 == 0 ? INFINITY : heavy(&rng, 1e8);
		assert_int_equal(fss_null_test(v, 60, 2000, seed, &n), 0);
		/* one side only: 2.5 % are expected, and none at all would be as wrong */
		assert_in_range(n, 10, 120);
	}
	assert_int_equal(fss_null_test(v, 9, 10, 1, &(unsigned int){0}), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_statistics),
		cmocka_unit_test(shift),
		cmocka_unit_test(shift_is_the_median_of_all_pairs),
		cmocka_unit_test(interval),
		cmocka_unit_test(rank_exact),
		cmocka_unit_test(rank_normal),
		cmocka_unit_test(smallest_effect),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(endless),
		cmocka_unit_test(needed_n),
		cmocka_unit_test(null_test),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
