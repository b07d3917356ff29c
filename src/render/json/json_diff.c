// SPDX-License-Identifier: BSD-2-Clause
/* forkscope diff --json: docs/json.md describes it key by key (a test holds the two together). */
#include <inttypes.h>
#include <math.h>
#include "render/diff_view.h"
#include "render/format_values.h"
#include "render/json/json_parts.h"

/* Whole nanoseconds; what is not known or endless is null. */
static json_t *ns(double x)
{
	return isfinite(x) ? json_integer((json_int_t)llround(x)) : json_null();
}

static json_t *row(const struct fsx_diff_row *r)
{
	static const char *const kinds[] = {
		[FSX_D_GAP] = "gap",
		[FSX_D_BUCKET] = "bucket",
		[FSX_D_CAUSE] = "cause",
		[FSX_D_STAGE] = "stage",
	};
	static const char *const findings[] = {
		[FSX_D_FEW] = "too_few",
		[FSX_D_NONE] = "none",
		[FSX_D_SHORTER] = "shorter",
		[FSX_D_LONGER] = "longer",
	};

	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}",
			 "kind", kinds[r->kind], "name", fsx_diff_name(r->kind, r->which), "n_a",
			 fsj_u64(r->na), "n_b", fsj_u64(r->nb), "median_a_ns", ns(r->med_a),
			 "median_b_ns", ns(r->med_b), "avg_a_ns", ns(r->avg_a), "avg_b_ns",
			 ns(r->avg_b), "shift_ns", ns(r->shift), "lo_ns", ns(r->lo), "hi_ns",
			 ns(r->hi), "p", isnan(r->p) ? json_null() : json_real(r->p), "finding",
			 findings[r->finding]);
}

static json_t *cohorts(const struct fsv_diff *d)
{
	json_t *a = json_array();

	for (size_t i = 0; i < d->diff.n; i++) {
		const struct fsx_diff_cohort *c = &d->diff.v[i];
		json_t *rows = json_array();

		for (size_t k = 0; k < FSX_D_ROWS; k++)
			if (!k || c->rows[k].avg_a > 0 || c->rows[k].avg_b > 0)
				json_array_append_new(rows, row(&c->rows[k]));
		json_array_append_new(a, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "name",
						   fsj_text(c->a->name), "n_a", fsj_u64(c->a->n),
						   "n_b", fsj_u64(c->b->n), "timed_out_a",
						   fsj_u64(c->a->timed_out), "timed_out_b",
						   fsj_u64(c->b->timed_out), "rows", rows));
	}
	return a;
}

static json_t *limits(const struct fsv_diff *d)
{
	static const char *const words[] = {
		[FSS_SUPPORTED] = "above",
		[FSS_REFUTED] = "kept",
		[FSS_INCONCLUSIVE] = "inconclusive",
	};
	json_t *a = json_array();

	for (size_t i = 0; i < d->diff.nlimits; i++) {
		const struct fsx_limit *l = &d->diff.limits[i];

		json_array_append_new(a, json_pack("{s:o, s:s, s:o, s:s, s:o}", "limit",
						   fsj_text(l->text), "name", l->what, "limit_ns",
						   ns(l->ns), "result", words[l->verdict], "cohort",
						   fsj_text(d->diff.limits_of)));
	}
	return a;
}

static json_t *side(const struct fsv_view *v)
{
	char end[96];

	return json_pack("{s:o, s:o, s:s, s:s}", "path", fsj_path(v->path), "forks",
			 fsj_u64(v->res->nforks), "start", fsv_start_name(v->res->opts.start),
			 "end", fsa_end_text(&v->res->opts, end, sizeof(end)));
}

static void add_sentence(void *arg, const char *sentence)
{
	json_array_append_new(arg, fsj_text(sentence));
}

int fsv_diff_json(const struct fsv_diff *d, FILE *out)
{
	json_t *doubts = json_array(), *o;

	fsv_diff_doubts(d, add_sentence, doubts);
	o = json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "format", 1, "a", side(d->a), "b",
		      side(d->b), "doubts", doubts, "cohorts", cohorts(d), "limits", limits(d),
		      "resamples", fsj_u64(d->diff.resamples), "seed", fsj_u64(d->diff.seed));
	return fsj_write(o, out);
}
