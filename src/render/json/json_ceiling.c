// SPDX-License-Identifier: BSD-2-Clause
/* prefetch ceiling --json: the most that each hypothesis could gain (docs/prefetch.md). */
#include <string.h>
#include "render/ceiling_view.h"
#include "render/format_values.h"
#include "render/json/json_parts.h"

static json_t *faults(const struct fsx_faults *x)
{
	return json_pack("{s:o, s:o}", "count", fsj_u64(x->count), "ns", fsj_u64(x->ns));
}

static json_t *one(const struct fsv_ceilings *c, const struct fsa_fork *f,
		   const struct fsx_hypothesis *h, enum fsx_mechanism m)
{
	struct fsx_ceiling x = fsx_ceiling_of(f, h, m, &c->left);
	bool has = x.none == FSX_HAS;

	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "hypothesis", h->name, "mechanism",
			 fsx_mechanism_name(m), "gain_ns", has ? fsj_u64(x.gain_ns) : json_null(),
			 "why", fsj_text_or_null(fsx_none_text(x.none)), "helped",
			 faults(&x.helped), "left", faults(&x.unhelped), "outside",
			 faults(&x.outside));
}

/* Calls for each hypothesis that can be asked, and each mechanism that was chosen. */
#define FOR_EACH(c, h, m)                                                                 \
	for (const struct fsx_hypothesis *h = (c)->hyps; h < (c)->hyps + (c)->nhyps; h++) \
		for (unsigned int m = 0; m < FSX_NMECHANISMS; m++)                        \
			if (!*h->why && (c)->mechanisms[m])

static json_t *fork_json(const struct fsv_ceilings *c, const struct fsa_fork *f)
{
	json_t *a = json_array();

	FOR_EACH(c, h, m)
	json_array_append_new(a, one(c, f, h, (enum fsx_mechanism)m));
	return json_pack("{s:i, s:o, s:o}", "id", (int)f->id, "gap_ns",
			 f->complete ? fsj_u64(f->gap_ns) : json_null(), "ceilings", a);
}

static json_t *mean(double x)
{
	return json_integer((json_int_t)(x + 0.5));
}

static json_t *group_row(const struct fsv_ceilings *c, const struct fsx_group *g,
			 const struct fsx_hypothesis *h, enum fsx_mechanism m)
{
	struct fsx_group_ceiling x;

	if (fsx_ceiling_group(g->forks, g->n, h, m, &c->left, &x))
		return NULL;
	if (!x.n)
		return json_pack("{s:s, s:s, s:i, s:o, s:s}", "hypothesis", h->name, "mechanism",
				 fsx_mechanism_name(m), "n", 0, "none", fsj_u64(x.none), "why",
				 fsx_none_text(x.why));
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:o, s:f, s:f}",
			 "hypothesis", h->name, "mechanism", fsx_mechanism_name(m), "n",
			 fsj_u64(x.n), "none", fsj_u64(x.none), "gap_p50_ns", fsj_u64(x.gap_p50),
			 "best_p50_ns", fsj_u64(x.best_p50), "gain_min_ns", fsj_u64(x.gain_min),
			 "gain_p50_ns", fsj_u64(x.gain_p50), "gain_max_ns", fsj_u64(x.gain_max),
			 "gain_mean_ns", mean(x.gain_mean), "helped_mean", x.helped,
			 "helped_mean_ns", mean(x.helped_ns), "left_mean", x.unhelped,
			 "outside_mean", x.outside);
}

static json_t *group_json(const struct fsv_ceilings *c, const struct fsx_group *g)
{
	json_t *rows = json_array(), *forks = json_array();

	FOR_EACH(c, h, m)
	json_array_append_new(rows, group_row(c, g, h, (enum fsx_mechanism)m));
	for (size_t i = 0; i < g->n; i++)
		json_array_append_new(forks, fork_json(c, g->forks[i]));
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o}", "name", fsj_text(g->name), "arm",
			 fsj_text_or_null(g->variant), "kind", fsx_kind_name(g->kind), "n",
			 fsj_u64(g->n), "ceilings", rows, "forks", forks);
}

static json_t *sample(size_t n, uint64_t ns)
{
	return json_pack("{s:o, s:o}", "n", fsj_u64(n), "p50_ns", n ? fsj_u64(ns) : json_null());
}

json_t *fsj_memory(const struct fsa_memory *m)
{
	return json_pack("{s:o, s:o, s:o, s:b}", "bytes", m->size ? fsj_u64(m->size) : json_null(),
			 "inode", m->ino ? fsj_u64(m->ino) : json_null(), "device",
			 m->ino ? json_sprintf("%u:%u", m->dev >> 20, m->dev & 0xfffff)
				: json_null(),
			 "assumed", m->assumed);
}

static json_t *hypothesis_json(const struct fsx_hypothesis *h)
{
	return json_pack("{s:s, s:o, s:o, s:o}", "name", h->name, "bytes",
			 h->which == FSX_RANGES && !*h->why ? fsj_u64(fs_ranges_bytes(&h->set))
							    : json_null(),
			 "ranges", h->which == FSX_RANGES ? fsj_u64(h->set.n) : json_null(), "why",
			 fsj_text_or_null(h->why));
}

int fsv_ceiling_json(const struct fsv_ceilings *c, FILE *out)
{
	json_t *groups = json_array(), *hyps = json_array(), *o;
	char end[96];

	for (size_t i = 0; i < c->nhyps; i++)
		json_array_append_new(hyps, hypothesis_json(&c->hyps[i]));
	for (size_t i = 0; i < c->groups->n; i++)
		if (!c->view->cohort || !strcmp(c->view->cohort, c->groups->v[i].name))
			json_array_append_new(groups, group_json(c, &c->groups->v[i]));
	o = json_pack(
		"{s:i, s:o, s:s, s:s, s:o, s:{s:o, s:o, s:o}, s:o, s:o}", "format", 1, "recording",
		fsj_path(c->view->path), "start", fsv_start_name(c->view->res->opts.start), "end",
		fsa_end_text(&c->view->res->opts, end, sizeof(end)), "memory",
		fsj_memory(fsx_memory(c->view->res)), "left", "cached",
		sample(c->left.cached.n, c->left.cached.p50_ns), "mapped",
		sample(c->left.mapped.n, c->left.mapped.p50_ns), "cow",
		sample(c->left.cow.n, c->left.cow.p50_ns), "hypotheses", hyps, "groups", groups);
	return fsj_write(o, out);
}
