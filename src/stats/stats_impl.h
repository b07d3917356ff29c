/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of src/stats share. */
#ifndef FORKSCOPE_STATS_IMPL_H
#define FORKSCOPE_STATS_IMPL_H

#include "stats/stats.h"

struct fss_scratch {
	double *x, *y, *out;
	uint32_t *times;
};

/* Room to draw @nx and @ny values anew, and for @n results. 0 or -ENOMEM. */
int fss_scratch_make(struct fss_scratch *s, size_t nx, size_t ny, size_t n);
void fss_scratch_free(struct fss_scratch *s);

/* A sample of @n of the sorted @v with replacement, sorted; @times is room for @n numbers. */
void fss_redraw(const double *v, size_t n, struct fss_rng *rng, uint32_t *times, double *out);

/*
 * From which U on (counted from the middle, nx * ny / 2) the rank test rejects at FSS_ALPHA where
 * nothing ties: U - nx * ny / 2 must be at least that. INFINITY = never; NaN = no memory.
 */
double fss_critical(size_t nx, size_t ny);

#endif
