// SPDX-License-Identifier: BSD-2-Clause
/* Compares the variants of a recording: their columns, mean ledgers, and signals and prefetches. */
#include "experiment/variants.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *key, *title;
} columns[] = {
#define X(e, name, key, title) {key, title},
	FSX_COLUMNS(X)
#undef X
};

const char *fsx_column_key(enum fsx_column c)
{
	return c < FSX_NCOLUMNS ? columns[c].key : "?";
}

const char *fsx_column_title(enum fsx_column c)
{
	return c < FSX_NCOLUMNS ? columns[c].title : "?";
}

const char *fsx_finding_name(enum fsx_finding f)
{
	static const char *const names[] = {
#define X(e, name) name,
		FSX_FINDINGS(X)
#undef X
	};

	return f <= FSX_F_UNDECIDED ? names[f] : "?";
}

/* --- columns --- */

static uint64_t ack(const struct fsa_fork *f, const char *stage)
{
	for (size_t i = 0; i < f->nacks; i++)
		if (!strcmp(f->acks[i].stage, stage))
			return f->acks[i].at_ns;
	return 0;
}

static uint64_t between(uint64_t from, uint64_t to)
{
	return from && to >= from ? to - from : UINT64_MAX;
}

uint64_t fsx_column_of(const struct fsa_fork *f, enum fsx_column c)
{
	uint64_t mailbox = ack(f, "mailbox"), applied = ack(f, "applied");

	switch (c) {
	case FSX_COL_TOTAL:
		return !applied          ? FSX_ENDLESS
		       : f->vmm_start_ns ? between(f->vmm_start_ns, applied)
					 : UINT64_MAX;
	case FSX_COL_RECONFIGURE:
		return applied ? between(f->resume_ns, applied) : FSX_ENDLESS;
	case FSX_COL_MAILBOX:
		/* with an applied ack behind it, it was lost, not late */
		return mailbox   ? between(f->resume_ns, mailbox)
		       : applied ? UINT64_MAX
				 : FSX_ENDLESS;
	case FSX_COL_APPLY:
		if (!mailbox)
			return UINT64_MAX;
		return applied ? between(mailbox, applied) : FSX_ENDLESS;
	case FSX_NCOLUMNS:
		break;
	}
	return UINT64_MAX;
}

static uint64_t gap_of(const struct fsa_fork *f)
{
	return f->complete ? f->gap_ns : FSX_ENDLESS;
}

/* @column FSX_NCOLUMNS: the gap. @v is room for the group's forks. */
static struct fsx_dist dist(const struct fsx_group *g, enum fsx_column column, double *v)
{
	struct fsx_dist d = {.avg = NAN, .p50 = NAN, .max = NAN, .p95 = NAN};
	double sum = 0;

	for (size_t i = 0; g && i < g->n; i++) {
		uint64_t x = column == FSX_NCOLUMNS ? gap_of(g->forks[i])
						    : fsx_column_of(g->forks[i], column);

		if (x == UINT64_MAX)
			continue;
		v[d.n++] = x == FSX_ENDLESS ? INFINITY : (double)x;
		d.endless += x == FSX_ENDLESS;
		sum += x == FSX_ENDLESS ? 0 : (double)x;
	}
	if (!d.n || fss_sort(v, d.n))
		return d;
	if (d.n > d.endless)
		d.avg = sum / (double)(d.n - d.endless);
	d.p50 = fss_quantile(v, d.n, 0.5);
	if (d.n >= FSX_P95_NEEDS)
		d.p95 = fss_quantile(v, d.n, 0.95);
	d.max = v[d.n - 1];
	return d;
}

/* --- variants --- */

static void means(struct fsx_variant *a)
{
	for (size_t i = 0; a->steady && i < a->steady->n; i++) {
		const struct fsa_fork *f = a->steady->forks[i];

		if (!f->complete)
			continue;
		a->complete++;
		a->split += f->guest.used;
		for (int b = 0; b < FSA_NBUCKETS; b++)
			a->bucket[b] += (double)f->bucket_ns[b];
		for (int c = 0; c < FSA_NCAUSES; c++)
			for (int s = 0; s < FSA_NSTAGES; s++) {
				a->cause[c] += (double)f->cells[s][c].ns;
				a->signal_path += s <= FSA_S_WAKEUP ? (double)f->cells[s][c].ns : 0;
			}
	}
	a->signal_path /= a->complete ? (double)a->complete : 1;
	for (int b = 0; a->complete && b < FSA_NBUCKETS; b++)
		a->bucket[b] /= (double)a->complete;
	for (int c = 0; a->complete && c < FSA_NCAUSES; c++)
		a->cause[c] /= (double)a->complete;
}

static int make_variant(const struct fsx_groups *g, const char *name, struct fsx_variant *a)
{
	double *v;

	snprintf(a->name, sizeof(a->name), "%s", name);
	a->signal_len = strcspn(a->name, ":");
	snprintf(a->prefetch, sizeof(a->prefetch), "%s",
		 a->name + a->signal_len + (a->name[a->signal_len] == ':'));
	a->steady = fsx_group_find(g, name, FSX_STEADY);
	a->first = fsx_group_find(g, name, FSX_FIRST);
	a->ack_lost = fsx_group_count(g, name, FSX_ACK_LOST);
	a->ack_late = fsx_group_count(g, name, FSX_ACK_LATE);
	a->cut = fsx_group_count(g, name, FSX_CUT);
	v = calloc((a->steady ? a->steady->n : 0) + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (unsigned int c = 0; c < FSX_NCOLUMNS; c++)
		a->column[c] = dist(a->steady, (enum fsx_column)c, v);
	a->gap = dist(a->steady, FSX_NCOLUMNS, v);
	a->fell_back = a->column[FSX_COL_RECONFIGURE].endless;
	free(v);
	means(a);
	return 0;
}

static bool is_none(const char *prefetch)
{
	return !*prefetch || !strcmp(prefetch, "none");
}

/* By prefetch, none of it first, and for each by signal. */
static int by_name(const void *x, const void *y)
{
	const struct fsx_variant *a = x, *b = y;

	if (is_none(a->prefetch) != is_none(b->prefetch))
		return is_none(a->prefetch) ? -1 : 1;
	return strcmp(a->prefetch, b->prefetch) ?: strcmp(a->name, b->name);
}

/* --- pairs --- */

static bool same_signal(const struct fsx_variant *a, const struct fsx_variant *b)
{
	return a->signal_len == b->signal_len && !memcmp(a->name, b->name, a->signal_len);
}

static double *gaps(const struct fsx_variant *a)
{
	double *v = calloc(a->steady->n + 1, sizeof(*v));

	for (size_t i = 0; v && i < a->steady->n; i++)
		v[i] = a->steady->forks[i]->complete ? (double)a->steady->forks[i]->gap_ns
						     : INFINITY;
	return v;
}

static int add_pair(struct fsx_variants *x, enum fsx_pair_kind kind, const struct fsx_variant *a,
		    const struct fsx_variant *b, uint64_t seed)
{
	struct fsx_pair *p = &x->pairs[x->npairs];
	double *va = gaps(a), *vb = gaps(b);
	int ret = va && vb ? 0 : -ENOMEM;

	p->kind = kind;
	p->a = a;
	p->b = b;
	ret = ret ? ret : fss_test(va, a->steady->n, vb, b->steady->n, -1, seed, &p->test);
	x->npairs += !ret;
	free(va);
	free(vb);
	return ret;
}

/* Variants that differ in @kind alone; a prefetch is compared with none. */
static int add_pairs(struct fsx_variants *x, enum fsx_pair_kind kind, uint64_t seed)
{
	int ret = 0;

	for (size_t i = 0; i < x->nvariants; i++)
		for (size_t k = 0; k < x->nvariants && !ret; k++) {
			const struct fsx_variant *a = &x->variants[i], *b = &x->variants[k];
			bool signal = same_signal(a, b),
			     prefetch = !strcmp(a->prefetch, b->prefetch);

			if (!a->steady || !b->steady || i == k)
				continue;
			if (kind == FSX_SIGNALS
				    ? i < k && prefetch && !signal
				    : signal && is_none(a->prefetch) && !is_none(b->prefetch))
				ret = add_pair(x, kind, a, b, seed);
		}
	return ret;
}

/* Holm's step-down adjustment over the pairs of @kind (Scandinavian Journal of Statistics 6, 1979).
 */
static void adjust(struct fsx_variants *x, enum fsx_pair_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < x->npairs; i++)
		n += x->pairs[i].kind == kind;
	for (size_t i = 0; i < x->npairs; i++) {
		struct fsx_pair *p = &x->pairs[i];

		if (p->kind != kind)
			continue;
		/* the largest of (those not smaller) * p, over all that are at most as large */
		p->p = 0;
		for (size_t j = 0; j < x->npairs; j++) {
			double pj = x->pairs[j].test.rank.p;
			size_t smaller = 0;

			if (x->pairs[j].kind != kind || pj > p->test.rank.p)
				continue;
			for (size_t k = 0; k < x->npairs; k++)
				smaller += x->pairs[k].kind == kind &&
					   (x->pairs[k].test.rank.p < pj ||
					    (x->pairs[k].test.rank.p <= pj && k < j));
			p->p = fmax(p->p, fmin(1, pj * (double)(n - smaller)));
		}
	}
}

static enum fsx_finding find(const struct fsx_pair *p)
{
	const struct fss_test *t = &p->test;

	if (t->na < FSS_MIN_N || t->nb < FSS_MIN_N)
		return FSX_F_UNDECIDED;
	if (p->p < FSS_ALPHA && t->lo > 0)
		return FSX_F_SHORTER;
	if (p->p < FSS_ALPHA && t->hi < 0)
		return FSX_F_LONGER;
	return isfinite(t->delta) && t->lo > -t->delta && t->hi < t->delta ? FSX_F_ALIKE
									   : FSX_F_UNDECIDED;
}

int fsx_variants_make(const struct fsx_groups *g, uint64_t seed, struct fsx_variants *b)
{
	int ret = 0;

	*b = (struct fsx_variants){.groups = g,
				   .variants = calloc(g->n + 1, sizeof(*b->variants)),
				   .pairs = calloc(g->n * g->n + 1, sizeof(*b->pairs))};
	ret = b->variants && b->pairs ? 0 : -ENOMEM;
	for (size_t i = 0; i < g->n && !ret; i++)
		if (!i || strcmp(g->v[i].variant, g->v[i - 1].variant))
			ret = make_variant(g, g->v[i].variant, &b->variants[b->nvariants++]);
	if (!ret && b->nvariants)
		qsort(b->variants, b->nvariants, sizeof(*b->variants), by_name);
	ret = ret ? ret : add_pairs(b, FSX_SIGNALS, seed);
	ret = ret ? ret : add_pairs(b, FSX_PREFETCHES, seed);
	if (ret) {
		fsx_variants_free(b);
		return ret;
	}
	adjust(b, FSX_SIGNALS);
	adjust(b, FSX_PREFETCHES);
	for (size_t i = 0; i < b->npairs; i++)
		b->pairs[i].finding = find(&b->pairs[i]);
	return 0;
}

void fsx_variants_free(struct fsx_variants *b)
{
	free(b->variants);
	free(b->pairs);
	*b = (struct fsx_variants){0};
}

double fsx_mean_gap(const struct fsx_variant *a)
{
	double sum = 0;

	for (int b = 0; b < FSA_NBUCKETS; b++)
		sum += a->bucket[b];
	return sum;
}
