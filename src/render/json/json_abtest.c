// SPDX-License-Identifier: BSD-2-Clause
/* prefetch test --json: the verdict and the two sets of forks behind it (docs/prefetch.md). */
#include <math.h>
#include "render/abtest_view.h"
#include "render/json/json_parts.h"

/* Nanoseconds or a count; what is not known or endless is null. */
static json_t *whole(double x)
{
	return isfinite(x) ? json_integer((json_int_t)(x < 0 ? x - 0.5 : x + 0.5)) : json_null();
}

static json_t *variant(const struct fsx_test_variant *x, const struct fsv_view *v, size_t endless,
		       double median)
{
	json_t *forks = json_array();

	for (size_t i = 0; i < x->n; i++)
		json_array_append_new(forks, fsj_u64(x->forks[i]->id));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o, s:o}}", "name",
			 fsj_text(x->name), "recording", fsj_path(v->path), "n", fsj_u64(x->n),
			 "endless", fsj_u64(endless), "gap_p50_ns", whole(median), "forks", forks,
			 "left_out", "first", fsj_u64(x->first), "mailbox_ack_lost",
			 fsj_u64(x->ack_lost), "mailbox_ack_late", fsj_u64(x->ack_late), "cut",
			 fsj_u64(x->cut));
}

static json_t *compared(const struct fsx_compared *x, bool time)
{
	const char *const keys[2][3] = {{"a", "b", "more"}, {"a_ns", "b_ns", "more_ns"}};

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "n_a", fsj_u64(x->na), "n_b",
			 fsj_u64(x->nb), keys[time][0], whole(x->median_a), keys[time][1],
			 whole(x->median_b), keys[time][2], whole(x->more), "p",
			 x->na && x->nb ? json_real(x->p) : json_null());
}

static json_t *part(const struct fsx_part *x)
{
	return json_pack("{s:o, s:o, s:o}", "a_ns", whole(x->a), "b_ns", whole(x->b),
			 "difference_ns", whole(x->b - x->a));
}

static json_t *ledger(const struct fsx_abtest *t)
{
	json_t *buckets = json_object(), *causes = json_object();

	for (int b = 0; b < FSA_NBUCKETS; b++)
		json_object_set_new(buckets, fsa_bucket_name((enum fsa_bucket)b),
				    part(&t->bucket[b]));
	for (int c = 0; c < FSA_NCAUSES; c++)
		if (t->cause[c].a > 0 || t->cause[c].b > 0)
			json_object_set_new(causes, fsa_cause_name((enum fsa_cause)c),
					    part(&t->cause[c]));
	return json_pack("{s:o, s:o}", "buckets", buckets, "causes", causes);
}

static json_t *effect(const struct fss_test *x)
{
	json_t *o =
		json_pack("{s:o, s:o, s:o, s:f, s:i, s:o, s:f, s:s, s:f}", "gain_ns",
			  whole(x->gain), "lo_ns", whole(x->lo), "hi_ns", whole(x->hi), "level",
			  FSS_LEVEL, "resamples", (int)x->resamples, "seed", fsj_u64(x->seed), "p",
			  x->rank.p, "p_by", x->rank.exact ? "exact" : "normal", "u", x->rank.u);

	if (!o)
		return NULL;
	json_object_set_new(o, "delta_ns", whole(x->delta));
	json_object_set_new(o, "smallest_seen_ns", whole(x->smallest));
	json_object_set_new(o, "power", json_real(FSS_POWER));
	json_object_set_new(o, "simulated", json_integer(x->sims));
	json_object_set_new(o, "forks_needed", x->need ? fsj_u64(x->need) : json_null());
	return o;
}

static json_t *pages(const struct fsv_abtest *v)
{
	const struct fsx_abtest *t = v->test;
	const struct fsx_pages *p = &t->pages;

	if (!t->has_set)
		return json_null();
	return json_pack(
		"{s:o, s:s, s:o, s:o, s:f, s:f, s:f, s:f, s:o, s:o, s:b}", "ranges",
		fsj_text(v->ranges), "mechanism", fsx_mechanism_name(t->mechanism), "forks",
		fsj_u64(p->forks), "pages", fsj_u64(p->pages), "used", p->used, "too_late",
		p->too_late, "later", p->later, "never", p->never, "ceiling_p50_ns",
		t->ceiling.n ? fsj_u64(t->ceiling.gain_p50) : json_null(), "ceiling_max_ns",
		t->ceiling.n ? fsj_u64(t->ceiling.gain_max) : json_null(), "above_ceiling",
		fsx_abtest_above_ceiling(t));
}

static json_t *proof(const struct fsx_abtest *t)
{
	return json_pack("{s:b, s:o, s:o, s:o}", "differ", fsx_abtest_differ(t), "resident_pages",
			 compared(&t->resident, false), "fetching_faults",
			 compared(&t->fetched, false), "served_faults",
			 compared(&t->served, false));
}

static json_t *moved(const struct fsx_abtest *t)
{
	return json_pack("{s:b, s:o, s:o, s:o}", "moved", fsx_abtest_moved(t), "before_resume",
			 compared(&t->before, true), "after_end", compared(&t->after, true),
			 "prefetch", compared(&t->prefetch, true));
}

int fsv_abtest_json(const struct fsv_abtest *v, FILE *out)
{
	const struct fsx_abtest *t = v->test;
	char why[400];
	json_t *o;

	o = json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "format", 1,
		      "verdict", fss_verdict_name(t->test.verdict), "reason",
		      fsx_abtest_reason(t, why, sizeof(why)), "a",
		      variant(&t->a, v->a, t->test.endless_a, t->test.median_a), "b",
		      variant(&t->b, v->b, t->test.endless_b, t->test.median_b), "effect",
		      effect(&t->test), "proof", proof(t), "ledger", ledger(t), "moved", moved(t),
		      "pages", pages(v), "run", v->run ? json_deep_copy(v->run) : json_null());
	return fsj_write(o, out);
}
