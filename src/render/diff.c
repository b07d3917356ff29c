// SPDX-License-Identifier: BSD-2-Clause
#include "render/diff.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "render/format.h"

/* Enough for two digits of an interval's ends; there are some forty of them in a cohort. */
#define RESAMPLES 2000

const char *fsv_diff_name(enum fsv_diff_kind kind, int which)
{
	switch (kind) {
	case FSV_D_BUCKET:
		return fsa_bucket_name((enum fsa_bucket)which);
	case FSV_D_CAUSE:
		return fsa_cause_name((enum fsa_cause)which);
	case FSV_D_STAGE:
		return fsa_stage_name((enum fsa_stage)which);
	case FSV_D_GAP:
		break;
	}
	return "gap";
}

const char *fsv_diff_finding_name(enum fsv_diff_finding f)
{
	static const char *const names[] = {
		[FSV_D_FEW] = "n<5",
		[FSV_D_NONE] = "",
		[FSV_D_SHORTER] = "shorter",
		[FSV_D_LONGER] = "longer",
	};

	return names[f];
}

/* The values of a row over the forks of a cohort; returns how many. */
static size_t values(const struct fsa_cohort *c, enum fsv_diff_kind kind, int which, double *v)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct fsa_fork *f = c->forks[i];

		if (kind == FSV_D_GAP) {
			v[n++] = f->complete ? (double)f->gap_ns : INFINITY;
			continue;
		}
		if (!f->complete || (kind == FSV_D_STAGE && !f->guest.used))
			continue;
		v[n++] = kind == FSV_D_BUCKET  ? (double)f->bucket_ns[which]
			 : kind == FSV_D_CAUSE ? (double)fsv_cause_ns(f, (enum fsa_cause)which)
					       : (double)fsv_stage_ns(f, (enum fsa_stage)which);
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

static enum fsv_diff_finding finding(const struct fsv_diff_row *r)
{
	if (r->na < FSS_MIN_N || r->nb < FSS_MIN_N)
		return FSV_D_FEW;
	if (!(r->p < FSS_ALPHA))
		return FSV_D_NONE;
	return r->lo > 0 ? FSV_D_LONGER : r->hi < 0 ? FSV_D_SHORTER : FSV_D_NONE;
}

/* @x, @y: room for the forks of both cohorts. */
static int fill(struct fsv_diff_row *r, const struct fsv_diff_cohort *c, uint64_t seed, double *x,
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
	if (r->finding == FSV_D_FEW)
		return 0; /* an interval would be made of the few themselves */
	ret = fss_interval(y, r->nb, x, r->na, RESAMPLES, seed, &r->lo, &r->hi);
	ret = ret ? ret : fss_ranksum(y, r->nb, x, r->na, &rank);
	r->p = ret ? NAN : rank.p;
	r->finding = finding(r);
	return ret;
}

static int compare(struct fsv_diff_cohort *c, uint64_t seed)
{
	static const int counts[] = {1, FSA_NBUCKETS, FSA_NCAUSES, FSA_NSTAGES};
	double *x = calloc(c->a->n + 1, sizeof(*x)), *y = calloc(c->b->n + 1, sizeof(*y));
	int ret = x && y ? 0 : -ENOMEM;
	size_t n = 0;

	for (int k = FSV_D_GAP; k <= FSV_D_STAGE; k++)
		for (int i = 0; i < counts[k] && !ret; i++) {
			struct fsv_diff_row *r = &c->rows[n++];

			r->kind = (enum fsv_diff_kind)k;
			r->which = i;
			ret = fill(r, c, seed, x, y);
		}
	free(x);
	free(y);
	return ret;
}

int fsv_diff_make(const struct fsv_view *a, const struct fsv_view *b, uint64_t seed,
		  struct fsv_diff *d)
{
	int ret = 0;

	memset(d, 0, sizeof(*d));
	d->a = a;
	d->b = b;
	d->seed = seed;
	d->resamples = RESAMPLES;
	d->v = calloc(a->res->ncohorts + 1, sizeof(*d->v));
	if (!d->v)
		return -ENOMEM;
	for (size_t i = 0; i < a->res->ncohorts && !ret; i++) {
		const struct fsa_cohort *c = &a->res->cohorts[i];
		struct fsv_diff_cohort *both = &d->v[d->n];

		if (a->cohort && strcmp(a->cohort, c->name) != 0)
			continue;
		both->a = c;
		both->b = fsv_cohort(b, c->name);
		if (!both->b)
			continue;
		d->n++;
		ret = compare(both, seed);
	}
	if (!ret && !d->n)
		ret = -ENOENT;
	if (ret)
		fsv_diff_free(d);
	return ret;
}

void fsv_diff_free(struct fsv_diff *d)
{
	free(d->v);
	d->v = NULL;
	d->n = 0;
}

/* Number of vCPUs that all forks have, 0 = they differ or there are none. */
static unsigned int vcpus(const struct fsv_view *v)
{
	unsigned int n = v->res->nforks ? v->res->forks[0].vcpus : 0;

	for (size_t i = 0; i < v->res->nforks; i++)
		if (v->res->forks[i].vcpus != n)
			return 0;
	return n;
}

static const char *host_of(const struct fsv_view *v, const char *key)
{
	const json_t *meta = v->info ? v->info->meta : NULL;
	const char *s = json_string_value(json_object_get(json_object_get(meta, "host"), key));

	return s ? s : "not recorded";
}

void fsv_diff_doubts(const struct fsv_diff *d, void (*say)(void *arg, const char *sentence),
		     void *arg)
{
	static const char *const keys[] = {"kernel", "kvm", "machine", "cpu_vendor"};
	const struct fsa_opts *oa = &d->a->res->opts, *ob = &d->b->res->opts;
	char line[300], a[96], b[96];

	fsa_end_text(oa, a, sizeof(a));
	fsa_end_text(ob, b, sizeof(b));
	if (strcmp(a, b) != 0 || oa->start != ob->start) {
		snprintf(line, sizeof(line),
			 "the windows are not the same: %s to %s in A, %s to %s in B",
			 fsv_start_name(oa->start), a, fsv_start_name(ob->start), b);
		say(arg, line);
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!strcmp(host_of(d->a, keys[i]), host_of(d->b, keys[i])))
			continue;
		snprintf(line, sizeof(line), "another %s: %s in A, %s in B",
			 i ? keys[i] : "host kernel",
			 fsv_clean(host_of(d->a, keys[i]), a, sizeof(a)),
			 fsv_clean(host_of(d->b, keys[i]), b, sizeof(b)));
		say(arg, line);
	}
	if (vcpus(d->a) != vcpus(d->b))
		say(arg, "the VMs do not all have the same number of vCPUs");
	for (size_t i = 0; i < d->n; i++)
		if (d->v[i].a->forks[0]->guest.used != d->v[i].b->forks[0]->guest.used)
			say(arg, "the guest's time is split in one of the two only: compare with "
				 "--no-guest");
}
