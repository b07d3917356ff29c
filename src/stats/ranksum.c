// SPDX-License-Identifier: BSD-2-Clause
/* The Mann-Whitney test, exact and by the normal distribution. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "stats/stats_impl.h"

/*
 * In how many arrangements of @n and @m values is U = u, for u of 0 to @last? Mann and Whitney's
 * recursion on the largest value: c(n, m, u) = c(n - 1, m, u - m) + c(n, m - 1, u). Only sums, so
 * that doubles, which cannot hold the largest counts (1e28) exactly, are right to 1e-13.
 */
static double *count_arrangements(size_t n, size_t m, size_t last)
{
	size_t len = last + 1;
	double *c = calloc((m + 1) * len, sizeof(*c)), *out;

	if (!c)
		return NULL;
	for (size_t j = 0; j <= m; j++)
		c[j * len] = 1; /* n = 0 */
	for (size_t i = 1; i <= n; i++)
		for (size_t j = 1; j <= m; j++)
			for (size_t u = i * j < last ? i * j + 1 : len; u-- > 0;)
				c[j * len + u] =
					(u >= j ? c[j * len + u - j] : 0) + c[(j - 1) * len + u];
	out = malloc(len * sizeof(*out));
	if (out)
		memcpy(out, c + m * len, len * sizeof(*out));
	free(c);
	return out;
}

/* P(U <= u), that is also P(U >= n * m - u), for u of 0 to @last. */
static double *tails(size_t n, size_t m, size_t last)
{
	double *p = count_arrangements(n, m, last), all = 1, sum = 0;

	for (size_t i = 1; i <= n; i++) /* n + m over n */
		all *= (double)(m + i) / (double)i;
	for (size_t u = 0; p && u <= last; u++) {
		sum += p[u];
		p[u] = sum / all;
	}
	return p;
}

static double two_sided(double tail)
{
	return tail < 0.5 ? 2 * tail : 1;
}

static bool small(size_t nx, size_t ny)
{
	return nx <= FSS_EXACT_N && ny <= FSS_EXACT_N;
}

/* The sum over the groups of equal values of t^3 - t, and U. */
static double rank_all(const double *x, size_t nx, const double *y, size_t ny, double *u)
{
	size_t i = 0, j = 0;
	double ties = 0;

	*u = 0;
	while (i < nx || j < ny) {
		double v = j == ny || (i < nx && x[i] < y[j]) ? x[i] : y[j], t;
		size_t ti = 0, tj = 0;

		for (; i < nx && x[i] == v; i++)
			ti++;
		for (; j < ny && y[j] == v; j++)
			tj++;
		/* these x are above the y before them, and tie with tj more */
		*u += (double)ti * ((double)(j - tj) + (double)tj / 2);
		t = (double)(ti + tj);
		ties += t * t * t - t;
	}
	return ties;
}

static double normal_p(double u, double nx, double ny, double ties)
{
	double n = nx + ny, mean = nx * ny / 2;
	double var = nx * ny / 12 * (n + 1 - (n > 1 ? ties / (n * (n - 1)) : 0));
	double off = fabs(u - mean) - 0.5;

	if (var <= 0 || off <= 0)
		return 1; /* all are equal, or in the middle */
	return erfc(off / sqrt(var) / M_SQRT2);
}

int fss_ranksum(const double *x, size_t nx, const double *y, size_t ny, struct fss_rank *r)
{
	double ties;

	if (!nx || !ny || nx > FSS_MAX_N || ny > FSS_MAX_N)
		return -EINVAL;
	ties = rank_all(x, nx, y, ny, &r->u);
	r->ties = ties > 0;
	r->exact = !r->ties && small(nx, ny);
	if (r->exact) {
		double other = (double)(nx * ny) - r->u;
		size_t u = (size_t)(r->u < other ? r->u : other);
		double *p = tails(nx, ny, u);

		if (!p)
			return -ENOMEM;
		r->p = two_sided(p[u]);
		free(p);
	} else {
		r->p = normal_p(r->u, (double)nx, (double)ny, ties);
	}
	return 0;
}

double fss_critical(size_t nx, size_t ny)
{
	double mean = (double)(nx * ny) / 2, var = (double)(nx * ny) * (double)(nx + ny + 1) / 12;
	double *p;
	size_t u = 0;

	if (!small(nx, ny)) /* 1.96: the 97.5 % quantile of the normal distribution */
		return 0.5 + 1.959963984540054 * sqrt(var);
	p = tails(nx, ny, nx * ny / 2);
	if (!p)
		return NAN;
	while (u <= nx * ny / 2 && two_sided(p[u]) < FSS_ALPHA)
		u++;
	free(p);
	return u ? mean - (double)(u - 1) : INFINITY;
}
