// SPDX-License-Identifier: BSD-2-Clause
/* The mean ledgers of the variants side by side. */
#include <string.h>
#include "experiment/cells.h"
#include "render/format_values.h"
#include "render/text/term.h"
#include "render/text/text_variants_parts.h"

#define LEDGER_CELL 19   /* "  1234.5 ms  100 %" */
#define MAIN_CAUSE  0.01 /* share of a variant's mean gap from which a cause gets its row */

/* Of a variant's column in the ledgers: names stand whole, for they differ in their ends. */
static int column_width(const struct fsx_variants *b)
{
	int w = fsv_variant_width(b);

	return w > LEDGER_CELL ? w : LEDGER_CELL;
}

static const double *bucket_of(const struct fsx_variant *a, int which)
{
	return &a->bucket[which];
}

static const double *cause_of(const struct fsx_variant *a, int which)
{
	return &a->cause[which];
}

static void ledger_row(const struct fsx_variants *b, const char *name, int indent,
		       const double *(*value)(const struct fsx_variant *a, int which), int which,
		       const struct fsv_variant_part *p, FILE *out)
{
	int w = column_width(b);
	char t[16];

	fprintf(out, "  %*s%-*s", indent, "", 20 - indent, name);
	for (size_t i = p->from; i < p->end; i++) {
		const struct fsx_variant *a = &b->variants[i];
		double x = *value(a, which), all = fsx_mean_gap(a);

		if (!a->complete)
			fprintf(out, " %*s", w, "-");
		else if (value == bucket_of && which == FSA_B_SIGNAL &&
			 fsv_not_separable(x, *bucket_of(a, FSA_B_GUEST)))
			fprintf(out, " %*s", w, "not separable");
		else
			fprintf(out, " %*s ms %4.0f %%", w - 10, fsv_variant_ms(x, 1, t, sizeof(t)),
				all > 0 ? 100 * x / all : 0);
	}
	fputc('\n', out);
}

static bool is_main(const struct fsx_variants *b, int cause)
{
	for (size_t i = 0; i < b->nvariants; i++)
		if (b->variants[i].complete &&
		    b->variants[i].cause[cause] > MAIN_CAUSE * fsx_mean_gap(&b->variants[i]))
			return true;
	return false;
}

/* Stages decide to which bucket guest.idle belongs: shown where most of its time is. */
static int main_bucket(const struct fsx_variants *b, int cause)
{
	uint64_t best = 0;
	int of = (int)fsa_bucket_of(FSA_S_GUEST, (enum fsa_cause)cause);

	for (size_t i = 0; i < b->nvariants; i++)
		for (size_t k = 0; b->variants[i].steady && k < b->variants[i].steady->n; k++) {
			const struct fsa_fork *f = b->variants[i].steady->forks[k];
			uint64_t ns = fsx_cause_ns(f, (enum fsa_cause)cause);

			if (ns <= best)
				continue;
			best = ns;
			of = (int)fsa_bucket_of(fsx_main_stage(f, (enum fsa_cause)cause),
						(enum fsa_cause)cause);
		}
	return of;
}

static void ledgers_part(const struct fsv_view *v, const struct fsx_variants *b,
			 const struct fsv_variant_part *p, FILE *out)
{
	int w = column_width(b);
	char name[80];

	fprintf(out, "  %-20s", "");
	for (size_t i = p->from; i < p->end; i++)
		fprintf(out, " %*s", w, fsv_variant_name(&b->variants[i], name, sizeof(name)));
	fprintf(out, "\n  %-20s", "gap");
	for (size_t i = p->from; i < p->end; i++) {
		const struct fsx_variant *a = &b->variants[i];

		if (a->complete)
			fprintf(out, " %*s ms  100 %%", w - 10,
				fsv_variant_ms(fsx_mean_gap(a), 1, name, 16));
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

void fsv_variants_ledgers(const struct fsv_view *v, const struct fsx_variants *b, FILE *out)
{
	char end[96], title[200];
	struct fsv_variant_part p = {0};

	snprintf(title, sizeof(title), "The mean ledgers side by side: %s to %s",
		 fsv_start_name(v->res->opts.start), fsa_end_text(&v->res->opts, end, sizeof(end)));
	fsv_heading(v, out, title);
	while (fsv_variant_next_part(v, &p, b->nvariants, 22, column_width(b) + 1)) {
		if (p.from)
			fputc('\n', out);
		ledgers_part(v, b, &p, out);
	}
}
