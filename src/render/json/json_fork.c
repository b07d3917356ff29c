// SPDX-License-Identifier: BSD-2-Clause
/* report --json: one fork, key by key (docs/json.md). */
#include <inttypes.h>
#include <string.h>
#include "guestsyms/exit_names.h"
#include "guestsyms/symtable.h"
#include "render/format_values.h"
#include "render/json/json_parts.h"

static json_t *guest_name(const struct fsv_view *v, const struct fsa_fork *f, uint64_t rip)
{
	const struct fsy_syms *syms = fsv_guest_syms(v, f);
	char buf[FSV_WORD_LEN];
	uint64_t off;

	if (!rip || !syms || !fsy_syms_find(syms, rip, &off))
		return json_null();
	return json_string(fsv_guest_addr(v, f, rip, true, buf, sizeof(buf)));
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
			a, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "class",
				     fsa_cause_name(x->cause), "huge_page_bytes",
				     huge_bytes(x->huge), "ns", fsj_u64(x->ns), "since_start_ns",
				     fsj_u64(x->at_ns), "gpa", json_sprintf("0x%" PRIx64, x->gpa),
				     "hva", fsj_addr(x->hva), "rip", fsj_addr(x->rip), "symbol",
				     guest_name(v, f, x->rip), "io_count", fsj_u64(x->io_count),
				     "io_bytes", fsj_u64(x->io_bytes)));
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
				     fsj_u64(x->ns), "rip", fsj_addr(x->rip), "symbol",
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

json_t *fsj_fork(const struct fsv_view *v, const struct fsa_fork *f)
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
