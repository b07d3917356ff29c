// SPDX-License-Identifier: BSD-2-Clause
/* report --json: one object, described key by key in docs/json.md (a test holds the two together).
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "render/contention.h"
#include "guestsyms/exit_names.h"
#include "render/json/json_parts.h"
#include "guestsyms/ownsyms.h"
#include "render/vms.h"
#include "render/format.h"

#define JSON_FORMAT 1

json_t *fsj_u64(uint64_t x)
{
	return x > INT64_MAX ? json_null() : json_integer((json_int_t)x);
}

/* Addresses are text: numbers above 2^53 do not survive most JSON readers. */
static json_t *addr(uint64_t x)
{
	char buf[24];

	if (!x)
		return json_null();
	snprintf(buf, sizeof(buf), "0x%" PRIx64, x);
	return json_string(buf);
}

json_t *fsj_text(const char *s)
{
	size_t len = strlen(s) + 1;
	char *buf = malloc(len);
	json_t *text = buf ? json_string(fsv_clean(s, buf, len)) : NULL;

	free(buf);
	return text;
}

json_t *fsj_path(const char *s)
{
	return fs_json_text(s && *s ? s : NULL);
}

json_t *fsj_text_or_null(const char *s)
{
	return s && *s ? fsj_text(s) : json_null();
}

static json_t *guest_name(const struct fsv_view *v, const struct fsa_fork *f, uint64_t rip)
{
	const struct fsy_syms *syms = fsv_guest_syms(v, f);
	char buf[FSV_WORD_LEN];
	uint64_t off;

	if (!rip || !syms || !fsy_syms_find(syms, rip, &off))
		return json_null();
	return json_string(fsv_guest_addr(v, f, rip, true, buf, sizeof(buf)));
}

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

static json_t *fork_cells(const struct fsa_fork *f)
{
	json_t *a = json_array();

	for (unsigned int s = 0; s < FSA_NSTAGES; s++)
		for (unsigned int c = 0; c < FSA_NCAUSES; c++) {
			const struct fsa_cell *x = &f->cells[s][c];

			if (!x->ns && !x->count)
				continue;
			json_array_append_new(
				a, json_pack("{s:s, s:s, s:o, s:o}", "stage",
					     fsa_stage_name((enum fsa_stage)s), "cause",
					     fsa_cause_name((enum fsa_cause)c), "ns",
					     fsj_u64(x->ns), "count", fsj_u64(x->count)));
		}
	return a;
}

static json_t *fork_phases(const struct fsa_fork *f)
{
	json_t *a = json_array();

	for (size_t i = 0; i < f->nphases; i++)
		json_array_append_new(a, json_pack("{s:o, s:o, s:o}", "name",
						   fsj_text(f->phases[i].name), "start_ns",
						   fsj_u64(f->phases[i].start_ns), "ns",
						   fsj_u64(f->phases[i].ns)));
	return a;
}

static json_t *fork_buckets(const struct fsa_fork *f)
{
	json_t *o = json_object();

	for (unsigned int b = 0; b < FSA_NBUCKETS; b++)
		json_object_set_new(o, fsa_bucket_key((enum fsa_bucket)b),
				    fsj_u64(f->bucket_ns[b]));
	return o;
}

static json_t *huge_bytes(enum fsa_huge h)
{
	return fsa_huge_bytes(h) ? fsj_u64(fsa_huge_bytes(h)) : json_null();
}

/* How many faults of a class were of huge pages, by their size. */
static json_t *huge_pages(const struct fsa_fault_class *k)
{
	json_t *a = json_array();

	for (unsigned int h = 0; h < FSA_NHUGE; h++)
		if (k->huge[h])
			json_array_append_new(a, json_pack("{s:o, s:o}", "bytes",
							   huge_bytes((enum fsa_huge)h), "count",
							   fsj_u64(k->huge[h])));
	return a;
}

static json_t *fork_faults(const struct fsa_fork *f)
{
	json_t *a = json_array();

	for (unsigned int c = 0; c < FSA_NCAUSES; c++) {
		const struct fsa_fault_class *k = &f->fault_class[c];

		if (!k->count)
			continue;
		json_array_append_new(
			a, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "class",
				     fsa_cause_name((enum fsa_cause)c), "count", fsj_u64(k->count),
				     "ns", fsj_u64(k->ns), "p50_ns", fsj_u64(k->p50_ns), "p99_ns",
				     fsj_u64(k->p99_ns), "huge_pages", huge_pages(k)));
	}
	return a;
}

static json_t *fork_top_faults(const struct fsv_view *v, const struct fsa_fork *f)
{
	json_t *a = json_array();

	for (size_t i = 0; i < f->ntop_faults; i++) {
		const struct fsa_top_fault *x = &f->top_faults[i];

		json_array_append_new(
			a,
			json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "class",
				  fsa_cause_name(x->cause), "huge_page_bytes", huge_bytes(x->huge),
				  "ns", fsj_u64(x->ns), "since_start_ns", fsj_u64(x->at_ns), "gpa",
				  json_sprintf("0x%" PRIx64, x->gpa), "hva", addr(x->hva), "rip",
				  addr(x->rip), "symbol", guest_name(v, f, x->rip), "io_count",
				  fsj_u64(x->io_count), "io_bytes", fsj_u64(x->io_bytes)));
	}
	return a;
}

static json_t *fork_top_exits(const struct fsv_view *v, const struct fsa_fork *f)
{
	char name[FSY_EXIT_LEN];
	json_t *a = json_array();

	for (size_t i = 0; i < f->ntop_exits; i++) {
		const struct fsa_top_exit *x = &f->top_exits[i];

		json_array_append_new(
			a, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "reason",
				     fsy_exit_name(x->isa, x->reason, name, sizeof(name)), "code",
				     fsj_u64(x->reason), "count", fsj_u64(x->count), "ns",
				     fsj_u64(x->ns), "rip", addr(x->rip), "symbol",
				     guest_name(v, f, x->rip)));
	}
	return a;
}

static json_t *fork_acks(const struct fsa_fork *f)
{
	json_t *a = json_array();

	for (size_t i = 0; i < f->nacks; i++) {
		json_t *o = json_pack("{s:o, s:o}", "stage", fsj_text(f->acks[i].stage), "at_ns",
				      fsj_u64(f->acks[i].at_ns));

		if (*f->acks[i].words)
			json_object_set_new(o, "words", fsj_text(f->acks[i].words));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *fork_milestones(const struct fsa_fork *f)
{
	json_t *a = json_array();

	for (size_t i = 0; i < f->nmilestones; i++)
		json_array_append_new(a, json_pack("{s:o, s:o, s:o}", "name",
						   fsj_text(f->milestones[i].name), "at_ns",
						   fsj_u64(f->milestones[i].at_ns), "note",
						   fsj_text_or_null(f->milestones[i].note)));
	return a;
}

static json_t *fork_notes(const struct fsa_fork *f)
{
	json_t *a = json_array();
	const char *s;

	for (unsigned int i = 0; (s = fsv_note(f, &i));)
		json_array_append_new(a, json_string(s));
	return a;
}

static json_t *fork_verdict_top(const struct fsa_fork *f)
{
	return json_pack("[s, s]", fsa_bucket_name(f->verdict_top[0]),
			 fsa_bucket_name(f->verdict_top[1]));
}

static json_t *fork_json(const struct fsv_view *v, const struct fsa_fork *f)
{
	bool ambiguous = f->notes & (1u << FSA_N_PATH_AMBIGUOUS);
	char why[512], end[96];
	json_t *o;

	o = json_pack("{s:i, s:{s:o, s:o, s:o}, s:s, s:b}", "id", (int)f->id, "vmm", "pid",
		      fsj_u64(f->vmm_pid), "comm", fsj_text(f->comm), "vcpus", fsj_u64(f->vcpus),
		      "kind", f->restore ? "restore" : "boot", "complete", f->complete);
	if (!o)
		return NULL;
	json_object_set_new(o, "hugetlb", json_boolean(f->hugetlb));
	json_object_set_new(o, "phases", fork_phases(f));
	json_object_set_new(o, "resume_ns", fsj_u64(f->resume_ns));
	json_object_set_new(o, "start_ns", fsj_u64(f->start_ns));
	json_object_set_new(o, "end_ns", f->complete ? fsj_u64(f->end_ns) : json_null());
	json_object_set_new(o, "end", json_string(fsv_end_text(v, f, end, sizeof(end))));
	json_object_set_new(o, "watched_until", f->complete ? json_null() : fsj_text(f->end));
	json_object_set_new(o, "gap_ns", f->complete ? fsj_u64(f->gap_ns) : json_null());
	json_object_set_new(o, "window_ns", fsj_u64(f->gap_ns));
	json_object_set_new(o, "cells", fork_cells(f));
	json_object_set_new(o, "start", json_string(fsv_start_name(f->start_kind)));
	json_object_set_new(o, "clock_error_ns", fsj_u64(f->clock_error_ns));
	json_object_set_new(o, "path", json_string(ambiguous ? "ambiguous" : "followed"));
	json_object_set_new(o, "buckets", fork_buckets(f));
	json_object_set_new(o, "verdict", json_string(fsv_verdict_name(f->verdict)));
	json_object_set_new(o, "verdict_top", fork_verdict_top(f));
	json_object_set_new(o, "verdict_text", json_string(fsv_verdict_text(f, why, sizeof(why))));
	json_object_set_new(o, "faults", fork_faults(f));
	json_object_set_new(o, "signal", fsj_signal(f));
	json_object_set_new(o, "acks", fork_acks(f));
	json_object_set_new(o, "guest", fsj_guest(v, f));
	json_object_set_new(o, "lost", fsj_u64(f->lost));
	json_object_set_new(o, "events", fsj_u64(f->events));
	json_object_set_new(o, "notes", fork_notes(f));
	json_object_set_new(o, "milestones", fork_milestones(f));
	json_object_set_new(o, "top_faults", fork_top_faults(v, f));
	json_object_set_new(o, "top_exits", fork_top_exits(v, f));
	json_object_set_new(o, "off_path_ns", fsj_u64(f->off_path_ns));
	json_object_set_new(o, "resume",
			    json_pack("{s:s, s:o, s:o}", "kind", fsv_resume_name(f->resume_kind),
				      "tid",
				      f->resume_by_tid ? fsj_u64(f->resume_by_tid) : json_null(),
				      "comm", fsj_text_or_null(f->resume_by_comm)));
	json_object_set_new(o, "vm", fsj_u64(f->vm));
	json_object_set_new(o, "vmm_start_ns", fsj_u64(f->vmm_start_ns));
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
			json_array_append_new(forks, fork_json(v, &v->res->forks[i]));
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

int fsj_write(json_t *o, FILE *out)
{
	int err;

	if (!o)
		return -ENOMEM;
	err = json_dumpf(o, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER) ? -EIO : 0;
	json_decref(o);
	fputc('\n', out);
	return err;
}

int fsv_json(const struct fsv_view *v, FILE *out)
{
	return fsj_write(build(v), out);
}
