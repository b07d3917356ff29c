// SPDX-License-Identifier: BSD-2-Clause
#include "render/arms.h"
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include "base/units.h"
#include "render/format.h"
#include "render/text/term.h"
#include "render/text/text_parts.h"

#define LEDGER_CELL 19   /* "  1234.5 ms  100 %" */
#define CELL        21   /* "1234.5 / 1234 / 12345" */
#define MAIN_CAUSE  0.01 /* share of an arm's mean gap from which a cause gets its row */
#define W           (FS_UNITS_LEN + 8)

static int name_width(const struct fsx_bench *b)
{
	size_t w = strlen("all forks");

	for (size_t i = 0; i < b->narms; i++)
		if (strlen(b->arms[i].name) > w)
			w = strlen(b->arms[i].name);
	return (int)w;
}

static const char *arm_name(const struct fsx_bench_arm *a, char *buf, size_t len)
{
	return *a->name ? fsv_clean(a->name, buf, len) : "all forks";
}

/* Milliseconds, "no end", "-". */
static char *ms(double ns, int digits, char *buf, size_t len)
{
	if (isnan(ns))
		snprintf(buf, len, "-");
	else if (isinf(ns))
		snprintf(buf, len, "no end");
	else
		snprintf(buf, len, "%.*f", digits, ns / 1e6);
	return buf;
}

static void cell(const struct fsx_dist *d, FILE *out)
{
	char avg[16], p50[16], max[16], text[64] = "-";

	if (d->n)
		snprintf(text, sizeof(text), "%s / %s / %s", ms(d->avg, 1, avg, sizeof(avg)),
			 ms(d->p50, 0, p50, sizeof(p50)), ms(d->max, 0, max, sizeof(max)));
	fprintf(out, "  %*s", CELL, text);
}

/* A table that is too wide goes on below: these of its columns stand side by side. */
struct part {
	size_t from, end;
};

/* The part behind @p of @n columns, each @wide, beside @name columns of names; false: that was all.
 */
static bool next_part(const struct fsv_view *v, struct part *p, size_t n, int name, int wide)
{
	int room = v->columns ? (int)fsv_columns(v) - name : INT_MAX;
	size_t fit = room / wide < 1 ? 1 : (size_t)(room / wide);

	p->from = p->end;
	p->end = p->from + fit < n ? p->from + fit : n;
	return p->from < n;
}

static void first_row(const struct fsx_bench_arm *a, int w, const struct part *p, FILE *out)
{
	char t[16];

	for (size_t i = 0; a->first && i < a->first->n; i++) {
		fprintf(out, "%-*s  %3s", w, i ? "" : "  its first fork", "");
		for (size_t c = p->from; c < p->end; c++) {
			uint64_t x = fsx_column_of(a->first->forks[i], (enum fsx_column)c);
			double ns = x == UINT64_MAX ? NAN : x == FSX_ENDLESS ? INFINITY : (double)x;

			fprintf(out, "  %*s", CELL, ms(ns, 1, t, sizeof(t)));
		}
		fputc('\n', out);
	}
}

/* From as many forks on as a 95th percentile needs. */
static void p95_row(const struct fsx_bench_arm *a, int w, const struct part *p, FILE *out)
{
	char t[16];

	if (!a->steady || a->steady->n < FSX_P95_NEEDS)
		return;
	fprintf(out, "%-*s  %3s", w, "  p95", "");
	for (size_t c = p->from; c < p->end; c++)
		fprintf(out, "  %*s", CELL, ms(a->column[c].p95, 1, t, sizeof(t)));
	fputc('\n', out);
}

static void left_out(const struct fsx_bench_arm *a, FILE *out)
{
	if (a->steady && a->fell_back)
		fsv_para(out, 2, 4,
			 "%zu of %zu sent no applied ack within the time-out, or before their "
			 "VMM ended: a platform falls back for them; they rank as endless in the "
			 "columns that end there, and are in none of their averages",
			 a->fell_back, a->steady->n);
	if (a->ack_lost)
		fprintf(out, "  %zu with a lost mailbox ack are left out\n", a->ack_lost);
	if (a->ack_late)
		fprintf(out, "  %zu with a mailbox ack that came too late are left out\n",
			a->ack_late);
	if (a->cut)
		fprintf(out, "  %zu cut by the recording's end are left out\n", a->cut);
}

static void table_part(const struct fsx_bench *b, int w, const struct part *p, FILE *out)
{
	char name[80];

	fprintf(out, "%-*s  %3s", w, "arm", "n");
	for (size_t c = p->from; c < p->end; c++)
		fprintf(out, "  %*s", CELL, fsx_column_title((enum fsx_column)c));
	fputc('\n', out);
	for (size_t i = 0; i < b->narms; i++) {
		const struct fsx_bench_arm *a = &b->arms[i];

		fprintf(out, "%-*s  %3zu", w, arm_name(a, name, sizeof(name)),
			a->steady ? a->steady->n : 0);
		for (size_t c = p->from; c < p->end; c++)
			cell(&a->column[c], out);
		fputc('\n', out);
		p95_row(a, w, p, out);
		first_row(a, w, p, out);
		if (!p->from)
			left_out(a, out);
	}
}

static void table(const struct fsv_view *v, const struct fsx_bench *b, FILE *out)
{
	struct part p = {0};
	int w = name_width(b);

	fsv_heading(v, out, "avg / p50 / max in ms; the first fork of each arm apart");
	if (w < (int)strlen("  its first fork"))
		w = (int)strlen("  its first fork");
	while (next_part(v, &p, FSX_NCOLUMNS, w + 5, CELL + 2)) {
		if (p.from)
			fputc('\n', out);
		table_part(b, w, &p, out);
	}
}

/* --- ledgers --- */

static double mean_gap(const struct fsx_bench_arm *a)
{
	double sum = 0;

	for (int b = 0; b < FSA_NBUCKETS; b++)
		sum += a->bucket[b];
	return sum;
}

/* Of an arm's column in the ledgers: names stand whole, for they differ in their ends. */
static int column_width(const struct fsx_bench *b)
{
	int w = name_width(b);

	return w > LEDGER_CELL ? w : LEDGER_CELL;
}

static const double *bucket_of(const struct fsx_bench_arm *a, int which)
{
	return &a->bucket[which];
}

static const double *cause_of(const struct fsx_bench_arm *a, int which)
{
	return &a->cause[which];
}

static void ledger_row(const struct fsx_bench *b, const char *name, int indent,
		       const double *(*value)(const struct fsx_bench_arm *a, int which), int which,
		       const struct part *p, FILE *out)
{
	int w = column_width(b);
	char t[16];

	fprintf(out, "  %*s%-*s", indent, "", 20 - indent, name);
	for (size_t i = p->from; i < p->end; i++) {
		const struct fsx_bench_arm *a = &b->arms[i];
		double x = *value(a, which), all = mean_gap(a);

		if (!a->complete)
			fprintf(out, " %*s", w, "-");
		else if (value == bucket_of && which == FSA_B_SIGNAL &&
			 fsv_untold(x, *bucket_of(a, FSA_B_GUEST)))
			fprintf(out, " %*s", w, "not told apart");
		else
			fprintf(out, " %*s ms %4.0f %%", w - 10, ms(x, 1, t, sizeof(t)),
				all > 0 ? 100 * x / all : 0);
	}
	fputc('\n', out);
}

static bool is_main(const struct fsx_bench *b, int cause)
{
	for (size_t i = 0; i < b->narms; i++)
		if (b->arms[i].complete &&
		    b->arms[i].cause[cause] > MAIN_CAUSE * mean_gap(&b->arms[i]))
			return true;
	return false;
}

/* Stages decide to which bucket guest.idle belongs: told with what its time is mostly of. */
static int main_bucket(const struct fsx_bench *b, int cause)
{
	uint64_t best = 0;
	int of = (int)fsa_bucket_of(FSA_S_GUEST, (enum fsa_cause)cause);

	for (size_t i = 0; i < b->narms; i++)
		for (size_t k = 0; b->arms[i].steady && k < b->arms[i].steady->n; k++) {
			const struct fsa_fork *f = b->arms[i].steady->forks[k];
			uint64_t ns = fsv_cause_ns(f, (enum fsa_cause)cause);

			if (ns <= best)
				continue;
			best = ns;
			of = (int)fsa_bucket_of(fsv_main_stage(f, (enum fsa_cause)cause),
						(enum fsa_cause)cause);
		}
	return of;
}

static void ledgers_part(const struct fsv_view *v, const struct fsx_bench *b, const struct part *p,
			 FILE *out)
{
	int w = column_width(b);
	char name[80];

	fprintf(out, "  %-20s", "");
	for (size_t i = p->from; i < p->end; i++)
		fprintf(out, " %*s", w, arm_name(&b->arms[i], name, sizeof(name)));
	fprintf(out, "\n  %-20s", "gap");
	for (size_t i = p->from; i < p->end; i++) {
		const struct fsx_bench_arm *a = &b->arms[i];

		if (a->complete)
			fprintf(out, " %*s ms  100 %%", w - 10, ms(mean_gap(a), 1, name, 16));
		else
			fprintf(out, " %*s", w, "-");
	}
	fputc('\n', out);
	for (int k = 0; k < FSA_NBUCKETS; k++) {
		const char *bucket = fsa_bucket_title((enum fsa_bucket)k);

		fsv_bucket_tone(v, out, (enum fsa_bucket)k);
		ledger_row(b, bucket, 0, bucket_of, k, p, out);
		fsv_tone(v, out, FSV_T_PLAIN);
		for (int c = 0; c < FSA_NCAUSES; c++)
			if (is_main(b, c) && main_bucket(b, c) == k &&
			    strcmp(fsa_cause_name((enum fsa_cause)c), bucket))
				ledger_row(b, fsa_cause_name((enum fsa_cause)c), 2, cause_of, c, p,
					   out);
	}
}

static void ledgers(const struct fsv_view *v, const struct fsx_bench *b, FILE *out)
{
	char end[96], title[200];
	struct part p = {0};

	snprintf(title, sizeof(title), "The ledger beside it: means of %s to %s",
		 fsv_start_name(v->res->opts.start), fsa_end_text(&v->res->opts, end, sizeof(end)));
	fsv_heading(v, out, title);
	while (next_part(v, &p, b->narms, 22, column_width(b) + 1)) {
		if (p.from)
			fputc('\n', out);
		ledgers_part(v, b, &p, out);
	}
}

/* --- comparisons --- */

static char *ns(double x, char *buf)
{
	char t[FS_UNITS_LEN];

	if (isinf(x) || isnan(x))
		snprintf(buf, W, "%s", isnan(x) ? "-" : x < 0 ? "-no end" : "no end");
	else
		snprintf(buf, W, "%s%s", x <= -0.5 ? "-" : "",
			 fs_fmt_ns((uint64_t)(fabs(x) + 0.5), t, sizeof(t)));
	return buf;
}

static void pair(const struct fsx_pair *p, FILE *out)
{
	char d[W], lo[W], hi[W], delta[W], seen[W], na[80], nb[80], more[80] = "";
	const struct fss_test *t = &p->test;

	/* a gain is a - b; told here is b - a: how much longer the second is */
	ns(-t->gain, d);
	ns(-t->hi, lo);
	ns(-t->lo, hi);
	ns(t->delta, delta);
	if (p->finding == FSX_F_UNDECIDED && t->need)
		snprintf(more, sizeof(more), "; %zu forks in each arm would tell more", t->need);
	fsv_para(out, 2, 4,
		 "%s against %s: %s; difference %s (95 %% interval %s to %s), p = %.2g, n %zu and "
		 "%zu; %s%s%s",
		 arm_name(p->b, nb, sizeof(nb)), arm_name(p->a, na, sizeof(na)),
		 p->finding == FSX_F_ALIKE       ? "alike (a difference beyond delta is excluded)"
		 : p->finding == FSX_F_UNDECIDED ? "not decided"
						 : fsx_finding_name(p->finding),
		 d, lo, hi, p->p, t->na, t->nb,
		 p->finding == FSX_F_ALIKE ? "delta " : "could have been seen: ",
		 p->finding == FSX_F_ALIKE ? delta
		 : isinf(t->smallest)      ? "no difference"
					   : ns(t->smallest, seen),
		 more);
}

static size_t pairs(const struct fsv_view *v, const struct fsx_bench *b, enum fsx_pair_kind kind,
		    const char *title, FILE *out)
{
	size_t n = 0;

	for (size_t i = 0; i < b->npairs; i++) {
		if (b->pairs[i].kind != kind)
			continue;
		if (!n++)
			fsv_heading(v, out, title);
		pair(&b->pairs[i], out);
	}
	return n;
}

struct shares { /* of the mean gaps of several arms */
	double least, most;
	size_t n;
};

static void add_share(struct shares *s, double share)
{
	s->least = s->n && s->least < share ? s->least : share;
	s->most = s->n && s->most > share ? s->most : share;
	s->n++;
}

/*
 * What the ledger says of it, whatever the comparisons found. The bucket is not all that a signal
 * costs: its way is full of faults and of others' work, some of which another signal would meet
 * as well. All of the way is the bound.
 */
static void signal_share(const struct fsx_bench *b, FILE *out)
{
	struct shares bucket = {0}, way = {0};

	for (size_t i = 0; i < b->narms; i++) {
		const struct fsx_bench_arm *a = &b->arms[i];
		double all = mean_gap(a);

		if (!a->complete || a->split < a->complete || !(all > 0))
			continue;
		add_share(&bucket, 100 * a->bucket[FSA_B_SIGNAL] / all);
		if (a->way > 0)
			add_share(&way, 100 * a->way / all);
	}
	if (!bucket.n) {
		fsv_para(out, 2, 2,
			 "What signal delivery takes is not known: the guests' own half is "
			 "missing, so that guest time is not split.");
		return;
	}
	fsv_para(out, 2, 2,
		 "By the ledger signal delivery, guest code of the signal's way and waiting for "
		 "it, takes %.1f to %.1f %% of the mean gap (%zu of %zu arms, whose guest time is "
		 "split).",
		 bucket.least, bucket.most, bucket.n, b->narms);
	if (way.n)
		fsv_para(out, 2, 2,
			 "Faults, exits and others' work on that way are in the other buckets: all "
			 "of it, from raise to wakeup, takes %.1f to %.1f %% (%zu arms, whose "
			 "signal is raised). Another signal can save no more than that, and less "
			 "where the same pages would be touched all the same.",
			 way.least, way.most, way.n);
}

static const char two_snapshots[] =
	"A guest waits for one signal, so arms of two signals are forks of two snapshots. Whatever "
	"else these differ by is in the difference, and its interval does not cover it: snapshots "
	"taken anew would show it.";

void fsv_arms_text(const struct fsv_view *v, const struct fsx_bench *b, FILE *out)
{
	char path[512];

	fsv_set_width(v);
	fsv_para(out, 0, 2, "arms of %s", fsv_clean(v->path, path, sizeof(path)));
	if (!b->narms) {
		fsv_para_on(out, fprintf(out, "\n") - 1, 2, "no fork to compare: %s",
			    v->res->nforks
				    ? "none is of an arm"
				    : "no VM of this recording was restored from a snapshot");
		return;
	}
	table(v, b, out);
	ledgers(v, b, out);
	fsv_text_contention(v, out);
	if (pairs(v, b, FSX_SIGNALS, "Does the signal matter? Gaps, each signal against another",
		  out)) {
		fsv_para(out, 2, 2, "%s", two_snapshots);
		signal_share(b, out);
	}
	pairs(v, b, FSX_PREFETCHES, "Does the prefetch help? Gaps, each prefetch against none",
	      out);
	if (b->npairs)
		fsv_para(out, 2, 2,
			 "Differences are Hodges-Lehmann shifts with bootstrap intervals (%u "
			 "resamples, "
			 "seed %" PRIu64
			 "); p is of the rank test, for all comparisons of its kind "
			 "(Holm).",
			 b->pairs[0].test.resamples, b->pairs[0].test.seed);
}
