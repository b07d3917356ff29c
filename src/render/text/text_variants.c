// SPDX-License-Identifier: BSD-2-Clause
/* The variants of an experiment side by side, as text. */
#include "render/variants_view.h"
#include <math.h>
#include <string.h>
#include "render/format_values.h"
#include "render/text/term.h"
#include "render/text/text_parts.h"
#include "render/text/text_variants_parts.h"

#define CELL 21 /* "1234.5 / 1234 / 12345" */

static void cell(const struct fsx_dist *d, FILE *out)
{
	char avg[16], p50[16], max[16], text[64] = "-";

	if (d->n)
		snprintf(text, sizeof(text), "%s / %s / %s",
			 fsv_variant_ms(d->avg, 1, avg, sizeof(avg)),
			 fsv_variant_ms(d->p50, 0, p50, sizeof(p50)),
			 fsv_variant_ms(d->max, 0, max, sizeof(max)));
	fprintf(out, "  %*s", CELL, text);
}

static void first_row(const struct fsx_variant *a, int w, const struct fsv_variant_part *p,
		      FILE *out)
{
	char t[16];

	for (size_t i = 0; a->first && i < a->first->n; i++) {
		fprintf(out, "%-*s  %3s", w, i ? "" : "  its first fork", "");
		for (size_t c = p->from; c < p->end; c++) {
			uint64_t x = fsx_column_of(a->first->forks[i], (enum fsx_column)c);
			double ns = x == UINT64_MAX ? NAN : x == FSX_ENDLESS ? INFINITY : (double)x;

			fprintf(out, "  %*s", CELL, fsv_variant_ms(ns, 1, t, sizeof(t)));
		}
		fputc('\n', out);
	}
}

/* From as many forks on as a 95th percentile needs. */
static void p95_row(const struct fsx_variant *a, int w, const struct fsv_variant_part *p, FILE *out)
{
	char t[16];

	if (!a->steady || a->steady->n < FSX_P95_NEEDS)
		return;
	fprintf(out, "%-*s  %3s", w, "  p95", "");
	for (size_t c = p->from; c < p->end; c++)
		fprintf(out, "  %*s", CELL, fsv_variant_ms(a->column[c].p95, 1, t, sizeof(t)));
	fputc('\n', out);
}

static void left_out(const struct fsx_variant *a, FILE *out)
{
	if (a->steady && a->fell_back)
		fsv_para(
			out, 2, 4,
			"%zu of %zu sent no applied ack within the time-out, or before their VMM ended: a platform falls back for them; they rank as endless in the columns that end there, and are in none of their averages",
			a->fell_back, a->steady->n);
	if (a->ack_lost)
		fprintf(out, "  %zu with a lost mailbox ack are left out\n", a->ack_lost);
	if (a->ack_late)
		fprintf(out, "  %zu with a mailbox ack that came too late are left out\n",
			a->ack_late);
	if (a->cut)
		fprintf(out, "  %zu cut by the recording's end are left out\n", a->cut);
}

static void table_part(const struct fsx_variants *b, int w, const struct fsv_variant_part *p,
		       FILE *out)
{
	char name[80];

	fprintf(out, "%-*s  %3s", w, "variant", "n");
	for (size_t c = p->from; c < p->end; c++)
		fprintf(out, "  %*s", CELL, fsx_column_title((enum fsx_column)c));
	fputc('\n', out);
	for (size_t i = 0; i < b->nvariants; i++) {
		const struct fsx_variant *a = &b->variants[i];

		fprintf(out, "%-*s  %3zu", w, fsv_variant_name(a, name, sizeof(name)),
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

static void table(const struct fsv_view *v, const struct fsx_variants *b, FILE *out)
{
	struct fsv_variant_part p = {0};
	int w = fsv_variant_width(b);

	fsv_heading(v, out, "avg / p50 / max in ms; the first fork of each variant apart");
	if (w < (int)strlen("  its first fork"))
		w = (int)strlen("  its first fork");
	while (fsv_variant_next_part(v, &p, FSX_NCOLUMNS, w + 5, CELL + 2)) {
		if (p.from)
			fputc('\n', out);
		table_part(b, w, &p, out);
	}
}

void fsv_variants_text(const struct fsv_view *v, const struct fsx_variants *b, FILE *out)
{
	char path[512];

	fsv_set_width(v);
	fsv_para(out, 0, 2, "variants of %s", fsv_clean(v->path, path, sizeof(path)));
	if (!b->nvariants) {
		fsv_para_on(out, fprintf(out, "\n") - 1, 2, "no fork to compare: %s",
			    v->res->nforks
				    ? "none is of a variant"
				    : "no VM of this recording was restored from a snapshot");
		return;
	}
	table(v, b, out);
	fsv_variants_ledgers(v, b, out);
	fsv_text_contention(v, out);
	fsv_variants_comparisons(v, b, out);
}
