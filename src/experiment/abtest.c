// SPDX-License-Identifier: BSD-2-Clause
/* Tests whether the forks of one variant are faster than those of another. */
#include "experiment/abtest.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"

/* --- numbers of a fork; false: it has none --- */

typedef bool (*number)(const struct fsa_fork *f, double *x);

static bool gap(const struct fsa_fork *f, double *x)
{
	*x = f->complete ? (double)f->gap_ns : INFINITY;
	return true;
}

static bool resident(const struct fsa_fork *f, double *x)
{
	*x = (double)f->resident;
	return f->resident != UINT64_MAX;
}

static bool fetched(const struct fsa_fork *f, double *x)
{
	*x = 0;
	for (size_t i = 0; i < f->npath_faults; i++)
		*x += f->path_faults[i].cause == FSA_C_FAULT_MAJOR ||
		      f->path_faults[i].cause == FSA_C_FAULT_UFFD;
	return f->complete;
}

/* Faults of the path that a page of the page cache served: populating takes them away, too. */
static bool served(const struct fsa_fork *f, double *x)
{
	*x = 0;
	for (size_t i = 0; i < f->npath_faults; i++)
		*x += f->path_faults[i].cause == FSA_C_FAULT_CACHED;
	return f->complete;
}

static bool before(const struct fsa_fork *f, double *x)
{
	*x = (double)(f->resume_ns - f->vmm_start_ns);
	return f->vmm_start_ns && f->vmm_start_ns <= f->resume_ns;
}

static bool after(const struct fsa_fork *f, double *x)
{
	uint64_t last = f->end_ns;

	for (size_t i = 0; i < f->nacks; i++)
		if (f->acks[i].at_ns > last)
			last = f->acks[i].at_ns;
	*x = (double)(last - f->end_ns);
	return f->complete && last > f->end_ns;
}

static bool prefetch(const struct fsa_fork *f, double *x)
{
	*x = (double)f->prefetch_ns;
	return f->prefetch_ns != UINT64_MAX;
}

static size_t gather(const struct fsx_test_variant *variant, number of, double *v)
{
	size_t n = 0;

	for (size_t i = 0; i < variant->n; i++)
		n += of(variant->forks[i], &v[n]);
	return n;
}

/* Room for the numbers of both variants. */
struct room {
	double *a, *b;
};

static int compared(const struct fsx_abtest *t, number of, struct room *r, struct fsx_compared *s)
{
	struct fss_rank rank;
	int ret = 0;

	*s = (struct fsx_compared){.more = NAN, .p = 1};
	s->na = gather(&t->a, of, r->a);
	s->nb = gather(&t->b, of, r->b);
	ret = fss_sort(r->a, s->na);
	ret = ret ? ret : fss_sort(r->b, s->nb);
	s->median_a = fss_median(r->a, s->na);
	s->median_b = fss_median(r->b, s->nb);
	if (ret || !s->na || !s->nb)
		return ret;
	s->more = fss_shift(r->b, s->nb, r->a, s->na);
	ret = fss_ranksum(r->a, s->na, r->b, s->nb, &rank);
	s->p = rank.p;
	return ret;
}

/* --- the ledgers --- */

static void mean_parts(const struct fsx_test_variant *variant, struct fsx_abtest *t, bool second)
{
	size_t n = 0;

	for (size_t i = 0; i < variant->n; i++)
		n += variant->forks[i]->complete;
	for (size_t i = 0; i < variant->n; i++) {
		const struct fsa_fork *f = variant->forks[i];

		if (!f->complete)
			continue;
		for (int b = 0; b < FSA_NBUCKETS; b++)
			*(second ? &t->bucket[b].b : &t->bucket[b].a) +=
				(double)f->bucket_ns[b] / (double)n;
		for (int c = 0; c < FSA_NCAUSES; c++)
			for (int s = 0; s < FSA_NSTAGES; s++)
				*(second ? &t->cause[c].b : &t->cause[c].a) +=
					(double)f->cells[s][c].ns / (double)n;
	}
}

/* --- what became of the prefetched pages --- */

static void fork_pages(const struct fsa_fork *f, const struct fs_ranges *set, struct fsx_pages *p)
{
	for (size_t i = 0; i < f->ntouches; i++) {
		const struct fsa_touch *x = &f->touches[i];

		if (x->offset == FSA_NOWHERE || !fsx_ranges_have(set, x->offset) ||
		    x->at_ns < f->start_ns)
			continue;
		if (x->at_ns >= f->end_ns)
			p->later++;
		else if (x->cause == FSA_C_FAULT_MAJOR || x->cause == FSA_C_FAULT_UFFD)
			p->too_late++;
		else
			p->used++;
	}
}

static void count_pages(const struct fsx_test_variant *b, const struct fs_ranges *set,
			struct fsx_pages *p)
{
	double *const means[] = {&p->used, &p->too_late, &p->later};

	p->pages = fs_ranges_bytes(set) / FSX_PAGE;
	for (size_t i = 0; i < b->n; i++) {
		if (!b->forks[i]->complete)
			continue;
		p->forks++;
		fork_pages(b->forks[i], set, p);
	}
	for (size_t i = 0; i < sizeof(means) / sizeof(*means) && p->forks; i++)
		*means[i] /= (double)p->forks;
	p->never = (double)p->pages - p->used - p->too_late - p->later;
}

static int compare(struct fsx_abtest *t, double delta, uint64_t seed, struct room *r)
{
	size_t na = gather(&t->a, gap, r->a), nb = gather(&t->b, gap, r->b);
	int ret = fss_test(r->a, na, r->b, nb, delta, seed, &t->test);

	ret = ret ? ret : compared(t, resident, r, &t->resident);
	ret = ret ? ret : compared(t, fetched, r, &t->fetched);
	ret = ret ? ret : compared(t, served, r, &t->served);
	ret = ret ? ret : compared(t, before, r, &t->before);
	ret = ret ? ret : compared(t, after, r, &t->after);
	return ret ? ret : compared(t, prefetch, r, &t->prefetch);
}

int fsx_abtest_make(const struct fsx_test_variant *a, const struct fsx_test_variant *b,
		    const struct fsx_hypothesis *h, enum fsx_mechanism m,
		    const struct fsx_left *left, double delta, uint64_t seed, struct fsx_abtest *t)
{
	struct room r = {calloc(a->n + 1, sizeof(double)), calloc(b->n + 1, sizeof(double))};
	int ret = r.a && r.b ? 0 : -ENOMEM;

	memset(t, 0, sizeof(*t));
	t->a = *a;
	t->b = *b;
	ret = ret ? ret : compare(t, delta, seed, &r);
	mean_parts(a, t, false);
	mean_parts(b, t, true);
	if (!ret && h) {
		t->has_set = true;
		t->mechanism = m;
		count_pages(b, &h->set, &t->pages);
		ret = fsx_ceiling_group(a->forks, a->n, h, m, left, &t->ceiling);
	}
	free(r.a);
	free(r.b);
	return ret;
}

/* --- what follows --- */

bool fsx_abtest_differ(const struct fsx_abtest *t)
{
	bool tables = t->has_set && t->mechanism != FSX_PAGE_CACHE;

	return t->resident.p < FSS_ALPHA || t->fetched.p < FSS_ALPHA ||
	       (tables && t->served.p < FSS_ALPHA);
}

bool fsx_abtest_moved(const struct fsx_abtest *t)
{
	const struct fsx_compared *const outside[] = {&t->before, &t->after};

	for (size_t i = 0; i < 2; i++)
		if (outside[i]->more > 0 && outside[i]->p < FSS_ALPHA)
			return true;
	return t->prefetch.nb && t->prefetch.median_b > 0;
}

bool fsx_abtest_above_ceiling(const struct fsx_abtest *t)
{
	return t->has_set && t->ceiling.n && t->test.lo > (double)t->ceiling.gain_max;
}

/* "812.3 ms", "-4.0 ms", "endless". */
static char *signed_ns(double ns, char *buf, size_t len)
{
	char t[FS_UNITS_LEN];

	if (isnan(ns))
		snprintf(buf, len, "-");
	else if (isinf(ns))
		snprintf(buf, len, "%sendless", ns < 0 ? "-" : "");
	else
		snprintf(buf, len, "%s%s", ns <= -0.5 ? "-" : "",
			 fs_fmt_ns((uint64_t)(fabs(ns) + 0.5), t, sizeof(t)));
	return buf;
}

/* The verdict's own reason: what the numbers exclude. */
static void of_numbers(const struct fss_test *x, char *buf, size_t len)
{
	char gain[FS_UNITS_LEN + 8], lo[FS_UNITS_LEN + 8], hi[FS_UNITS_LEN + 8];
	char delta[FS_UNITS_LEN + 8];

	signed_ns(x->gain, gain, sizeof(gain));
	signed_ns(x->lo, lo, sizeof(lo));
	signed_ns(x->hi, hi, sizeof(hi));
	signed_ns(x->delta, delta, sizeof(delta));
	switch (x->verdict) {
	case FSS_SUPPORTED:
		snprintf(buf, len,
			 "the gap is %s shorter (95 %% interval %s to %s, above 0), p = %.2g", gain,
			 lo, hi, x->rank.p);
		break;
	case FSS_REFUTED:
		snprintf(buf, len,
			 "a gain of %s or more is excluded: it is %s (95 %% interval %s to %s)",
			 delta, gain, lo, hi);
		break;
	case FSS_INCONCLUSIVE:
		if (x->lo > 0)
			snprintf(buf, len, "the gain of %s is not significant: p = %.2g", gain,
				 x->rank.p);
		else
			snprintf(
				buf, len,
				"the gain is between %s and %s (95 %%): neither none nor %s or more is excluded",
				lo, hi, delta);
		break;
	}
}

char *fsx_abtest_reason(const struct fsx_abtest *t, char *buf, size_t len)
{
	const struct fss_test *x = &t->test;
	char numbers[256];

	if (x->na < FSS_MIN_N || x->nb < FSS_MIN_N) {
		snprintf(
			buf, len,
			"%zu and %zu forks are too few for any verdict: at least %d in each variant",
			x->na, x->nb, FSS_MIN_N);
		return buf;
	}
	of_numbers(x, numbers, sizeof(numbers));
	if (fsx_abtest_differ(t))
		snprintf(buf, len, "%s", numbers);
	else if (x->verdict == FSS_SUPPORTED)
		snprintf(
			buf, len,
			"%s; but nothing shows that the variants differed: it need not be the prefetch",
			numbers);
	else
		snprintf(
			buf, len,
			"the variants did not differ in what was resident or had to be fetched, so there was nothing to gain: %s",
			numbers);
	return buf;
}
