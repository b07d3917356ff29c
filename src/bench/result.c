// SPDX-License-Identifier: BSD-2-Clause
/* Turns what a run measured into JSON, CSV and the experiment's rows. */
#include "bench/result.h"
#include "bench/fork_acks.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"

/* The times of a fork; X(key, field) */
#define FORK_TIMES(X)                       \
	X("spawn_ns", spawn_ns)             \
	X("spawned_ns", spawned_ns)         \
	X("load_start_ns", load_ns)         \
	X("load_end_ns", loaded_ns)         \
	X("resume_ns", resume_ns)           \
	X("resumed_ns", resumed_ns)         \
	X("end_ns", end_ns)                 \
	X("between_ns", between_ns)         \
	X("prefetch_start_ns", prefetch_ns) \
	X("prefetch_end_ns", prefetched_ns)

uint64_t fs_bench_value(const struct fs_bench *b, const struct fs_fork_result *r, enum fsx_column c)
{
	uint64_t mailbox = fs_fork_ack(r, "mailbox"), applied = fs_fork_ack(r, "applied");

	if (r->end != FS_FORK_DONE)
		return UINT64_MAX;
	switch (c) {
	case FSX_COL_TOTAL:
		if (!b->o.wait_for_network)
			return r->resumed_ns - r->spawn_ns - r->between_ns;
		return applied ? applied - r->spawn_ns - r->between_ns : UINT64_MAX;
	case FSX_COL_RECONFIGURE:
		return applied ? applied - r->resume_ns : UINT64_MAX;
	case FSX_COL_MAILBOX:
		return mailbox ? mailbox - r->resume_ns : UINT64_MAX;
	case FSX_COL_APPLY:
		return mailbox && applied > mailbox ? applied - mailbox : UINT64_MAX;
	case FSX_NCOLUMNS:
		break;
	}
	return UINT64_MAX;
}

/* --- JSON ----------------------------------------------------------------------------------- */

static json_t *ranges_json(const struct fs_ranges *r)
{
	json_t *a = json_array();

	for (size_t i = 0; i < r->n; i++)
		json_array_append_new(a, json_pack("[I, I]", (json_int_t)r->v[i].offset,
						   (json_int_t)r->v[i].size));
	return a;
}

static json_t *variant_json(const struct fs_bench *b, size_t i)
{
	const struct fs_variant *a = &b->variants[i];
	const struct fs_template *t = &b->templates[a->template];
	json_t *ends = json_object();

	for (unsigned int e = 0; e < FS_FORK_END_COUNT; e++)
		json_object_set_new(
			ends, fs_fork_end_names[e],
			json_integer((json_int_t)fs_bench_count(b, i, (enum fs_fork_end)e)));
	return json_pack("{s:o, s:s, s:o, s:o, s:I, s:o, s:I, s:b, s:o}", "name",
			 fs_json_text(a->name), "signal", t->signal, "prefetch",
			 fs_json_text(a->spec->text), "snapshot", fs_json_text(t->folder),
			 "memory_bytes", (json_int_t)t->size, "ranges", ranges_json(&a->ranges),
			 "range_bytes", (json_int_t)fs_ranges_bytes(&a->ranges), "clamped",
			 a->clamped, "ends", ends);
}

static json_t *words_json(const struct fs_ack *a)
{
	json_t *o = json_object();
	const struct {
		const char *key, *value;
	} words[] = {{"reason", a->reason}, {"what", a->what}, {"undone", a->undone}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (*words[i].value)
			json_object_set_new(o, words[i].key, fs_json_text(words[i].value));
	if (*a->error)
		json_object_set_new(o, "errno", json_integer(strtol(a->error, NULL, 10)));
	return o;
}

static json_t *acks_json(const struct fs_fork_result *r)
{
	json_t *acks = json_array();

	for (unsigned int i = 0; i < r->nacks; i++) {
		const struct fs_ack *a = &r->acks[i];
		json_t *o = json_pack("{s:s, s:I, s:s, s:s}", "stage", a->stage, "at_ns",
				      (json_int_t)a->at_ns, "mac", a->mac, "ip", a->ip),
		       *words = words_json(a);

		json_object_update(o, words);
		json_decref(words);
		json_array_append_new(acks, o);
	}
	return acks;
}

/* What the agent reported of its failure; null: nothing. */
static json_t *agent_error_json(const struct fs_fork_result *r)
{
	const struct fs_ack *a = fs_fork_find_ack(r, "error");

	return a ? words_json(a) : json_null();
}

static json_t *fork_json(const struct fs_bench *b, const struct fs_fork_result *r)
{
	json_t *o;

	o = json_pack("{s:I, s:o, s:b, s:i, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:O?}",
		      "id", (json_int_t)r->number, "arm",
		      fs_json_text(b->variants[r->variant].name), "first", r->first, "pid",
		      (int)r->pid, "end", fs_fork_end_names[r->end], "acks", acks_json(r),
		      "agent_error", agent_error_json(r), "refused_acks",
		      (json_int_t)r->refused_acks, "acks_not_kept", (json_int_t)r->acks_not_kept,
		      "prefetched_bytes", (json_int_t)r->prefetched, "prefetch_missed_bytes",
		      (json_int_t)r->missed, "resident_bytes", (json_int_t)r->resident,
		      "resident_range_bytes", (json_int_t)r->resident_ranges, "vmm_us", r->metrics);
	if (*r->why)
		json_object_set_new(o, "why", fs_json_text(r->why));
#define X(key, field) \
	json_object_set_new(o, key, r->field ? json_integer((json_int_t)r->field) : json_null());
	FORK_TIMES(X)
#undef X
	for (unsigned int c = 0; c < FSX_NCOLUMNS; c++) {
		uint64_t v = fs_bench_value(b, r, (enum fsx_column)c);

		json_object_set_new(o, fsx_column_key((enum fsx_column)c),
				    v == UINT64_MAX ? json_null() : json_integer((json_int_t)v));
	}
	return o;
}

json_t *fs_bench_json(const struct fs_bench *b)
{
	const struct fs_bench_opts *o = &b->o;
	json_t *variants = json_array(), *forks = json_array();

	for (size_t i = 0; i < b->nvariants; i++)
		json_array_append_new(variants, variant_json(b, i));
	for (size_t i = 0; i < b->forks.n; i++)
		json_array_append_new(forks, fork_json(b, &b->forks.v[i]));
	return json_pack(
		"{s:i, s:s, s:s, s:s?, s:I, s:i, s:i, s:s, s:b, s:s, s:s, s:b, s:b, s:I, s:o, s:o}",
		"format", 1, "vmm", o->plan.ops->name, "vmm_version", b->version,
		"vmm_version_given", o->plan.version, "seed", (json_int_t)o->seed, "iters",
		(int)o->iters, "concurrency", (int)o->concurrency, "cache",
		fs_cache_names[o->cache], "wait_for_network", o->wait_for_network, "network",
		fs_network_names[o->network], "mechanism", fs_mechanism_names[o->how], "beside",
		o->in_parallel, "resume_in_load", o->load.resume, "timeout_ns",
		(json_int_t)o->timeout_ns, "arms", variants, "forks", forks);
}

/* --- CSV ------------------------------------------------------------------------------------ */

static void csv_number(FILE *out, uint64_t v)
{
	if (v == UINT64_MAX)
		fputc(',', out);
	else
		fprintf(out, ",%" PRIu64, v);
}

/* Plain words, as the parser of acks lets through. */
static void csv_error(FILE *out, const struct fs_fork_result *r)
{
	const struct fs_ack *a = fs_fork_find_ack(r, "error");

	fprintf(out, ",%s,%s,%s", a ? a->reason : "", a ? a->what : "", a ? a->error : "");
}

void fs_bench_csv(const struct fs_bench *b, FILE *out)
{
	fprintf(out, "fork,signal,prefetch,first,end,pid");
	for (unsigned int c = 0; c < FSX_NCOLUMNS; c++)
		fprintf(out, ",%s", fsx_column_key((enum fsx_column)c));
	fprintf(out,
		",load_ns,resident_bytes,resident_range_bytes,prefetched_bytes,prefetch_ns,error_reason,error_what,error_errno\n");
	for (size_t i = 0; i < b->forks.n; i++) {
		const struct fs_fork_result *r = &b->forks.v[i];
		const struct fs_variant *a = &b->variants[r->variant];

		fprintf(out, "%zu,%s,%s,%d,%s,%d", r->number, b->templates[a->template].signal,
			a->spec->text, r->first, fs_fork_end_names[r->end], (int)r->pid);
		for (unsigned int c = 0; c < FSX_NCOLUMNS; c++)
			csv_number(out, fs_bench_value(b, r, (enum fsx_column)c));
		csv_number(out, fs_fork_load_ns(b, r));
		csv_number(out, r->resident);
		csv_number(out, r->resident_ranges);
		csv_number(out, r->prefetched);
		csv_number(out, r->prefetched_ns ? r->prefetched_ns - r->prefetch_ns : UINT64_MAX);
		csv_error(out, r);
		fputc('\n', out);
	}
}
