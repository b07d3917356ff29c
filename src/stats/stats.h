/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two samples against each other: is the gap of these forks shorter than that of those, by how
 * much, and could this many forks have shown it? Nothing here knows what a fork is.
 *
 * Values are doubles: of times, nanoseconds (exact below 2^53, 104 days). A value may be +infinity:
 * a fork that never reached its end. Infinities rank above all numbers and tie with each other:
 *
 *	inf - number = inf, number - inf = -inf, inf - inf = 0 (no difference is known)
 *	the middle between -inf and +inf is 0, between a number and an infinity the infinity
 *
 * NaN and -infinity are refused (-EINVAL). Whatever is random is drawn from the seed that is given:
 * the same input and seed give the same result on every machine.
 */
#ifndef FORKSCOPE_STATS_H
#define FORKSCOPE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "stats/rng.h"

#define FSS_LEVEL    0.95  /* of every interval */
#define FSS_ALPHA    0.05  /* of the rank test */
#define FSS_POWER    0.8   /* "could have been seen": with this probability */
#define FSS_RESAMPLE 10000 /* of the bootstrap, unless said otherwise */
#define FSS_MIN_N    5     /* with fewer values in a sample no verdict is given */
#define FSS_MAX_N    65536 /* values of a sample */
#define FSS_NEED_MAX 100000

/* The @q quantile (0 to 1) of @v[@n], sorted ascending: nearest rank, as fsa_dist. NaN: n is 0. */
double fss_quantile(const double *v, size_t n, double q);

/* The median of @v[@n], sorted ascending: the middle of the two middle ones when n is even. */
double fss_median(const double *v, size_t n);

/* Sorts ascending; -EINVAL if there is a NaN or -infinity among them. */
int fss_sort(double *v, size_t n);

/*
 * Hodges-Lehmann: the median of all x[i] - y[j], the shift that lays y onto x (Hodges and Lehmann,
 * Annals of Mathematical Statistics 34, 1963). Both sorted, not empty. By bisection over the
 * sorted matrix of differences, which is never made; exact.
 */
double fss_shift(const double *x, size_t nx, const double *y, size_t ny);

/*
 * Percentile bootstrap interval of fss_shift() (Efron and Tibshirani, An Introduction to the
 * Bootstrap, 1993, chapter 13): @b times both samples are drawn anew with replacement, each within
 * itself; lo and hi are the 2.5 % and 97.5 % nearest-rank quantiles of the shifts. Both sorted.
 * 0, -EINVAL (an empty sample, b 0) or -ENOMEM.
 */
int fss_interval(const double *x, size_t nx, const double *y, size_t ny, unsigned int b,
		 uint64_t seed, double *lo, double *hi);

struct fss_rank {
	double u;   /* Mann-Whitney: how many pairs have x > y, half of those that tie */
	double p;   /* two-sided */
	bool exact; /* by counting, not by the normal distribution */
	bool ties;
};

/*
 * Mann-Whitney (Wilcoxon rank sum) test (Annals of Mathematical Statistics 18, 1947), two-sided.
 * Without ties and with at most FSS_EXACT_N values in each sample, by counting all arrangements
 * (their recursion); else by the normal distribution with tie and continuity correction (Lehmann,
 * Nonparametrics, 1975, chapter 1), as R's wilcox.test() and SciPy's mannwhitneyu() do. Both
 * sorted. 0, -EINVAL (an empty sample) or -ENOMEM.
 */
#define FSS_EXACT_N 49
int fss_ranksum(const double *x, size_t nx, const double *y, size_t ny, struct fss_rank *r);

/*
 * The smallest shift that a run of this size and this noise would have called significant (rank
 * test, two-sided 5 %) with 80 % probability. By simulation: the samples are laid onto each other
 * by their shift, both are drawn anew @sims times, and in each draw the smallest further shift is
 * sought at which the test rejects; the answer is the 80 % quantile of those. +infinity: none
 * could have been seen. The test's threshold is that of samples without ties. Both sorted.
 * 0, -EINVAL or -ENOMEM.
 */
#define FSS_SIMULATE 1000
int fss_smallest(const double *x, size_t nx, const double *y, size_t ny, unsigned int sims,
		 uint64_t seed, double *effect);

/* X(ENUM, "name") */
#define FSS_VERDICTS(X)           \
	X(SUPPORTED, "supported") \
	X(REFUTED, "refuted")     \
	X(INCONCLUSIVE, "inconclusive")

enum fss_verdict {
#define X(e, name) FSS_##e,
	FSS_VERDICTS(X)
#undef X
};
const char *fss_verdict_name(enum fss_verdict v);

/* "The sample b is faster than the sample a": a gain is a's value less b's, positive when b is
 * shorter.
 */
struct fss_test {
	size_t na, nb, endless_a, endless_b; /* values; of them infinite */
	double median_a, median_b;
	double gain, lo, hi; /* Hodges-Lehmann shift a - b and its interval */
	struct fss_rank rank;
	double delta;    /* gains below it do not matter */
	double smallest; /* gain that this run could have seen, see fss_smallest() */
	size_t need;     /* forks in each sample that would decide; 0 = decided, or none would */
	unsigned int resamples, sims;
	uint64_t seed;
	enum fss_verdict verdict;
};

/*
 * Tests @a against @b (copied, any order). @delta < 0: 5 % of a's median. Verdict:
 *
 *	supported     lo > 0 and p < 0.05
 *	refuted       hi < delta
 *	inconclusive  neither, or fewer than FSS_MIN_N values in a sample
 *
 * With half of a endless delta is, too, where it is not given: nothing is refuted then.
 *
 * A small but certain gain is both supported and refuted by these words: it is supported where its
 * interval lies above 0, whatever delta is; the caller prints both numbers.
 *
 * need, for inconclusive: an interval's half-width goes with 1/sqrt(n), so to lift its lower end
 * above 0 the samples must be (gain - lo)^2 / gain^2 times as large, and to bring its upper end
 *below delta (hi - gain)^2 / (delta - gain)^2 times; the smaller of the two that can happen, times
 * ((z.975 + z.8) / z.975)^2 = 2.04 so that it happens with 80 % probability if the gain is the one
 * measured. Above FSS_NEED_MAX it is FSS_NEED_MAX. 0, -EINVAL or -ENOMEM.
 */
int fss_test(const double *a, size_t na, const double *b, size_t nb, double delta, uint64_t seed,
	     struct fss_test *t);

/*
 * Null test: @rounds times @v[@n] (copied) is dealt into two halves at random, which are tested as
 * two samples. How many came out `supported`? About 2.5 % will, for it is one side of a test at 5
 * %; more than 6 % say that the test is wrong for such values. The interval (2,000 resamples) is
 * made only where the rank test already says that the first is longer: no other is supported. 0,
 * -EINVAL, -ENOMEM.
 */
int fss_null_test(const double *v, size_t n, unsigned int rounds, uint64_t seed,
		  unsigned int *supported);

#endif
