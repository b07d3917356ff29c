// SPDX-License-Identifier: BSD-2-Clause
/* What a comparison could have seen, and what it says. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "stats/stats_impl.h"

#define NULL_RESAMPLE 2000
#define DELTA_SHARE   0.05
#define POWER_RATIO   2.0433 /* ((1.95996 + 0.84162) / 1.95996)^2 */
#define STEPS         200    /* bisections: more than a double has bits, so each ends by itself */

const char *fss_verdict_name(enum fss_verdict v)
{
	static const char *const names[] = {
#define X(e, name) name,
		FSS_VERDICTS(X)
#undef X
	};

	return v <= FSS_INCONCLUSIVE ? names[v] : "?";
}

/* U of x against y - e, both sorted: pairs with x > y - e, half of those that tie. */
static double u_shifted(const double *x, size_t nx, const double *y, size_t ny, double e)
{
	size_t below = 0, upto = 0;
	double u = 0;

	for (size_t i = 0; i < nx; i++) {
		while (below < ny && y[below] - e < x[i])
			below++;
		upto = upto < below ? below : upto;
		while (upto < ny && y[upto] - e <= x[i])
			upto++;
		u += (double)below + (double)(upto - below) / 2;
	}
	return u;
}

/* The smallest e >= 0 at which x against y - e is significant, or INFINITY. */
static double smallest_shift(const double *x, size_t nx, const double *y, size_t ny, double crit,
			     double max)
{
	double mean = (double)(nx * ny) / 2, lo = 0, hi = max;

	if (u_shifted(x, nx, y, ny, 0) - mean >= crit)
		return 0;
	if (u_shifted(x, nx, y, ny, max) - mean < crit)
		return INFINITY;
	for (int i = 0; i < STEPS && hi - lo > 1e-6 * hi; i++) {
		double e = lo + (hi - lo) / 2;

		if (u_shifted(x, nx, y, ny, e) - mean >= crit)
			hi = e;
		else
			lo = e;
	}
	return hi;
}

/* Twice the distance between the extremes of both that are finite: nothing moves further. */
static double widest(const double *x, size_t nx, const double *y, size_t ny)
{
	double lo = fmin(x[0], y[0]), hi = lo;

	for (size_t i = 0; i < nx && !isinf(x[i]); i++)
		hi = fmax(hi, x[i]);
	for (size_t i = 0; i < ny && !isinf(y[i]); i++)
		hi = fmax(hi, y[i]);
	return isinf(lo) ? 0 : 2 * (hi - lo) + fabs(hi) * 1e-9 + 1;
}

int fss_smallest(const double *x, size_t nx, const double *y, size_t ny, unsigned int sims,
		 uint64_t seed, double *effect)
{
	struct fss_rng rng = {seed};
	struct fss_scratch s = {0};
	double crit, lay, max;
	double *laid;
	int ret;

	if (!nx || !ny || !sims || nx > FSS_MAX_N || ny > FSS_MAX_N)
		return -EINVAL;
	crit = fss_critical(nx, ny);
	laid = malloc(ny * sizeof(*laid));
	ret = isnan(crit) || !laid ? -ENOMEM : fss_scratch_make(&s, nx, ny, sims);
	if (ret) {
		free(laid);
		return ret;
	}
	lay = fss_shift(x, nx, y, ny);
	for (size_t i = 0; i < ny; i++)
		laid[i] = isinf(lay) ? y[i] : y[i] + lay;
	max = widest(x, nx, laid, ny);
	for (unsigned int i = 0; i < sims; i++) {
		fss_redraw(x, nx, &rng, s.times, s.x);
		fss_redraw(laid, ny, &rng, s.times, s.y);
		s.out[i] = smallest_shift(s.x, nx, s.y, ny, crit, max);
	}
	ret = fss_sort(s.out, sims);
	*effect = fss_quantile(s.out, sims, FSS_POWER);
	fss_scratch_free(&s);
	free(laid);
	return ret;
}

/* Times as many values until a half-width of @half is @room. */
static double factor(double half, double room)
{
	return room > 0 && isfinite(half) ? half * half / (room * room) : INFINITY;
}

static size_t needed(const struct fss_test *t)
{
	size_t n = t->na < t->nb ? t->na : t->nb;
	double k, need;

	if (n < FSS_MIN_N || !isfinite(t->gain))
		return FSS_MIN_N > n ? FSS_MIN_N : 0;
	k = fmin(factor(t->gain - t->lo, t->gain), factor(t->hi - t->gain, t->delta - t->gain));
	need = ceil((double)n * POWER_RATIO * k);
	if (need > FSS_NEED_MAX)
		return FSS_NEED_MAX;
	/* the samples were of that size already and bad luck decided: a little more at least */
	return need > (double)n ? (size_t)need : n + 1;
}

static enum fss_verdict decide(const struct fss_test *t)
{
	if (t->na < FSS_MIN_N || t->nb < FSS_MIN_N)
		return FSS_INCONCLUSIVE;
	if (t->lo > 0 && t->rank.p < FSS_ALPHA)
		return FSS_SUPPORTED;
	return isfinite(t->delta) && t->hi < t->delta ? FSS_REFUTED : FSS_INCONCLUSIVE;
}

static size_t endless(const double *v, size_t n)
{
	size_t k = 0;

	for (size_t i = n; i-- > 0 && isinf(v[i]);)
		k++;
	return k;
}

static double *sorted_copy(const double *v, size_t n, int *ret)
{
	double *c = malloc(n * sizeof(*c));

	if (!c) {
		*ret = -ENOMEM;
		return NULL;
	}
	memcpy(c, v, n * sizeof(*c));
	*ret = fss_sort(c, n);
	return c;
}

static int test_sorted(const double *a, const double *b, double delta, struct fss_test *t)
{
	int ret;

	t->endless_a = endless(a, t->na);
	t->endless_b = endless(b, t->nb);
	t->median_a = fss_median(a, t->na);
	t->median_b = fss_median(b, t->nb);
	t->delta = delta < 0 ? DELTA_SHARE * t->median_a : delta;
	t->gain = fss_shift(a, t->na, b, t->nb);
	ret = fss_ranksum(a, t->na, b, t->nb, &t->rank);
	ret = ret ? ret : fss_interval(a, t->na, b, t->nb, t->resamples, t->seed, &t->lo, &t->hi);
	ret = ret ? ret : fss_smallest(a, t->na, b, t->nb, t->sims, t->seed, &t->smallest);
	if (ret)
		return ret;
	t->verdict = decide(t);
	t->need = t->verdict == FSS_INCONCLUSIVE ? needed(t) : 0;
	return 0;
}

int fss_test(const double *a, size_t na, const double *b, size_t nb, double delta, uint64_t seed,
	     struct fss_test *t)
{
	double *x, *y;
	int ret = 0, ret_b = 0;

	memset(t, 0, sizeof(*t));
	if (!na || !nb || na > FSS_MAX_N || nb > FSS_MAX_N || isnan(delta))
		return -EINVAL;
	*t = (struct fss_test){
		.na = na, .nb = nb, .resamples = FSS_RESAMPLE, .sims = FSS_SIMULATE, .seed = seed};
	x = sorted_copy(a, na, &ret);
	y = sorted_copy(b, nb, &ret_b);
	ret = ret ? ret : ret_b;
	ret = ret ? ret : test_sorted(x, y, delta, t);
	free(x);
	free(y);
	return ret;
}

/* One round of the null test: is the first half against the second `supported`? */
static int null_round(double *v, size_t n, uint64_t seed, bool *supported)
{
	size_t na = n / 2;
	double *b = v + na, lo = 0, hi;
	struct fss_rank r;
	int ret = fss_sort(v, na);

	ret = ret ? ret : fss_sort(b, n - na);
	ret = ret ? ret : fss_ranksum(v, na, b, n - na, &r);
	if (!ret && r.p < FSS_ALPHA && r.u > (double)(na * (n - na)) / 2)
		ret = fss_interval(v, na, b, n - na, NULL_RESAMPLE, seed, &lo, &hi);
	*supported = !ret && lo > 0;
	return ret;
}

static void swap_values(void *arg, size_t i, size_t j)
{
	double *v = arg, x = v[i];

	v[i] = v[j];
	v[j] = x;
}

int fss_null_test(const double *v, size_t n, unsigned int rounds, uint64_t seed,
		  unsigned int *supported)
{
	struct fss_rng rng = {seed};
	double *c;
	int ret = 0;

	*supported = 0;
	if (n / 2 < FSS_MIN_N || n / 2 > FSS_MAX_N)
		return -EINVAL;
	c = sorted_copy(v, n, &ret);
	for (unsigned int i = 0; i < rounds && !ret; i++) {
		bool yes;

		fss_rng_shuffle(&rng, n, swap_values, c);
		ret = null_round(c, n, fss_rng_next(&rng), &yes);
		*supported += yes;
	}
	free(c);
	return ret;
}
