// SPDX-License-Identifier: BSD-2-Clause
/* The variants as JSON (docs/report.md) and as CSV. */
#include <inttypes.h>
#include <math.h>
#include "render/format_values.h"
#include "render/json/json_parts.h"
#include "render/variants_view.h"

static json_t *whole(double x)
{
	return isfinite(x) ? json_integer((json_int_t)(x < 0 ? x - 0.5 : x + 0.5)) : json_null();
}

static json_t *dist(const struct fsx_dist *d)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "n", fsj_u64(d->n), "endless",
			 fsj_u64(d->endless), "avg_ns", whole(d->avg), "p50_ns", whole(d->p50),
			 "p95_ns", whole(d->p95), "max_ns", whole(d->max));
}

static json_t *fork_ids(const struct fsx_group *g)
{
	json_t *a = json_array();

	for (size_t i = 0; g && i < g->n; i++)
		json_array_append_new(a, fsj_u64(g->forks[i]->id));
	return a;
}

static json_t *firsts(const struct fsx_group *g)
{
	json_t *a = json_array();

	for (size_t i = 0; g && i < g->n; i++) {
		json_t *o = json_pack("{s:o}", "id", fsj_u64(g->forks[i]->id));

		for (unsigned int c = 0; c < FSX_NCOLUMNS; c++)
			json_object_set_new(
				o, fsx_column_key((enum fsx_column)c),
				fsj_u64(fsx_column_of(g->forks[i], (enum fsx_column)c)));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *variant(const struct fsx_variant *x)
{
	json_t *columns = json_object(), *buckets = json_object(), *causes = json_object(), *o;

	for (unsigned int c = 0; c < FSX_NCOLUMNS; c++)
		json_object_set_new(columns, fsx_column_key((enum fsx_column)c),
				    dist(&x->column[c]));
	for (int b = 0; x->complete && b < FSA_NBUCKETS; b++)
		json_object_set_new(buckets, fsa_bucket_key((enum fsa_bucket)b),
				    whole(x->bucket[b]));
	for (int c = 0; x->complete && c < FSA_NCAUSES; c++)
		if (x->cause[c] > 0)
			json_object_set_new(causes, fsa_cause_name((enum fsa_cause)c),
					    whole(x->cause[c]));
	o = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
		      fsj_text(x->name), "n", fsj_u64(x->steady ? x->steady->n : 0), "forks",
		      fork_ids(x->steady), "first", firsts(x->first), "left_out",
		      json_pack("{s:o, s:o, s:o}", "mailbox_ack_lost", fsj_u64(x->ack_lost),
				"mailbox_ack_late", fsj_u64(x->ack_late), "cut", fsj_u64(x->cut)),
		      "fell_back", fsj_u64(x->fell_back), "columns", columns, "gap", dist(&x->gap),
		      "mean_buckets", buckets, "mean_causes", causes);
	if (o)
		json_object_set_new(o, "split", fsj_u64(x->split));
	if (o && x->complete && x->split == x->complete)
		json_object_set_new(o, "mean_way_ns", whole(x->signal_path));
	return o;
}

static json_t *pair(const struct fsx_pair *p)
{
	const struct fss_test *t = &p->test;
	json_t *o =
		json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:f, s:f}", "kind",
			  p->kind == FSX_SIGNALS ? "signal" : "prefetch", "a", fsj_text(p->a->name),
			  "b", fsj_text(p->b->name), "finding", fsx_finding_name(p->finding),
			  "difference_ns", whole(-t->gain), "lo_ns", whole(-t->hi), "hi_ns",
			  whole(-t->lo), "p", p->p, "p_alone", t->rank.p);

	if (!o)
		return NULL;
	json_object_set_new(o, "delta_ns", whole(t->delta));
	json_object_set_new(o, "smallest_seen_ns", whole(t->smallest));
	json_object_set_new(o, "forks_needed", t->need ? fsj_u64(t->need) : json_null());
	json_object_set_new(o, "resamples", json_integer(t->resamples));
	json_object_set_new(o, "seed", fsj_u64(t->seed));
	return o;
}

int fsv_variants_json(const struct fsv_view *v, const struct fsx_variants *b, FILE *out)
{
	json_t *variants = json_array(), *comparisons = json_array(), *o;
	char end[96];

	for (size_t i = 0; i < b->nvariants; i++)
		json_array_append_new(variants, variant(&b->variants[i]));
	for (size_t i = 0; i < b->npairs; i++)
		json_array_append_new(comparisons, pair(&b->pairs[i]));
	o = json_pack("{s:i, s:o, s:s, s:s, s:o, s:o, s:o}", "format", 1, "recording",
		      fsj_path(v->path), "start", fsv_start_name(v->res->opts.start), "end",
		      fsa_end_text(&v->res->opts, end, sizeof(end)), "arms", variants,
		      "comparisons", comparisons, "contention", fsj_contention(v));
	return fsj_write(o, out);
}

/* --- CSV --- */

/* A fork that the recording's end cut has no end that is known, and is not endless either. */
static void value(uint64_t x, bool cut, FILE *out)
{
	if (x == FSX_ENDLESS && !cut)
		fputs(",endless", out);
	else if (x == UINT64_MAX || x == FSX_ENDLESS)
		fputc(',', out);
	else
		fprintf(out, ",%" PRIu64, x);
}

static void csv_forks(const struct fsx_group *g, FILE *out)
{
	bool cut = g && g->kind == FSX_CUT;
	char variant[80];

	for (size_t i = 0; g && i < g->n; i++) {
		const struct fsa_fork *f = g->forks[i];

		/* the name of a mark: letters, digits and .:_- only, in an honest recording */
		fsv_clean(g->variant, variant, sizeof(variant));
		for (char *c = variant; *c; c++)
			if (*c == ',' || *c == '"')
				*c = '?';
		fprintf(out, "%u,%s,%s", f->id, variant, fsx_kind_name(g->kind));
		for (unsigned int c = 0; c < FSX_NCOLUMNS; c++)
			value(fsx_column_of(f, (enum fsx_column)c), cut, out);
		value(f->complete ? f->gap_ns : FSX_ENDLESS, cut, out);
		for (int b = 0; b < FSA_NBUCKETS; b++)
			value(f->complete ? f->bucket_ns[b] : UINT64_MAX, cut, out);
		fprintf(out, ",%s\n", fsv_verdict_name(f->verdict));
	}
}

void fsv_variants_csv(const struct fsx_variants *b, FILE *out)
{
	static const enum fsx_kind order[] = {FSX_FIRST, FSX_STEADY, FSX_ACK_LOST, FSX_ACK_LATE,
					      FSX_CUT};

	_Static_assert(sizeof(order) / sizeof(*order) == FSX_NKINDS, "each fork has a line");
	fputs("fork,arm,kind", out);
	for (unsigned int c = 0; c < FSX_NCOLUMNS; c++)
		fprintf(out, ",%s", fsx_column_key((enum fsx_column)c));
	fputs(",gap_ns", out);
	for (int k = 0; k < FSA_NBUCKETS; k++)
		fprintf(out, ",%s", fsa_bucket_key((enum fsa_bucket)k));
	fputs(",verdict\n", out);
	for (size_t i = 0; i < b->nvariants; i++)
		for (size_t k = 0; k < sizeof(order) / sizeof(*order); k++)
			csv_forks(fsx_group_find(b->groups, b->variants[i].name, order[k]), out);
}
