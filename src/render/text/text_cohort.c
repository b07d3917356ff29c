// SPDX-License-Identifier: BSD-2-Clause
/* The text report's part about sets of forks. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "base/units.h"
#include "experiment/cells.h"
#include "render/format_values.h"
#include "render/text/term.h"
#include "render/text/text_parts.h"
#include "render/text/text_table.h"

#define P95_NEEDS  20   /* forks; below that a 95th percentile is only the maximum */
#define MAIN_CAUSE 0.01 /* share of the cohort's mean gap from which a cause gets its row */
#define MAX_DELTAS 6

/* The maximum is of one fork: it leaves first. */
static const struct fsv_column columns[] = {
	{"", 2, -22, 0},   {"n", 1, 5, 0},    {"avg", 1, 11, 0}, {"of gap", 1, 8, 0},
	{"p50", 1, 11, 0}, {"p95", 1, 11, 0}, {"max", 1, 11, 1},
};

static void dist_row(const struct fsv_table *table, FILE *out, const char *name, int indent,
		     const struct fsa_dist *d, double mean_gap)
{
	char t[4][FS_UNITS_LEN], share[16] = "-", indented[40], n[24];
	bool none = !d->n || isnan(d->avg);

	if (none)
		snprintf(t[0], sizeof(t[0]), "-");
	else
		fs_fmt_ns((uint64_t)(d->avg + 0.5), t[0], sizeof(t[0]));
	if (!none && mean_gap > 0)
		snprintf(share, sizeof(share), "%.1f %%", 100 * d->avg / mean_gap);
	if (!d->n)
		snprintf(t[1], sizeof(t[1]), "-");
	else if (d->p50 == UINT64_MAX)
		snprintf(t[1], sizeof(t[1]), "no end");
	else
		fs_fmt_ns(d->p50, t[1], sizeof(t[1]));
	if (d->n < P95_NEEDS)
		snprintf(t[2], sizeof(t[2]), "n<%d", P95_NEEDS);
	else if (d->p95 == UINT64_MAX)
		snprintf(t[2], sizeof(t[2]), "no end");
	else
		fs_fmt_ns(d->p95, t[2], sizeof(t[2]));
	if (!d->n)
		snprintf(t[3], sizeof(t[3]), "-");
	else if (d->max == UINT64_MAX)
		snprintf(t[3], sizeof(t[3]), "no end");
	else
		fs_fmt_ns(d->max, t[3], sizeof(t[3]));
	snprintf(indented, sizeof(indented), "%*s%s", indent, "", name);
	snprintf(n, sizeof(n), "%zu", d->n);
	fsv_table_row(table, out, (const char *[]){indented, n, t[0], share, t[1], t[2], t[3]});
}

/* The bucket that most of the cause's time of this cohort belongs to. */
static enum fsa_bucket cause_bucket(const struct fsa_cohort *c, enum fsa_cause cause)
{
	uint64_t best = 0;
	enum fsa_stage stage = FSA_S_GUEST;

	for (size_t i = 0; i < c->n; i++) {
		uint64_t ns = fsx_cause_ns(c->forks[i], cause);

		if (ns > best) {
			best = ns;
			stage = fsx_main_stage(c->forks[i], cause);
		}
	}
	return fsa_bucket_of(stage, cause);
}

/* Does the signal path have this stage in any of these forks? */
static bool has_stage(const struct fsa_cohort *c, enum fsa_stage s)
{
	for (size_t i = 0; i < c->n; i++)
		for (size_t k = 0; k < c->forks[i]->nstages; k++)
			if (c->forks[i]->stages[k].stage == s && c->forks[i]->stages[k].seen)
				return true;
	return false;
}

/* The stages are another way to cut the same time: they sum to the gap as the buckets do. */
static void stages(const struct fsv_view *v, const struct fsa_cohort *c,
		   const struct fsv_table *table, double mean, FILE *out)
{
	bool any = false;

	for (unsigned int s = 0; s < FSA_NSTAGES; s++) {
		const struct fsa_dist *d = &c->stage[s];

		if (!d->n || (!d->max && !has_stage(c, (enum fsa_stage)s)))
			continue;
		if (!any) {
			fsv_tone(v, out, FSV_T_BOLD);
			fprintf(out, "  by stage of the signal path\n");
			fsv_tone(v, out, FSV_T_PLAIN);
		}
		any = true;
		dist_row(table, out, fsa_stage_name((enum fsa_stage)s), 2, d, mean);
	}
}

static void verdicts(const struct fsa_cohort *c, FILE *out)
{
	bool any = false;

	fprintf(out, "  verdicts: ");
	for (unsigned int i = 0; i <= FSA_V_UNKNOWN; i++) {
		if (!c->verdicts[i])
			continue;
		fprintf(out, "%s%s %zu", any ? ", " : "", fsv_verdict_name((enum fsa_verdict)i),
			c->verdicts[i]);
		any = true;
	}
	fprintf(out, "%s (of %zu)\n", any ? "" : "none", c->n);
}

static void cohort(const struct fsv_view *v, const struct fsa_cohort *c, FILE *out)
{
	char title[120], name[64];
	struct fsv_table table;
	double mean = isnan(c->gap.avg) ? 0 : c->gap.avg;

	snprintf(title, sizeof(title), "cohort \"%s\": %zu fork%s", fsv_clean(c->name, name, 64),
		 c->n, c->n == 1 ? "" : "s");
	fputc('\n', out);
	fsv_rule(v, out, title);
	if (c->timed_out)
		fsv_para(
			out, 2, 4,
			"%zu of %zu never reached the end: they rank as endless in p50, p95 and max, and are not in the averages (n of the averages: %zu)",
			c->timed_out, c->n, c->n - c->timed_out);
	fsv_table_fit(&table, v, columns, sizeof(columns) / sizeof(columns[0]), 0);
	fsv_table_head(&table, out);
	dist_row(&table, out, "gap", 0, &c->gap, mean);
	for (unsigned int b = 0; b < FSA_NBUCKETS; b++) {
		fsv_bucket_tone(v, out, (enum fsa_bucket)b);
		if (b == FSA_B_SIGNAL &&
		    fsv_not_separable(c->bucket[FSA_B_SIGNAL].avg, c->bucket[FSA_B_GUEST].avg))
			fprintf(out, "  %-22s %5zu   %s\n", fsa_bucket_title(FSA_B_SIGNAL),
				c->bucket[b].n, FSV_NOT_SEPARABLE);
		else
			dist_row(&table, out, fsa_bucket_title((enum fsa_bucket)b), 0,
				 &c->bucket[b], mean);
		fsv_tone(v, out, FSV_T_PLAIN);
		for (unsigned int k = 0; k < FSA_NCAUSES; k++) {
			enum fsa_cause cause = (enum fsa_cause)k;

			if (cause_bucket(c, cause) != (enum fsa_bucket)b ||
			    !strcmp(fsa_cause_name(cause), fsa_bucket_title((enum fsa_bucket)b)) ||
			    isnan(c->cause[k].avg) || c->cause[k].avg <= MAIN_CAUSE * mean)
				continue;
			dist_row(&table, out, fsa_cause_name(cause), 2, &c->cause[k], mean);
		}
	}
	stages(v, c, &table, mean, out);
	verdicts(c, out);
}

struct delta {
	const char *name;
	double ns;
};

/* Sorted by size, largest first: keeps the MAX_DELTAS largest. */
static void delta_add(struct delta *d, size_t *n, const char *name, double ns)
{
	size_t i = *n;

	if (fabs(ns) < 1)
		return;
	for (; i > 0 && fabs(d[i - 1].ns) < fabs(ns); i--)
		if (i < MAX_DELTAS)
			d[i] = d[i - 1];
	if (i < MAX_DELTAS)
		d[i] = (struct delta){name, ns};
	if (*n < MAX_DELTAS)
		(*n)++;
}

/* Shares are of use only where the parts pull the same way. */
static void delta_list(FILE *out, const char *what, const struct delta *d, size_t n, double all)
{
	char t[FS_UNITS_LEN];
	double with = 0;

	for (size_t i = 0; i < n; i++)
		if (d[i].ns / all > 0)
			with += d[i].ns / all;
	fprintf(out, "  %s:\n", what);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "    %-20s %c%10s", d[i].name, d[i].ns < 0 ? '-' : '+',
			fs_fmt_ns((uint64_t)(fabs(d[i].ns) + 0.5), t, sizeof(t)));
		if (with <= 1.1)
			fprintf(out, "  %5.1f %% of the difference", 100 * d[i].ns / all);
		fputc('\n', out);
	}
}

/* Means add up: the differences of the parts are the whole of the difference of the gaps. */
static void difference(const struct fsv_view *v, const struct fsa_cohort *a,
		       const struct fsa_cohort *b, FILE *out)
{
	struct delta d[MAX_DELTAS + 1];
	double all = b->gap.avg - a->gap.avg;
	char t[FS_UNITS_LEN], na[64], nb[64], title[200];
	size_t n = 0;

	/* what is split in the one and not in the other cannot be compared part by part */
	if (a->forks[0]->guest.used != b->forks[0]->guest.used)
		return;
	if (isnan(all) || a->n == a->timed_out || b->n == b->timed_out || fabs(all) < 1)
		return;
	fsv_clean(a->name, na, sizeof(na));
	fsv_clean(b->name, nb, sizeof(nb));
	snprintf(title, sizeof(title),
		 "\"%s\" (n %zu) against \"%s\" (n %zu): mean gap %s %s, a factor of %.2f", nb,
		 b->n - b->timed_out, na, a->n - a->timed_out,
		 fs_fmt_ns((uint64_t)(fabs(all) + 0.5), t, sizeof(t)),
		 all > 0 ? "longer" : "shorter", a->gap.avg > 0 ? b->gap.avg / a->gap.avg : 0);
	fsv_heading(v, out, title);
	for (unsigned int i = 0; i < FSA_NBUCKETS; i++)
		delta_add(d, &n, fsa_bucket_title((enum fsa_bucket)i),
			  b->bucket[i].avg - a->bucket[i].avg);
	delta_list(out, "by bucket", d, n, all);
	n = 0;
	for (unsigned int i = 0; i < FSA_NCAUSES; i++)
		delta_add(d, &n, fsa_cause_name((enum fsa_cause)i),
			  b->cause[i].avg - a->cause[i].avg);
	delta_list(out, "by cause, largest first", d, n, all);
	fsv_para(
		out, 2, 2,
		"This says where the difference lies, not that it would be there again: forks of one series differ, and no test was made.");
}

void fsv_text_cohorts(const struct fsv_view *v, FILE *out)
{
	const struct fsa_result *r = v->res;

	for (size_t i = 0; i < r->ncohorts; i++)
		if (!v->cohort || !strcmp(v->cohort, r->cohorts[i].name))
			cohort(v, &r->cohorts[i], out);
	if (v->cohort)
		return;
	/* Variants are compared, with tests, by --variants. */
	for (size_t i = 1, base = 0; i < r->ncohorts; i++) {
		if (strcmp(r->cohorts[i].variant, r->cohorts[base].variant))
			base = i;
		else
			difference(v, &r->cohorts[base], &r->cohorts[i], out);
	}
}
