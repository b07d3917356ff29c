// SPDX-License-Identifier: BSD-2-Clause
/* Compares the cohorts of two recordings: the gap and each of its parts, row by row. */
#include "experiment/diff.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "experiment/cells.h"
#include "experiment/groups.h"

/* Enough for two digits of an interval's ends; there are some forty of them in a cohort. */
#define RESAMPLES 2000

const char *fsx_diff_name(enum fsx_diff_kind kind, int which)
{
	switch (kind) {
	case FSX_D_BUCKET:
		return fsa_bucket_name((enum fsa_bucket)which);
	case FSX_D_CAUSE:
		return fsa_cause_name((enum fsa_cause)which);
	case FSX_D_STAGE:
		return fsa_stage_name((enum fsa_stage)which);
	case FSX_D_GAP:
		break;
	}
	return "gap";
}

const char *fsx_diff_finding_name(enum fsx_diff_finding f)
{
	static const char *const names[] = {
		[FSX_D_FEW] = "n<5",
		[FSX_D_NONE] = "",
		[FSX_D_SHORTER] = "shorter",
		[FSX_D_LONGER] = "longer",
	};

	return names[f];
}

/* The values of a row over the forks of a cohort; returns how many. */
static size_t values(const struct fsa_cohort *c, enum fsx_diff_kind kind, int which, double *v)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct fsa_fork *f = c->forks[i];

		if (kind == FSX_D_GAP) {
			v[n++] = f->complete ? (double)f->gap_ns : INFINITY;
			continue;
		}
		if (!f->complete || (kind == FSX_D_STAGE && !f->guest.used))
			continue;
		v[n++] = kind == FSX_D_BUCKET  ? (double)f->bucket_ns[which]
			 : kind == FSX_D_CAUSE ? (double)fsx_cause_ns(f, (enum fsa_cause)which)
					       : (double)fsx_stage_ns(f, (enum fsa_stage)which);
	}
	return n;
}

static double mean(const double *v, size_t n)
{
	double sum = 0;
	size_t finite = 0;

	for (size_t i = 0; i < n && isfinite(v[i]); i++) {
		sum += v[i];
		finite++;
	}
	return finite ? sum / (double)finite : NAN;
}

static enum fsx_diff_finding finding(const struct fsx_diff_row *r)
{
	if (r->na < FSS_MIN_N || r->nb < FSS_MIN_N)
		return FSX_D_FEW;
	if (!(r->p < FSS_ALPHA))
		return FSX_D_NONE;
	return r->lo > 0 ? FSX_D_LONGER : r->hi < 0 ? FSX_D_SHORTER : FSX_D_NONE;
}

/* @x, @y: room for the forks of both cohorts. */
static int fill(struct fsx_diff_row *r, const struct fsx_diff_cohort *c, uint64_t seed, double *x,
		double *y)
{
	struct fss_rank rank;
	int ret;

	r->na = values(c->a, r->kind, r->which, x);
	r->nb = values(c->b, r->kind, r->which, y);
	r->shift = r->lo = r->hi = r->p = NAN;
	if (fss_sort(x, r->na) || fss_sort(y, r->nb))
		return -EINVAL;
	r->med_a = r->na ? fss_median(x, r->na) : NAN;
	r->med_b = r->nb ? fss_median(y, r->nb) : NAN;
	r->avg_a = mean(x, r->na);
	r->avg_b = mean(y, r->nb);
	r->finding = finding(r);
	if (!r->na || !r->nb)
		return 0;
	r->shift = fss_shift(y, r->nb, x, r->na);
	if (r->finding == FSX_D_FEW)
		return 0; /* an interval would be made of the few themselves */
	ret = fss_interval(y, r->nb, x, r->na, RESAMPLES, seed, &r->lo, &r->hi);
	ret = ret ? ret : fss_ranksum(y, r->nb, x, r->na, &rank);
	r->p = ret ? NAN : rank.p;
	r->finding = finding(r);
	return ret;
}

static int compare(struct fsx_diff_cohort *c, uint64_t seed)
{
	static const int counts[] = {1, FSA_NBUCKETS, FSA_NCAUSES, FSA_NSTAGES};
	double *x = calloc(c->a->n + 1, sizeof(*x)), *y = calloc(c->b->n + 1, sizeof(*y));
	int ret = x && y ? 0 : -ENOMEM;
	size_t n = 0;

	for (int k = FSX_D_GAP; k <= FSX_D_STAGE; k++)
		for (int i = 0; i < counts[k] && !ret; i++) {
			struct fsx_diff_row *r = &c->rows[n++];

			r->kind = (enum fsx_diff_kind)k;
			r->which = i;
			ret = fill(r, c, seed, x, y);
		}
	free(x);
	free(y);
	return ret;
}

int fsx_diff_make(const struct fsa_result *a, const struct fsa_result *b, const char *cohort,
		  uint64_t seed, struct fsx_diff *d)
{
	int ret = 0;

	memset(d, 0, sizeof(*d));
	d->seed = seed;
	d->resamples = RESAMPLES;
	d->v = calloc(a->ncohorts + 1, sizeof(*d->v));
	if (!d->v)
		return -ENOMEM;
	for (size_t i = 0; i < a->ncohorts && !ret; i++) {
		const struct fsa_cohort *c = &a->cohorts[i];
		struct fsx_diff_cohort *both = &d->v[d->n];

		if (cohort && strcmp(cohort, c->name) != 0)
			continue;
		both->a = c;
		both->b = fsx_cohort(b, c->name);
		if (!both->b)
			continue;
		d->n++;
		ret = compare(both, seed);
	}
	if (!ret && !d->n)
		ret = -ENOENT;
	if (ret)
		fsx_diff_free(d);
	return ret;
}

void fsx_diff_free(struct fsx_diff *d)
{
	free(d->v);
	d->v = NULL;
	d->n = 0;
}
