// SPDX-License-Identifier: BSD-2-Clause
/* The text report's last part: how far the numbers above can be trusted. */
#include <inttypes.h>
#include <string.h>
#include "base/units.h"
#include "render/format_values.h"
#include "render/text/term.h"
#include "render/text/text_parts.h"
#include "render/trust.h"

#define MAX_LISTED 8 /* CPUs or VMs with losses that are named one by one */

static void lost_list(const json_t *a, const char *key, const char *what, FILE *out)
{
	size_t i, listed = 0;
	json_t *o;

	json_array_foreach ((json_t *)a, i, o) {
		json_int_t n = json_integer_value(json_object_get(o, "records"));

		if (!n || listed++ >= MAX_LISTED)
			continue;
		fprintf(out, "    %s %" JSON_INTEGER_FORMAT ": %" JSON_INTEGER_FORMAT " records\n",
			what, json_integer_value(json_object_get(o, key)), n);
	}
	if (listed > MAX_LISTED)
		fprintf(out, "    and %zu more\n", listed - MAX_LISTED);
}

static bool skipped(const struct fsv_trust *t)
{
	return t->skipped_runs != FSV_NOT_RECORDED && t->skipped_runs;
}

static void skipped_list(const json_t *a, FILE *out)
{
	size_t i;
	json_t *o;

	json_array_foreach ((json_t *)a, i, o) {
		const json_t *cpu = json_object_get(o, "cpu");
		json_int_t n = json_integer_value(json_object_get(o, "runs"));

		if (i >= MAX_LISTED)
			continue;
		if (json_is_integer(cpu))
			fprintf(out, "    CPU %" JSON_INTEGER_FORMAT ": %" JSON_INTEGER_FORMAT "\n",
				json_integer_value(cpu), n);
		else
			fprintf(out, "    on which CPU is not known: %" JSON_INTEGER_FORMAT "\n",
				n);
	}
	if (i > MAX_LISTED)
		fprintf(out, "    and %zu CPUs more\n", i - MAX_LISTED);
}

static void losses(const struct fsv_view *v, const struct fsv_trust *t, FILE *out)
{
	if (t->lost_records == FSV_NOT_RECORDED)
		fsv_para(
			out, 2, 4,
			"lost: not recorded (the recording has no statistics); holes in the sequence numbers: %" PRIu64,
			t->seq_holes);
	else if (!t->lost_records && !t->lost_state && !t->seq_holes && !skipped(t))
		fsv_para(out, 2, 4,
			 "lost: nothing (%" PRIu64 " records read, no hole in their sequence)",
			 t->events);
	else
		fsv_para(out, 2, 4,
			 "LOST: %" PRIu64 " records, %" PRIu64
			 " spans whose table was full; holes in the sequence numbers: %" PRIu64
			 "; %" PRIu64 " records read",
			 t->lost_records, t->lost_state, t->seq_holes, t->events);
	if (t->lost_stacks != FSV_NOT_RECORDED && t->lost_stacks)
		fsv_para(
			out, 2, 4,
			"stacks that found no place (their frames are missing, no time is): %" PRIu64,
			t->lost_stacks);
	if (t->lost_slots != FSV_NOT_RECORDED && t->lost_slots)
		fsv_para(out, 2, 4,
			 "LOST: memory slots of VMs with more of them than are looked at (%" PRIu64
			 " lists cut)",
			 t->lost_slots);
	if (skipped(t))
		fsv_para(
			out, 2, 4,
			"LOST: %" PRIu64
			" runs of probes that the kernel skipped (the same probe was under way on that CPU): what forks did there meanwhile is unknown",
			t->skipped_runs);
	skipped_list(t->skipped_by_cpu, out);
	lost_list(t->lost_cpu, "cpu", "CPU", out);
	lost_list(t->lost_vm, "vm", "VM", out);
	for (size_t i = 0; i < v->res->nforks; i++)
		if (fsv_shows(v, &v->res->forks[i]) && v->res->forks[i].lost)
			fprintf(out, "    fork %u: %" PRIu64 " records\n", v->res->forks[i].id,
				v->res->forks[i].lost);
}

static void coverage(const struct fsv_view *v, FILE *out)
{
	uint64_t unknown = 0, tracer = 0, all = 0;
	size_t complete = 0, shown = 0;
	char t[2][FS_UNITS_LEN], pct[2][16];

	for (size_t i = 0; i < v->res->nforks; i++) {
		const struct fsa_fork *f = &v->res->forks[i];

		if (!fsv_shows(v, f))
			continue;
		shown++;
		complete += f->complete;
		unknown += f->bucket_ns[FSA_B_UNKNOWN];
		tracer += f->bucket_ns[FSA_B_TRACER];
		all += f->gap_ns;
	}
	fsv_para(
		out, 2, 4,
		"coverage: %zu of %zu forks complete; unknown %s (%s), tracer %s (%s) of all their windows",
		complete, shown, fs_fmt_ns(unknown, t[0], sizeof(t[0])),
		fsv_pct(unknown, all, pct[0], sizeof(pct[0])),
		fs_fmt_ns(tracer, t[1], sizeof(t[1])),
		fsv_pct(tracer, all, pct[1], sizeof(pct[1])));
}

/* What the probes cost in the forks' windows, as far as the kernel's statistics show. */
static void cost(const struct fsv_view *v, const struct fsv_trust *t, FILE *out)
{
	char b[3][FS_UNITS_LEN], pct[16];
	uint64_t events = 0, all = 0;

	if (t->probe_ns_per_event == FSV_NOT_RECORDED) {
		fsv_para(out, 2, 4,
			 "cost of the probes: not recorded (their run time was not counted)");
	} else {
		for (size_t i = 0; i < v->res->nforks; i++) {
			if (!fsv_shows(v, &v->res->forks[i]))
				continue;
			events += v->res->forks[i].events;
			all += v->res->forks[i].gap_ns;
		}
		fsv_para(
			out, 2, 4,
			"cost of the probes: %s per recorded event, %s in all (%" PRIu64
			" runs); in the windows shown about %s of their time (%" PRIu64
			" events at that price). The figure leaves out what getting into and out of a probe costs",
			fs_fmt_ns(t->probe_ns_per_event, b[0], sizeof(b[0])),
			fs_fmt_ns(t->probe_run_ns, b[1], sizeof(b[1])), t->probe_runs,
			fsv_pct(events * t->probe_ns_per_event, all, pct, sizeof(pct)), events);
	}
	if (t->cpu_ns == FSV_NOT_RECORDED)
		fprintf(out, "  tracer's own CPU time: not recorded\n");
	else if (t->wall_ns == FSV_NOT_RECORDED)
		fprintf(out, "  tracer's own CPU time: %s\n", fs_fmt_ns(t->cpu_ns, b[0], 32));
	else
		fprintf(out, "  tracer's own CPU time: %s in %s of recording\n",
			fs_fmt_ns(t->cpu_ns, b[0], sizeof(b[0])),
			fs_fmt_ns(t->wall_ns, b[1], sizeof(b[1])));
}

static void file(const struct fsv_view *v, const struct fsv_trust *t, FILE *out)
{
	const struct fsr_info *in = v->info;

	if (!in)
		return;
	if (in->truncated)
		fsv_para(out, 2, 4,
			 "the recording is DAMAGED or cut short: %s; what stands before is used",
			 in->why);
	else if (!in->complete)
		fprintf(out, "  the recording has no end mark: the recorder did not finish\n");
	if (*t->ended)
		fsv_para(out, 2, 4, "recording ended: %s", t->ended);
	if (in->unknown_chunks || in->unknown_events || in->bad_events)
		fsv_para(out, 2, 4,
			 "not understood: %" PRIu64 " chunks and %" PRIu64
			 " records of a newer format were skipped, %" PRIu64
			 " malformed records dropped",
			 in->unknown_chunks, in->unknown_events, in->bad_events);
	if (t->odd_events)
		fsv_para(out, 2, 4,
			 "left out: %" PRIu64
			 " records that contradict others, name what cannot be, or are too many",
			 t->odd_events);
}

/* What went wrong while guests were read. */
static void guests(const struct fsv_trust *t, FILE *out)
{
	if (t->guests_stalled != FSV_NOT_RECORDED && t->guests_stalled)
		fsv_para(
			out, 2, 4,
			"readings of guests that were given up (their memory did not answer, or the reading process ended): %" PRIu64
			"; those guests are not read any more",
			t->guests_stalled);
	if (t->blobs_failed != FSV_NOT_RECORDED && t->blobs_failed)
		fsv_para(out, 2, 4,
			 "symbols or descriptions that a guest could not give: %" PRIu64
			 " times; the next fork of its snapshot was asked",
			 t->blobs_failed);
}

static void say_line(void *arg, const char *sentence)
{
	fsv_para(arg, 4, 6, "- %s", sentence);
}

void fsv_text_trust(const struct fsv_view *v, FILE *out)
{
	struct fsv_trust t;

	fsv_trust_read(v, &t);
	fputc('\n', out);
	fsv_rule(v, out, "how far to trust this");
	losses(v, &t, out);
	coverage(v, out);
	fsv_text_contention(v, out);
	fsv_text_trust_guest(v, out);
	guests(&t, out);
	cost(v, &t, out);
	fsv_text_hooks("hooks", t.hooks, out);
	fsv_text_guest_hooks(v, out);
	if (t.host_symbols_hidden)
		fsv_para(
			out, 2, 4,
			"host symbols: hidden from the recorder (kernel.kptr_restrict), so host frames are numbers");
	fsv_text_symbols(v, out);
	if (!strcmp(t.vendor, "GenuineIntel"))
		fsv_para(
			out, 2, 4,
			"processor: Intel; this program's Intel (VMX) paths were never exercised by its own tests: check against KVM's own counters");
	file(v, &t, out);
	fprintf(out, "  not proven by these data:\n");
	fsv_not_proven(v, &t, say_line, out);
}
