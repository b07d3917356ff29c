// SPDX-License-Identifier: BSD-2-Clause
/* forkscope diff: two recordings against each other, as text. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "base/units.h"
#include "experiment/groups.h"
#include "render/diff_view.h"
#include "render/format_values.h"
#include "render/text/term.h"
#include "render/text/text_table.h"

#define INTERVAL    26   /* columns */
#define FINDING     8    /* columns of the longest one */
#define SHOWN_SHARE 0.01 /* of the larger median gap: smaller parts get no row unless certain */

static const char *plain(double ns, char *buf, size_t len)
{
	if (isnan(ns))
		snprintf(buf, len, "-");
	else if (isinf(ns))
		snprintf(buf, len, "no end");
	else
		fs_fmt_ns((uint64_t)(ns + 0.5), buf, len);
	return buf;
}

static const char *sign(double ns, char *buf, size_t len)
{
	char t[FS_UNITS_LEN];

	if (isnan(ns))
		snprintf(buf, len, "-");
	else if (isinf(ns))
		snprintf(buf, len, ns > 0 ? "+endless" : "-endless");
	else
		snprintf(buf, len, "%c%s", ns < -0.5 ? '-' : '+',
			 fs_fmt_ns((uint64_t)(fabs(ns) + 0.5), t, sizeof(t)));
	return buf;
}

static bool is_shown(const struct fsx_diff_cohort *c, const struct fsx_diff_row *r)
{
	double gap = fmax(c->rows[0].med_a, c->rows[0].med_b);
	double most = fmax(isnan(r->avg_a) ? 0 : r->avg_a, isnan(r->avg_b) ? 0 : r->avg_b);

	if (r->finding == FSX_D_LONGER || r->finding == FSX_D_SHORTER)
		return true;
	return most > 0 && (!isfinite(gap) || most >= SHOWN_SHARE * gap);
}

/* The difference is what was asked: what it is of leaves first. */
static const struct fsv_column columns[] = {
	{"", 2, -19, 0},        {"n A/B", 1, 7, 2},  {"median A", 1, 10, 1},
	{"median B", 1, 10, 1}, {"B - A", 1, 11, 0}, {"95 % interval of it", 2, 0, 0},
};

static void row(const struct fsv_diff *d, const struct fsx_diff_row *r,
		const struct fsv_table *table, const char *name, int indent, FILE *out)
{
	char t[5][FS_UNITS_LEN], n[24], indented[48], interval[2 * FS_UNITS_LEN + 8] = "-";
	const char *finding = fsx_diff_finding_name(r->finding);

	snprintf(n, sizeof(n), "%zu/%zu", r->na, r->nb);
	if (!isnan(r->lo))
		snprintf(interval, sizeof(interval), "%s .. %s", sign(r->lo, t[3], sizeof(t[3])),
			 sign(r->hi, t[4], sizeof(t[4])));
	snprintf(indented, sizeof(indented), "%*s%s", indent, "", name);
	fsv_table_cell(table, out, 0, indented);
	fsv_table_cell(table, out, 1, n);
	fsv_table_cell(table, out, 2, plain(r->med_a, t[0], sizeof(t[0])));
	fsv_table_cell(table, out, 3, plain(r->med_b, t[1], sizeof(t[1])));
	fsv_table_cell(table, out, 4, sign(r->shift, t[2], sizeof(t[2])));
	fprintf(out, "  %-*s", *finding ? INTERVAL : 0, interval);
	if (r->finding == FSX_D_LONGER)
		fsv_tone(d->a, out, FSV_T_BAD);
	else if (r->finding == FSX_D_SHORTER)
		fsv_tone(d->a, out, FSV_T_GOOD);
	fputs(finding, out);
	fsv_tone(d->a, out, FSV_T_PLAIN);
	fputc('\n', out);
}

static void cohort(const struct fsv_diff *d, const struct fsx_diff_cohort *c, FILE *out)
{
	static const char *const heads[] = {
		[FSX_D_BUCKET] = "by bucket",
		[FSX_D_CAUSE] = "by cause",
		[FSX_D_STAGE] = "by stage of the signal path",
	};
	enum fsx_diff_kind last = FSX_D_GAP;
	char title[160], name[64];
	struct fsv_table table;
	size_t hidden = 0;

	snprintf(title, sizeof(title), "cohort \"%s\": A %zu, B %zu forks",
		 fsv_clean(c->a->name, name, sizeof(name)), c->a->n, c->b->n);
	fputc('\n', out);
	fsv_rule(d->a, out, title);
	fsv_table_fit(&table, d->a, columns, sizeof(columns) / sizeof(columns[0]),
		      INTERVAL + FINDING);
	fsv_table_head(&table, out);
	for (size_t i = 0; i < FSX_D_ROWS; i++) {
		const struct fsx_diff_row *r = &c->rows[i];
		const char *what = r->kind == FSX_D_BUCKET ? fsa_bucket_title(r->which)
							   : fsx_diff_name(r->kind, r->which);

		if (r->kind != FSX_D_GAP && !is_shown(c, r)) {
			hidden += r->avg_a > 0 || r->avg_b > 0;
			continue;
		}
		if (r->kind != last) {
			fsv_tone(d->a, out, FSV_T_BOLD);
			fprintf(out, "  %s\n", heads[r->kind]);
			fsv_tone(d->a, out, FSV_T_PLAIN);
		}
		last = r->kind;
		row(d, r, &table, what, r->kind == FSX_D_GAP ? 0 : 2, out);
	}
	if (hidden)
		fsv_para(out, 2, 4,
			 "%zu smaller parts without a finding are not shown (--json has them)",
			 hidden);
	if (c->rows[0].finding == FSX_D_FEW)
		fprintf(out, "  too few forks for a finding: at least %d on each side are needed\n",
			FSS_MIN_N);
	if (c->a->timed_out || c->b->timed_out)
		fsv_para(
			out, 2, 4,
			"without an end: %zu forks of A, %zu of B; they rank as endless in the gap and are left out of its parts",
			c->a->timed_out, c->b->timed_out);
}

static void side(const char *letter, const struct fsv_view *v, FILE *out)
{
	char path[200];

	fprintf(out, "  %s: %s, %zu fork%s\n", letter,
		fsv_clean(v->path ? v->path : "(no file)", path, sizeof(path)), v->res->nforks,
		v->res->nforks == 1 ? "" : "s");
}

static void say_doubt(void *arg, const char *sentence)
{
	fsv_para(arg, 2, 8, "DOUBT: %s", sentence);
}

/* Cohorts that one side has alone are no part of the comparison. */
static void alone(const struct fsv_view *v, const struct fsv_view *other, const char *letter,
		  FILE *out)
{
	char name[64];

	for (size_t i = 0; i < v->res->ncohorts; i++) {
		const struct fsa_cohort *c = &v->res->cohorts[i];

		if (!fsx_cohort(other->res, c->name) && !(v->cohort && strcmp(v->cohort, c->name)))
			fprintf(out, "  only in %s: cohort \"%s\" (%zu fork%s)\n", letter,
				fsv_clean(c->name, name, sizeof(name)), c->n, c->n == 1 ? "" : "s");
	}
}

static void limits(const struct fsv_diff *d, FILE *out)
{
	static const char *const words[] = {
		[FSS_SUPPORTED] = "ABOVE",
		[FSS_REFUTED] = "kept",
		[FSS_INCONCLUSIVE] = "inconclusive",
	};
	char t[3][FS_UNITS_LEN], name[64], title[128];

	if (!d->diff.nlimits)
		return;
	snprintf(title, sizeof(title), "limits, held against cohort \"%s\"",
		 fsv_clean(d->diff.limits_of, name, sizeof(name)));
	fsv_heading(d->a, out, title);
	for (size_t i = 0; i < d->diff.nlimits; i++) {
		const struct fsx_limit *l = &d->diff.limits[i];

		fsv_tone(d->a, out,
			 l->verdict == FSS_SUPPORTED ? FSV_T_BAD
			 : l->verdict == FSS_REFUTED ? FSV_T_GOOD
						     : FSV_T_BOLD);
		fprintf(out, "  %-12s ", words[l->verdict]);
		fsv_tone(d->a, out, FSV_T_PLAIN);
		fsv_para_on(out, 15, 17, "%s: the interval %s .. %s is held against %s%s", l->text,
			    sign(l->row->lo, t[0], sizeof(t[0])),
			    sign(l->row->hi, t[1], sizeof(t[1])), sign(l->ns, t[2], sizeof(t[2])),
			    l->row->finding == FSX_D_FEW ? "; too few forks to decide" : "");
	}
}

void fsv_diff_text(const struct fsv_diff *d, FILE *out)
{
	fsv_set_width(d->a);
	fsv_tone(d->a, out, FSV_T_BOLD);
	fprintf(out, "forkscope diff: how much longer B is than A\n");
	fsv_tone(d->a, out, FSV_T_PLAIN);
	side("A", d->a, out);
	side("B", d->b, out);
	fsv_diff_doubts(d, say_doubt, out);
	alone(d->a, d->b, "A", out);
	alone(d->b, d->a, "B", out);
	for (size_t i = 0; i < d->diff.n; i++)
		cohort(d, &d->diff.v[i], out);
	limits(d, out);
	fputc('\n', out);
	fsv_para(
		out, 0, 2,
		"B - A is the Hodges-Lehmann shift: the median of all differences of a fork of B and a fork of A (not the difference of the medians); its interval is a bootstrap of %u resamples. \"longer\" and \"shorter\": the interval leaves out 0 and the rank test says p < 0.05. One part in twenty would show that by chance alone: look at the gap first.",
		d->diff.resamples);
}
