// SPDX-License-Identifier: BSD-2-Clause
/* Order statistics and the Hodges-Lehmann shift with its bootstrap. Formulas: stats.h. */
#include "stats/stats_impl.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FEW 16 /* differences that are sorted, not searched */

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return a < b ? -1 : a > b;
}

int fss_sort(double *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (isnan(v[i]) || v[i] == -INFINITY)
			return -EINVAL;
	if (n)
		qsort(v, n, sizeof(*v), by_value);
	return 0;
}

double fss_quantile(const double *v, size_t n, double q)
{
	double k = ceil(q * (double)n);

	if (!n)
		return NAN;
	return v[k < 1 ? 0 : k > (double)n ? n - 1 : (size_t)k - 1];
}

static double middle(double lo, double hi)
{
	if (lo == -INFINITY && hi == INFINITY)
		return 0;
	return isinf(lo) ? lo : isinf(hi) ? hi : lo + (hi - lo) / 2;
}

double fss_median(const double *v, size_t n)
{
	return n ? middle(v[(n - 1) / 2], v[n / 2]) : NAN;
}

static double diff(double x, double y)
{
	return isinf(x) && isinf(y) ? 0 : x - y;
}

/* Doubles in their order as integers, so that any two can be bisected to the last bit. */
static int64_t to_order(double d)
{
	int64_t i;

	d += 0.0; /* no -0 */
	memcpy(&i, &d, sizeof(i));
	return i < 0 ? INT64_MIN - i : i;
}

static double from_order(int64_t i)
{
	double d;

	i = i < 0 ? INT64_MIN - i : i;
	memcpy(&d, &i, sizeof(d));
	return d;
}

struct pairs { /* all x[i] - y[j], by where they are */
	const double *x, *y;
	size_t nx, ny;
	double lo, hi; /* the one sought is above lo and at most hi */
	size_t below;  /* differences that are at most lo */
	size_t upto;   /* ... at most hi */
};

/* How many differences are at most @t; those in (p->lo, t] go to @keep unless it is NULL. */
static size_t count_up_to(const struct pairs *p, double t, double *keep)
{
	size_t first = p->ny, n = 0;

	/* differences fall with y and rise with x: as x falls, more of the y belong to it */
	for (size_t i = p->nx; i-- > 0;) {
		while (first > 0 && diff(p->x[i], p->y[first - 1]) <= t)
			first--;
		n += p->ny - first;
		for (size_t j = first; keep && j < p->ny; j++) {
			double d = diff(p->x[i], p->y[j]);

			if (d <= p->lo)
				break;
			*keep++ = d;
		}
	}
	return n;
}

static double smallest_above(const struct pairs *p, double t)
{
	double best = INFINITY;
	size_t first = p->ny;

	for (size_t i = p->nx; i-- > 0;) {
		while (first > 0 && diff(p->x[i], p->y[first - 1]) <= t)
			first--;
		if (first > 0 && diff(p->x[i], p->y[first - 1]) < best)
			best = diff(p->x[i], p->y[first - 1]);
	}
	return best;
}

/*
 * Halves (lo, hi] until it holds the difference of rank @k and at most FEW of them, or is a single
 * number: first by value, then (many ties) by the bits, of which there are 64.
 */
static void narrow(struct pairs *p, size_t k)
{
	for (int step = 0; p->upto - p->below > FEW; step++) {
		int64_t lo = to_order(p->lo), hi = to_order(p->hi);
		double mid = p->lo + (p->hi - p->lo) / 2;
		size_t n;

		if (hi - 1 == lo)
			return;
		if (step >= 32 || !isfinite(mid) || mid <= p->lo || mid >= p->hi)
			mid = from_order((lo & hi) + ((lo ^ hi) >> 1)); /* no overflow */
		n = count_up_to(p, mid, NULL);
		if (n >= k) {
			p->hi = mid;
			p->upto = n;
		} else {
			p->lo = mid;
			p->below = n;
		}
	}
}

static void sort_few(double *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		double x = v[i];
		size_t j = i;

		for (; j > 0 && v[j - 1] > x; j--)
			v[j] = v[j - 1];
		v[j] = x;
	}
}

double fss_shift(const double *x, size_t nx, const double *y, size_t ny)
{
	size_t all = nx * ny, k = (all - 1) / 2 + 1; /* rank of the lower middle one */
	struct pairs p = {.x = x, .y = y, .nx = nx, .ny = ny, .upto = all};
	double few[FEW] = {0}, first, next;

	p.lo = diff(x[0], y[ny - 1]);
	p.hi = diff(x[nx - 1], y[0]);
	p.below = count_up_to(&p, p.lo, NULL);
	if (p.below >= k) { /* the smallest of all, with many that tie */
		next = p.below > k ? p.lo : smallest_above(&p, p.lo);
		return all % 2 ? p.lo : middle(p.lo, next);
	}
	narrow(&p, k);
	if (p.upto - p.below <= FEW) {
		(void)count_up_to(&p, p.hi, few);
		sort_few(few, p.upto - p.below);
		first = few[k - p.below - 1];
		next = k < p.upto ? few[k - p.below] : smallest_above(&p, first);
	} else {
		first = p.hi;
		next = k < p.upto ? p.hi : smallest_above(&p, first);
	}
	return all % 2 ? first : middle(first, next);
}

/* A sample of @n of the sorted @v with replacement, sorted: by how often each is drawn. */
void fss_redraw(const double *v, size_t n, struct fss_rng *rng, uint32_t *times, double *out)
{
	size_t k = 0;

	memset(times, 0, n * sizeof(*times));
	for (size_t i = 0; i < n; i++)
		times[fss_rng_below(rng, n)]++;
	for (size_t i = 0; i < n; i++)
		for (uint32_t c = 0; c < times[i]; c++)
			out[k++] = v[i];
}

int fss_scratch_make(struct fss_scratch *s, size_t nx, size_t ny, size_t n)
{
	s->x = calloc(nx, sizeof(double));
	s->y = calloc(ny, sizeof(double));
	s->out = calloc(n, sizeof(double));
	s->times = calloc(nx > ny ? nx : ny, sizeof(uint32_t));
	if (s->x && s->y && s->out && s->times)
		return 0;
	fss_scratch_free(s);
	return -ENOMEM;
}

void fss_scratch_free(struct fss_scratch *s)
{
	free(s->x);
	free(s->y);
	free(s->out);
	free(s->times);
	memset(s, 0, sizeof(*s));
}

int fss_interval(const double *x, size_t nx, const double *y, size_t ny, unsigned int b,
		 uint64_t seed, double *lo, double *hi)
{
	struct fss_rng rng = {seed};
	struct fss_scratch s = {0};
	int ret;

	if (!nx || !ny || !b || nx > FSS_MAX_N || ny > FSS_MAX_N)
		return -EINVAL;
	ret = fss_scratch_make(&s, nx, ny, b);
	if (ret)
		return ret;
	for (unsigned int i = 0; i < b; i++) {
		fss_redraw(x, nx, &rng, s.times, s.x);
		fss_redraw(y, ny, &rng, s.times, s.y);
		s.out[i] = fss_shift(s.x, nx, s.y, ny);
	}
	qsort(s.out, b, sizeof(double), by_value);
	*lo = fss_quantile(s.out, b, (1 - FSS_LEVEL) / 2);
	*hi = fss_quantile(s.out, b, 1 - (1 - FSS_LEVEL) / 2);
	fss_scratch_free(&s);
	return 0;
}
