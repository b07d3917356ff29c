// SPDX-License-Identifier: BSD-2-Clause
/* report --json: one object, described key by key in docs/json.md (a test holds the two together).
 */
#include <math.h>
#include <string.h>
#include "render/format_values.h"
#include "render/json/json_parts.h"
#include "render/trust.h"

#define JSON_FORMAT 1

static json_t *copy_array(const json_t *a)
{
	return a ? json_deep_copy(a) : json_array();
}

static json_t *host(const struct fsv_trust *t)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "kernel", fsj_text_or_null(t->kernel), "cpus",
			 fsj_u64(t->cpus), "kvm", fsj_text_or_null(t->kvm), "machine",
			 fsj_text_or_null(t->machine), "cpu_vendor", fsj_text_or_null(t->vendor));
}

static json_t *recording(const struct fsv_view *v, const struct fsv_trust *t)
{
	const struct fsr_info *in = v->info;

	if (!in)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o}", "path",
			 fsj_path(v->path), "tool_version", fsj_text_or_null(t->tool),
			 "created_realtime_ns", fsj_u64(in->created_ns), "ended",
			 fsj_text_or_null(t->ended), "complete", in->complete, "truncated",
			 in->truncated, "why", fsj_text_or_null(in->why), "wall_ns",
			 fsj_u64(t->wall_ns), "unknown_chunks", fsj_u64(in->unknown_chunks),
			 "unknown_events", fsj_u64(in->unknown_events), "bad_events",
			 fsj_u64(in->bad_events));
}

static void add_sentence(void *arg, const char *sentence)
{
	json_array_append_new(arg, json_string(sentence));
}

static json_t *trust(const struct fsv_view *v, const struct fsv_trust *t)
{
	uint64_t unknown = 0, error = 0;
	json_t *limits = json_array(), *o;

	for (size_t i = 0; i < v->res->nforks; i++) {
		const struct fsa_fork *f = &v->res->forks[i];

		if (!fsv_shows(v, f))
			continue;
		unknown += f->bucket_ns[FSA_B_UNKNOWN];
		if (f->clock_error_ns > error)
			error = f->clock_error_ns;
	}
	fsv_not_proven(v, t, add_sentence, limits);
	o = json_pack("{s:o, s:n, s:o, s:o, s:o, s:o}", "lost_host", fsj_u64(t->lost_records),
		      "lost_guest", "clock_error_ns", fsj_u64(error), "probe_ns_per_event",
		      fsj_u64(t->probe_ns_per_event), "events", fsj_u64(t->events), "unknown_ns",
		      fsj_u64(unknown));
	if (!o)
		return NULL;
	fsj_trust_guest(v, o);
	json_object_set_new(o, "lost_stacks", fsj_u64(t->lost_stacks));
	json_object_set_new(o, "lost_state", fsj_u64(t->lost_state));
	json_object_set_new(o, "lost_slots", fsj_u64(t->lost_slots));
	json_object_set_new(o, "lost_by_vm", copy_array(t->lost_vm));
	json_object_set_new(o, "lost_by_cpu", copy_array(t->lost_cpu));
	json_object_set_new(o, "sequence_holes", fsj_u64(t->seq_holes));
	json_object_set_new(o, "guest_stalled", fsj_u64(t->guests_stalled));
	json_object_set_new(o, "guest_blobs_failed", fsj_u64(t->blobs_failed));
	json_object_set_new(o, "odd_events", fsj_u64(t->odd_events));
	json_object_set_new(o, "skipped_runs", fsj_u64(t->skipped_runs));
	json_object_set_new(o, "skipped_by_cpu", copy_array(t->skipped_by_cpu));
	json_object_set_new(o, "probe_runs", fsj_u64(t->probe_runs));
	json_object_set_new(o, "probe_run_ns", fsj_u64(t->probe_run_ns));
	json_object_set_new(o, "tracer_cpu_ns", fsj_u64(t->cpu_ns));
	json_object_set_new(o, "contention", fsj_contention(v));
	json_object_set_new(o, "not_proven", limits);
	return o;
}

static json_t *dist(const struct fsa_dist *d)
{
	json_t *avg = json_null();

	if (d->n && !isnan(d->avg))
		avg = json_integer((json_int_t)(d->avg + 0.5));
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "n", fsj_u64(d->n), "avg_ns", avg, "p50_ns",
			 d->n ? fsj_u64(d->p50) : json_null(), "p95_ns",
			 d->n >= 20 ? fsj_u64(d->p95) : json_null(), "max_ns",
			 d->n ? fsj_u64(d->max) : json_null());
}

static json_t *cohort_json(const struct fsa_cohort *c)
{
	json_t *buckets = json_object(), *causes = json_object(), *verdicts = json_object();
	json_t *forks = json_array(), *stages = json_object();

	for (unsigned int b = 0; b < FSA_NBUCKETS; b++)
		json_object_set_new(buckets, fsa_bucket_name((enum fsa_bucket)b),
				    dist(&c->bucket[b]));
	for (unsigned int k = 0; k < FSA_NCAUSES; k++)
		if (c->cause[k].n && c->cause[k].max)
			json_object_set_new(causes, fsa_cause_name((enum fsa_cause)k),
					    dist(&c->cause[k]));
	for (unsigned int i = 0; i < FSA_NSTAGES; i++)
		if (c->stage[i].n)
			json_object_set_new(stages, fsa_stage_name((enum fsa_stage)i),
					    dist(&c->stage[i]));
	for (unsigned int i = 0; i <= FSA_V_UNKNOWN; i++)
		json_object_set_new(verdicts, fsv_verdict_name((enum fsa_verdict)i),
				    fsj_u64(c->verdicts[i]));
	for (size_t i = 0; i < c->n; i++)
		json_array_append_new(forks, fsj_u64(c->forks[i]->id));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", fsj_text(c->name),
			 "n", fsj_u64(c->n), "timed_out", fsj_u64(c->timed_out), "forks", forks,
			 "gap", dist(&c->gap), "buckets", buckets, "causes", causes, "stages",
			 stages, "verdicts", verdicts);
}

static json_t *build(const struct fsv_view *v)
{
	json_t *forks = json_array(), *cohorts = json_array(), *o;
	struct fsv_trust t;
	char end[96];

	fsv_trust_read(v, &t);
	for (size_t i = 0; i < v->res->nforks; i++)
		if (fsv_shows(v, &v->res->forks[i]))
			json_array_append_new(forks, fsj_fork(v, &v->res->forks[i]));
	for (size_t i = 0; i < v->res->ncohorts && !v->only_fork; i++)
		if (!v->cohort || !strcmp(v->cohort, v->res->cohorts[i].name))
			json_array_append_new(cohorts, cohort_json(&v->res->cohorts[i]));
	o = json_pack("{s:i, s:o, s:o, s:o}", "format", JSON_FORMAT, "host", host(&t), "hooks",
		      copy_array(t.hooks), "trust", trust(v, &t));
	if (!o)
		return NULL;
	json_object_set_new(o, "asked",
			    json_pack("{s:s, s:s, s:o}", "start",
				      fsv_start_name(v->res->opts.start), "end",
				      fsa_end_text(&v->res->opts, end, sizeof(end)), "timeout_ns",
				      v->res->opts.timeout_ns ? fsj_u64(v->res->opts.timeout_ns)
							      : json_null()));
	json_object_set_new(o, "recording", recording(v, &t));
	json_object_set_new(o, "guest_symbols", fsj_symbols(v->guest));
	json_object_set_new(o, "guests", fsj_own(v));
	json_object_set_new(o, "vms_seen", fsj_u64(v->res->vms_seen));
	json_object_set_new(o, "vms", fsj_vms(v));
	json_object_set_new(o, "forks", forks);
	json_object_set_new(o, "cohorts", cohorts);
	return o;
}

int fsv_json(const struct fsv_view *v, FILE *out)
{
	return fsj_write(build(v), out);
}
