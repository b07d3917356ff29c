// SPDX-License-Identifier: BSD-2-Clause
/*
 * The ledger of a fork as a table: causes down, stages across. Where the terminal has no room for
 * all stages side by side, the columns get closer, and then the table goes on below.
 */
#include <inttypes.h>
#include <string.h>
#include "base/units.h"
#include "experiment/cells.h"
#include "render/format_values.h"
#include "render/text/term.h"
#include "render/text/text_parts.h"

struct table {
	const struct fsv_view *v;
	const struct fsa_fork *f;
	FILE *out;
	enum fsa_stage stages[FSA_NSTAGES]; /* those that hold time */
	size_t n;
	uint64_t stage_ns[FSA_NSTAGES], all, count;
	int time, share, counts, stage; /* widths of the columns */
};

/* A duration without its blank and in at most 7 characters: "123.4ms", "12.35s", "1234s". */
static const char *tight(uint64_t ns, char *buf, size_t len)
{
	double s = (double)ns / 1e9;
	char *blank;

	if (!ns)
		return "-";
	if (s >= 9.9995) {
		snprintf(buf, len, "%.*fs", s < 99.995 ? 2 : s < 999.95 ? 1 : 0, s);
		return buf;
	}
	blank = strchr(fs_fmt_ns(ns, buf, len), ' ');
	if (blank)
		memmove(blank, blank + 1, strlen(blank));
	return buf;
}

static void measure(struct table *t)
{
	for (unsigned int s = 0; s < FSA_NSTAGES; s++) {
		t->stage_ns[s] = fsx_stage_ns(t->f, (enum fsa_stage)s);
		for (unsigned int c = 0; c < FSA_NCAUSES; c++)
			t->count += t->f->cells[s][c].count;
		t->all += t->stage_ns[s];
		if (t->stage_ns[s])
			t->stages[t->n++] = (enum fsa_stage)s;
	}
}

/* How many stages stand side by side; sets the widths. */
static size_t layout(struct table *t)
{
	int columns = (int)fsv_columns(t->v), room;

	t->time = 10;
	t->share = 8;
	t->counts = 7;
	t->stage = 8;
	room = columns - (2 + 14 + 3 + t->time + t->share + t->counts);
	if ((size_t)(room / (t->stage + 1)) < t->n) {
		t->time = 9;
		t->share = 7;
		t->counts = 6;
		t->stage = 7;
		room = columns - (2 + 14 + 3 + t->time + t->share + t->counts);
	}
	room /= t->stage + 1;
	return room < 1 ? 1 : (size_t)room;
}

static void head(const struct table *t, size_t first, size_t end)
{
	fprintf(t->out, "  %-14s", "cause");
	if (!first)
		fprintf(t->out, " %*s %*s %*s", t->time, "time", t->share, "share", t->counts,
			"count");
	for (size_t i = first; i < end; i++)
		fprintf(t->out, " %*s", t->stage, fsa_stage_name(t->stages[i]));
	fputc('\n', t->out);
}

static void cause_row(const struct table *t, enum fsa_cause c, size_t first, size_t end)
{
	uint64_t ns = fsx_cause_ns(t->f, c), count = fsx_cause_count(t->f, c);
	char b[FS_UNITS_LEN], pct[16];

	if (!ns && !count)
		return;
	fsv_bucket_tone(t->v, t->out, fsa_bucket_of(fsx_main_stage(t->f, c), c));
	fprintf(t->out, "  %-14s", fsa_cause_name(c));
	fsv_tone(t->v, t->out, FSV_T_PLAIN);
	if (!first)
		fprintf(t->out, " %*s %*s %*" PRIu64, t->time, fs_fmt_ns(ns, b, sizeof(b)),
			t->share, fsv_pct(ns, t->f->gap_ns, pct, sizeof(pct)), t->counts, count);
	for (size_t i = first; i < end; i++)
		fprintf(t->out, " %*s", t->stage,
			tight(t->f->cells[t->stages[i]][c].ns, b, sizeof(b)));
	fputc('\n', t->out);
}

static void sum_rows(const struct table *t, size_t first, size_t end)
{
	char b[FS_UNITS_LEN], pct[16];

	fprintf(t->out, "  %-14s", "sum");
	if (!first)
		fprintf(t->out, " %*s %*s %*" PRIu64, t->time, fs_fmt_ns(t->all, b, sizeof(b)),
			t->share, fsv_pct(t->all, t->f->gap_ns, pct, sizeof(pct)), t->counts,
			t->count);
	for (size_t i = first; i < end; i++)
		fprintf(t->out, " %*s", t->stage, tight(t->stage_ns[t->stages[i]], b, sizeof(b)));
	fputc('\n', t->out);
	if (t->n < 2)
		return;
	fprintf(t->out, "  %-14s", "share");
	if (!first)
		fprintf(t->out, " %*s", t->time + t->share + t->counts + 2, "");
	for (size_t i = first; i < end; i++)
		fprintf(t->out, " %*s", t->stage,
			fsv_pct(t->stage_ns[t->stages[i]], t->f->gap_ns, pct, sizeof(pct)));
	fputc('\n', t->out);
}

static void foot(const struct table *t)
{
	char b[FS_UNITS_LEN];

	if (t->all == t->f->gap_ns)
		fprintf(t->out, "  (exactly %" PRIu64 " ns, the whole %s)\n", t->all,
			fsv_window_word(t->f));
	else
		fprintf(t->out,
			"  ERROR: the cells sum to %" PRIu64 " ns, the %s is %" PRIu64
			" ns: do not use this fork\n",
			t->all, fsv_window_word(t->f), t->f->gap_ns);
	if (t->f->off_path_ns)
		fprintf(t->out, "  in parallel: other threads worked %s, off the path\n",
			fs_fmt_ns(t->f->off_path_ns, b, sizeof(b)));
}

void fsv_text_matrix(const struct fsv_view *v, const struct fsa_fork *f, FILE *out)
{
	struct table t = {.v = v, .f = f, .out = out};
	size_t fit, first = 0;

	measure(&t);
	fit = layout(&t);
	fsv_heading(v, out,
		    "the ledger: cause x stage; count = segments of the path (of faults: faults)");
	do {
		size_t end = first + fit < t.n ? first + fit : t.n;

		if (first)
			fputc('\n', out);
		head(&t, first, end);
		for (unsigned int c = 0; c < FSA_NCAUSES; c++)
			cause_row(&t, (enum fsa_cause)c, first, end);
		sum_rows(&t, first, end);
		first = end;
	} while (first < t.n);
	foot(&t);
}
