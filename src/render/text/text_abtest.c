// SPDX-License-Identifier: BSD-2-Clause
/* The text of forkscope prefetch test: the verdict and what it rests on. */
#include "render/abtest_view.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "base/units.h"
#include "experiment/cells.h"
#include "render/format_values.h"
#include "render/text/term.h"
#include "render/text/text_table.h"

#define W (FS_UNITS_LEN + 8)

/* A time or its difference; NaN is none, infinite without an end. */
static char *ns(double x, char *buf)
{
	char t[FS_UNITS_LEN];

	if (isnan(x))
		snprintf(buf, W, "-");
	else if (isinf(x))
		snprintf(buf, W, "%sno end", x < 0 ? "-" : "");
	else
		snprintf(buf, W, "%s%s", x <= -0.5 ? "-" : "",
			 fs_fmt_ns((uint64_t)(fabs(x) + 0.5), t, sizeof(t)));
	return buf;
}

static void variant_line(const struct fsx_test_variant *x, const char *what, size_t endless,
			 FILE *out)
{
	char name[100], open[80] = "", less[120] = "", late[48] = "";

	if (endless)
		snprintf(open, sizeof(open), ", %zu of them without an end (they rank as endless)",
			 endless);
	if (x->first || x->ack_lost || x->ack_late || x->cut)
		snprintf(less, sizeof(less),
			 "; left out: %zu first, %zu with a lost mailbox ack, %zu cut short",
			 x->first, x->ack_lost, x->cut);
	if (x->ack_late)
		snprintf(late, sizeof(late), ", %zu with a late one", x->ack_late);
	fsv_para(out, 2, 4, "%s: %s, %zu fork%s%s%s%s", what,
		 fsv_clean(x->name, name, sizeof(name)), x->n, x->n == 1 ? "" : "s", open, less,
		 late);
}

/* "  label          what it is" */
#define FACT(out, label, ...) fsv_para_on(out, fprintf(out, "  %-14s ", label), 17, __VA_ARGS__)

static void effect(const struct fss_test *x, FILE *out)
{
	char t[4][W];

	FACT(out, "gap, median:", "%s, with the prefetch %s", ns(x->median_a, t[0]),
	     ns(x->median_b, t[1]));
	FACT(out, "gain:", "%s (Hodges-Lehmann), 95 %% interval %s to %s", ns(x->gain, t[0]),
	     ns(x->lo, t[1]), ns(x->hi, t[2]));
	FACT(out, "", "percentile bootstrap, %u resamples, seed %" PRIu64, x->resamples, x->seed);
	FACT(out, "rank test:", "p = %.3g (Mann-Whitney, two-sided, %s)", x->rank.p,
	     x->rank.exact  ? "exact"
	     : x->rank.ties ? "normal approximation with ties"
			    : "normal approximation");
	FACT(out, "delta:", "%s; a smaller gain does not matter", ns(x->delta, t[0]));
	if (isinf(x->smallest))
		FACT(out, "could be seen:", "nothing: with so few forks no gain is significant");
	else
		FACT(out, "could be seen:",
		     "a gain of %s or more (with 80 %% probability, %u simulated runs)",
		     ns(x->smallest, t[0]), x->sims);
	if (x->need)
		FACT(out, "would decide:", "%s%zu forks in each variant (80 %% probability)",
		     x->need >= FSS_NEED_MAX ? "more than " : "about ", x->need);
}

#define P_WIDTH 13 /* "  p = 1.2e-05" */

/* Of two variants; the difference stays. */
static const struct fsv_column columns[] = {
	{"", 2, -34, 0},
	{"without", 1, 12, 1},
	{"with", 1, 12, 0},
	{"difference", 1, 12, 0},
};

/* A heading with the columns below it, @first over the first one, with @rest behind the last. */
static void begin(const struct fsv_view *v, struct fsv_table *table, const char *title,
		  const char *first, int rest, FILE *out)
{
	fsv_heading(v, out, title);
	fsv_table_fit(table, v, columns, sizeof(columns) / sizeof(columns[0]), rest);
	fsv_table_row(table, out, (const char *[]){first, "without", "with", "difference"});
}

static void compared_row(const struct fsv_table *table, const char *name,
			 const struct fsx_compared *x, bool time, FILE *out)
{
	char t[3][W];

	if (!x->na && !x->nb)
		return;
	if (time) {
		ns(x->median_a, t[0]);
		ns(x->median_b, t[1]);
		ns(x->more, t[2]);
	} else {
		snprintf(t[0], W, "%.0f", x->median_a);
		snprintf(t[1], W, "%.0f", x->median_b);
		snprintf(t[2], W, "%.0f", x->more);
	}
	fsv_table_cell(table, out, 0, name);
	fsv_table_cell(table, out, 1, time || x->na ? t[0] : "-");
	fsv_table_cell(table, out, 2, time || x->nb ? t[1] : "-");
	fsv_table_cell(table, out, 3, time || !isnan(x->more) ? t[2] : "-");
	if (x->na && x->nb)
		fprintf(out, "  p = %.2g", x->p);
	fputc('\n', out);
}

static void differ(const struct fsv_abtest *v, FILE *out)
{
	const struct fsx_abtest *t = v->test;
	struct fsv_table table;

	begin(v->a, &table, "Did the variants differ?", "medians", P_WIDTH, out);
	compared_row(&table, "pages resident at the resume", &t->resident, false, out);
	compared_row(&table, "faults that had to fetch a page", &t->fetched, false, out);
	compared_row(&table, "faults that the page cache served", &t->served, false, out);
	if (!fsx_abtest_differ(t))
		fsv_para(
			out, 2, 2,
			"%s that the variants differed: the prefetch changed nothing that can be seen. Where everything was resident before, this says nothing about a cold start.",
			t->resident.na && t->resident.nb
				? "Neither the resident pages nor the faults show"
				: "The faults do not show");
}

static void ledger_row(const struct fsv_table *table, const char *name, const struct fsx_part *x,
		       int indent, FILE *out)
{
	char t[3][W], indented[48];

	if (fabs(x->a - x->b) < 0.5 && x->a < 0.5)
		return;
	snprintf(indented, sizeof(indented), "%*s%s", indent, "", name);
	fsv_table_row(
		table, out,
		(const char *[]){indented, ns(x->a, t[0]), ns(x->b, t[1]), ns(x->b - x->a, t[2])});
}

static bool in_bucket(const struct fsv_abtest *v, int cause, int bucket)
{
	const struct fsx_test_variant *const variants[] = {&v->test->a, &v->test->b};
	uint64_t best = 0;
	enum fsa_bucket of = fsa_bucket_of(FSA_S_GUEST, (enum fsa_cause)cause);

	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < variants[k]->n; i++) {
			uint64_t x = fsx_cause_ns(variants[k]->forks[i], (enum fsa_cause)cause);

			if (x <= best)
				continue;
			best = x;
			of = fsa_bucket_of(
				fsx_main_stage(variants[k]->forks[i], (enum fsa_cause)cause),
				(enum fsa_cause)cause);
		}
	return (int)of == bucket;
}

static void ledger(const struct fsv_abtest *v, FILE *out)
{
	struct fsv_table table;

	begin(v->a, &table, "Where the time went (means; the differences sum to that of the gaps)",
	      "", 0, out);
	for (int b = 0; b < FSA_NBUCKETS; b++) {
		const char *title = fsa_bucket_title((enum fsa_bucket)b);

		ledger_row(&table, title, &v->test->bucket[b], 0, out);
		for (int c = 0; c < FSA_NCAUSES; c++)
			if (in_bucket(v, c, b) && strcmp(fsa_cause_name((enum fsa_cause)c), title))
				ledger_row(&table, fsa_cause_name((enum fsa_cause)c),
					   &v->test->cause[c], 2, out);
	}
}

static void moved(const struct fsv_abtest *v, FILE *out)
{
	const struct fsx_abtest *t = v->test;
	struct fsv_table table;

	begin(v->a, &table, "Moved work: time outside the window (medians)", "", P_WIDTH, out);
	compared_row(&table, "the VMM's start to the resume", &t->before, true, out);
	compared_row(&table, "the end to the last ack", &t->after, true, out);
	compared_row(&table, "prefetching, as reported", &t->prefetch, true, out);
	if (fsx_abtest_moved(t))
		fsv_para(
			out, 2, 2,
			"Work was moved out of the window: what the prefetch costs there is not in the gain.");
}

static void pages(const struct fsv_abtest *v, FILE *out)
{
	const struct fsx_abtest *t = v->test;
	const struct fsx_pages *p = &t->pages;
	char g[W], m[W];

	fsv_heading(v->a, out, "The prefetched pages (means over the forks with it)");
	fprintf(out, "  %" PRIu64 " pages in the ranges, %zu forks\n", p->pages, p->forks);
	fprintf(out, "  %10.0f used before the end\n", p->used);
	fprintf(out, "  %10.0f touched before the end, but had to be fetched: too late\n",
		p->too_late);
	fprintf(out, "  %10.0f used later, while the fork was watched\n", p->later);
	fprintf(out, "  %10.0f never used\n", p->never);
	if (!t->ceiling.n) {
		fsv_para(out, 2, 4, "ceiling (%s): none: %s", fsx_mechanism_name(t->mechanism),
			 fsx_none_text(t->ceiling.why));
		return;
	}
	fsv_para(out, 2, 4, "ceiling (%s, by the forks without it): %s, at most %s in one fork",
		 fsx_mechanism_name(t->mechanism), ns((double)t->ceiling.gain_p50, g),
		 ns((double)t->ceiling.gain_max, m));
	if (fsx_abtest_above_ceiling(t))
		fsv_para(
			out, 2, 2,
			"The gain lies above the ceiling: the variants differ in more than this prefetch, or the ranges are not what was prefetched.");
}

/* How the forks were made, in the words of bench's JSON. */
static void made(const json_t *run, FILE *out)
{
	if (!run)
		return;
	fsv_para(
		out, 2, 4,
		"made by %s, page cache %s before each, prefetched by %s %s the resume; order by seed %" JSON_INTEGER_FORMAT,
		json_string_value(json_object_get(run, "vmm")),
		json_string_value(json_object_get(run, "cache")),
		json_string_value(json_object_get(run, "mechanism")),
		json_is_true(json_object_get(run, "beside")) ? "from" : "before",
		json_integer_value(json_object_get(run, "seed")));
}

void fsv_abtest_text(const struct fsv_abtest *v, FILE *out)
{
	const struct fsx_abtest *t = v->test;
	char why[400], path[2][256];

	fsv_set_width(v->a);
	fsv_para(out, 0, 2, "prefetch test: %s%s%s",
		 fsv_clean(v->a->path, path[0], sizeof(path[0])), v->a != v->b ? " against " : "",
		 v->a != v->b ? fsv_clean(v->b->path, path[1], sizeof(path[1])) : "");
	variant_line(&t->a, "without", t->test.endless_a, out);
	variant_line(&t->b, "with", t->test.endless_b, out);
	made(v->run, out);
	fputc('\n', out);
	fsv_tone(v->a, out, FSV_T_BOLD);
	fprintf(out, "verdict: %s\n", fss_verdict_name(t->test.verdict));
	fsv_tone(v->a, out, FSV_T_PLAIN);
	fsv_para(out, 2, 2, "%s.", fsx_abtest_reason(t, why, sizeof(why)));
	effect(&t->test, out);
	differ(v, out);
	ledger(v, out);
	moved(v, out);
	if (t->has_set)
		pages(v, out);
}
