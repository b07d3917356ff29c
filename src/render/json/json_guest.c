// SPDX-License-Identifier: BSD-2-Clause
/* report --json: the signal path and the guest recording. */
#include <inttypes.h>
#include <string.h>
#include "bpf/guest_ring.h"
#include "experiment/cells.h"
#include "guestsyms/ownsyms.h"
#include "render/format_values.h"
#include "render/json/json_parts.h"
#include "render/trust.h"

static json_t *hex(const uint8_t id[16])
{
	char buf[33];

	for (int i = 0; i < 16; i++)
		snprintf(buf + i * 2, 3, "%02x", id[i]);
	return json_string(buf);
}

static json_t *stage_json(const struct fsa_fork *f, const struct fsa_path_stage *l)
{
	return json_pack("{s:s, s:o, s:o, s:b, s:o, s:o, s:o}", "name", fsa_stage_name(l->stage),
			 "at_ns", l->seen ? fsj_u64(l->at_ns) : json_null(), "error_ns",
			 l->seen ? fsj_u64(l->error_ns) : json_null(), "seen", l->seen, "ns",
			 fsj_u64(fsx_stage_ns(f, l->stage)), "who", fsj_text_or_null(l->who), "why",
			 fsj_text_or_null(l->why));
}

/* Host-only the stages of the signal that can be seen are milestones of the same names. */
static json_t *host_stages(const struct fsa_fork *f)
{
	json_t *a = json_array();

	for (size_t i = 0; i < f->nmilestones; i++) {
		const struct fsa_milestone *m = &f->milestones[i];

		for (unsigned int s = 0; s < FSA_S_GUEST; s++)
			if (!strcmp(m->name, fsa_stage_name((enum fsa_stage)s)))
				json_array_append_new(
					a, json_pack("{s:s, s:o, s:o, s:b, s:n, s:o, s:n}", "name",
						     fsa_stage_name((enum fsa_stage)s), "at_ns",
						     fsj_u64(m->at_ns), "error_ns",
						     fsj_u64(f->clock_error_ns), "seen", true, "ns",
						     "who", fsj_text_or_null(m->note), "why"));
	}
	return a;
}

json_t *fsj_signal(const struct fsa_fork *f)
{
	json_t *a = f->nstages ? json_array() : host_stages(f);

	for (size_t i = 0; i < f->nstages; i++)
		json_array_append_new(a, stage_json(f, &f->stages[i]));
	return json_pack("{s:o, s:o}", "kind", fsj_text_or_null(f->signal_kind), "stages", a);
}

static json_t *flags(uint32_t set)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} names[] = {{FSG_D_BPF, "bpf"},
		     {FSG_D_SPLIT, "split"},
		     {FSG_D_SIGNAL, "signal"},
		     {FSG_D_FAULTS, "faults"}};
	json_t *a = json_array();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (set & names[i].flag)
			json_array_append_new(a, json_string(names[i].name));
	return a;
}

static json_t *tasks(const struct fsa_fork *f)
{
	json_t *a = json_array();

	for (size_t i = 0; i < f->ntop_tasks; i++) {
		const struct fsa_top_task *x = &f->top_tasks[i];

		json_array_append_new(
			a, json_pack("{s:o, s:s, s:s, s:o, s:o}", "task",
				     fsj_text(x->guest < f->nlabels ? f->labels[x->guest] : "?"),
				     "stage", fsa_stage_name((enum fsa_stage)x->stage), "cause",
				     fsa_cause_name((enum fsa_cause)x->cause), "ns", fsj_u64(x->ns),
				     "count", fsj_u64(x->count)));
	}
	return a;
}

static json_t *clock_json(const struct fsa_fork *f)
{
	const struct fsa_guest *g = &f->guest;

	if (!g->used)
		return json_null();
	return json_pack("{s:o, s:o, s:I, s:I, s:o, s:o, s:b, s:o}", "error_ns",
			 fsj_u64(f->clock_error_ns), "containment_error_ns",
			 fsj_u64(g->containment_error_ns), "offset_ns", (json_int_t)g->offset_ns,
			 "rate_ppb", (json_int_t)g->rate_ppb, "ref_ns", fsj_u64(g->ref_ns),
			 "outside", fsj_u64(g->outside), "vm_clock_used", g->clock_used,
			 "limited_by", fsj_text_or_null(g->limited_by));
}

json_t *fsj_guest(const struct fsv_view *v, const struct fsa_fork *f)
{
	const struct fsa_guest *g = &f->guest;
	const struct fsy_own_table *own = fsy_own_of(v->own, f);
	uint64_t cpus, without;
	bool known = fsy_own_cpus(own, &cpus, &without);
	json_t *o = json_pack("{s:b, s:b, s:o}", "read", g->read, "used", g->used, "why",
			      fsj_text_or_null(fsv_guest_why(f)));

	if (!o)
		return NULL;
	json_object_set_new(o, "cpus", known ? fsj_u64(cpus) : json_null());
	json_object_set_new(o, "cpus_without_ring", known ? fsj_u64(without) : json_null());
	json_object_set_new(o, "id", g->read ? hex(g->id) : json_null());
	json_object_set_new(o, "recorded", flags(g->flags));
	json_object_set_new(o, "events", g->read ? fsj_u64(g->events) : json_null());
	json_object_set_new(o, "lost", g->read ? fsj_u64(g->lost) : json_null());
	json_object_set_new(o, "torn", g->read ? fsj_u64(g->partial) : json_null());
	json_object_set_new(o, "probe_ns", g->probe_ns ? fsj_u64(g->probe_ns) : json_null());
	json_object_set_new(o, "agent",
			    *g->agent ? json_pack("{s:o, s:o, s:b}", "comm", fsj_text(g->agent),
						  "tid", fsj_u64(g->agent_tid), "own",
						  g->agent_forkscope)
				      : json_null());
	json_object_set_new(o, "clock", clock_json(f));
	json_object_set_new(o, "tasks", tasks(f));
	json_object_set_new(o, "symbols",
			    own && own->syms ? fsj_u64(fsy_syms_count(own->syms)) : json_null());
	return o;
}

static void add_missing(void *arg, const char *why, size_t forks)
{
	json_array_append_new(
		arg, json_pack("{s:o, s:o}", "forks", fsj_u64(forks), "why", fsj_text(why)));
}

void fsj_trust_guest(const struct fsv_view *v, json_t *trust)
{
	struct fsv_trust_guest g;
	json_t *missing = json_array();

	fsv_trust_guest(v, &g);
	fsv_guest_missing(v, add_missing, missing);
	json_object_set_new(trust, "lost_guest", g.read ? fsj_u64(g.lost) : json_null());
	json_object_set_new(trust, "torn_guest", g.read ? fsj_u64(g.partial) : json_null());
	json_object_set_new(trust, "events_guest", g.read ? fsj_u64(g.events) : json_null());
	json_object_set_new(trust, "guest_read", fsj_u64(g.read));
	json_object_set_new(trust, "guest_used", fsj_u64(g.used));
	json_object_set_new(trust, "guest_missing", missing);
	json_object_set_new(trust, "clock_error_p95_ns", fsj_u64(g.error_p95));
	json_object_set_new(trust, "clock_error_n", fsj_u64(g.n_error));
	json_object_set_new(trust, "guest_outside", fsj_u64(g.outside));
	json_object_set_new(trust, "guest_probe_ns", g.n_cost ? fsj_u64(g.cost_ns) : json_null());
	json_object_set_new(trust, "guest_probe_of_ns",
			    g.n_cost ? fsj_u64(g.cost_of_ns) : json_null());
	json_object_set_new(trust, "guest_tracer_ns", g.read ? fsj_u64(g.tracer_ns) : json_null());
}

json_t *fsj_symbols(const struct fsy_syms *s)
{
	uint64_t slide = 0;
	bool known;

	if (!s)
		return json_null();
	known = fsy_syms_slide(s, &slide);
	return json_pack("{s:s, s:o, s:o, s:o}", "kind", fsy_syms_kind_text(s), "count",
			 fsj_u64(fsy_syms_count(s)), "slide",
			 known ? json_sprintf("0x%" PRIx64, slide) : json_null(), "why",
			 fsj_text(fsy_syms_why(s)));
}

json_t *fsj_own(const struct fsv_view *v)
{
	json_t *a = json_array();

	for (size_t i = 0; v->own && i < v->own->n; i++) {
		const struct fsy_own_table *t = &v->own->v[i];
		const json_t *hooks = fsy_own_hooks(t);
		json_t *syms = t->syms ? fsj_symbols(t->syms)
				       : json_pack("{s:n, s:i, s:n, s:o}", "kind", "count", 0,
						   "slide", "why", fsj_text(t->why));

		json_array_append_new(
			a, json_pack("{s:o, s:o, s:o, s:o, s:o}", "id", hex(t->id), "forks",
				     fsj_u64(t->forks), "kernel",
				     fsj_text_or_null(
					     json_string_value(json_object_get(t->meta, "kernel"))),
				     "hooks", hooks ? json_deep_copy(hooks) : json_array(),
				     "symbols", syms));
	}
	return a;
}
