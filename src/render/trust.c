// SPDX-License-Identifier: BSD-2-Clause
/* What a recording says about how far it can be trusted. */
#include "render/trust.h"
#include <stdio.h>
#include <string.h>
#include "base/units.h"
#include "render/format_values.h"

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static uint64_t num(const json_t *o, const char *key)
{
	const json_t *x = json_object_get(o, key);

	if (!json_is_integer(x) || json_integer_value(x) < 0)
		return FSV_NOT_RECORDED;
	return (uint64_t)json_integer_value(x);
}

static const json_t *array(const json_t *o, const char *key)
{
	const json_t *a = json_object_get(o, key);

	return json_is_array(a) ? a : NULL;
}

static uint64_t sum_of(const json_t *o, const char *a, const char *b)
{
	uint64_t x = num(o, a), y = num(o, b);

	return x == FSV_NOT_RECORDED || y == FSV_NOT_RECORDED ? FSV_NOT_RECORDED : x + y;
}

/*
 * Runs that the kernel skipped because the same probe was under way on that CPU: what they would
 * have seen is lost. Older recordings have the kernel's counts alone, those of stand-ins
 * (host_hooks.def) included.
 */
static uint64_t skipped_runs(const json_t *stats)
{
	const json_t *progs = array(stats, "progs");
	uint64_t all = num(json_object_get(stats, "missed"), "runs"), x;
	json_t *o;
	size_t i;

	if (all != FSV_NOT_RECORDED || !progs)
		return all;
	all = 0;
	json_array_foreach ((json_t *)progs, i, o) {
		x = num(o, "misses");
		if (x != FSV_NOT_RECORDED)
			all += x;
	}
	return all;
}

static void read_stats(const json_t *stats, struct fsv_trust *t)
{
	const json_t *guests = json_object_get(stats, "guests");
	const json_t *lost = json_object_get(stats, "lost"), *cost = json_object_get(stats, "cost");

	t->guests_stalled = num(guests, "stalled");
	t->blobs_failed = num(guests, "blobs_failed");
	t->lost_vm = array(stats, "lost_vm");
	t->lost_cpu = array(stats, "lost_cpu");
	t->lost_records = num(lost, "records");
	t->lost_stacks = num(lost, "stacks");
	t->lost_state = num(lost, "state");
	t->lost_slots = num(lost, "slots");
	t->cpu_ns = sum_of(cost, "user_ns", "sys_ns");
	t->wall_ns = num(stats, "wall_ns");
	t->skipped_runs = skipped_runs(stats);
	t->skipped_by_cpu = array(json_object_get(stats, "missed"), "by_cpu");
	t->probe_runs = t->probe_run_ns = t->probe_ns_per_event = FSV_NOT_RECORDED;
	if (!json_is_true(json_object_get(stats, "probe_stats")))
		return; /* the kernel did not count: its zeros mean nothing */
	t->probe_runs = num(stats, "probe_cnt");
	t->probe_run_ns = num(stats, "probe_ns");
	if (t->probe_run_ns != FSV_NOT_RECORDED && t->events)
		t->probe_ns_per_event = (t->probe_run_ns + t->events / 2) / t->events;
}

void fsv_trust_read(const struct fsv_view *v, struct fsv_trust *t)
{
	const struct fsr_info *in = v->info;
	const json_t *meta = in ? in->meta : NULL, *host = json_object_get(meta, "host");

	memset(t, 0, sizeof(*t));
	t->tool = str(meta, "version");
	t->kernel = str(host, "kernel");
	t->machine = str(host, "machine");
	t->kvm = str(host, "kvm");
	t->vendor = str(host, "cpu_vendor");
	t->cpus = num(host, "cpus");
	t->host_symbols_hidden = !strcmp(str(meta, "kptr"), "restricted");
	t->hooks = array(meta, "hooks");
	t->events = in ? in->events : v->res->events;
	t->seq_holes = in ? in->seq_holes : 0;
	t->odd_events = v->res->odd_events;
	t->ended = in ? str(in->end, "why") : "";
	read_stats(in ? in->stats : NULL, t);
	t->host_incomplete =
		in && (in->truncated || !in->complete || in->seq_holes || in->bad_events);
	t->host_incomplete |= t->odd_events > 0;
	if (t->lost_records != FSV_NOT_RECORDED && (t->lost_records || t->lost_state))
		t->host_incomplete = true;
	if (t->lost_slots != FSV_NOT_RECORDED && t->lost_slots)
		t->host_incomplete = true;
	if (t->skipped_runs != FSV_NOT_RECORDED && t->skipped_runs)
		t->host_incomplete = true;
}

int fsv_contention(const struct fsv_view *v, struct fsx_contention *c)
{
	struct fsv_trust t;

	fsv_trust_read(v, &t);
	return fsx_contention_make(v->res, t.cpus, c);
}

struct seen {
	bool unsplit, ambiguous, guessed, rips, split;
	size_t shown;
};

static void look(const struct fsv_view *v, struct seen *s)
{
	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < v->res->nforks; i++) {
		const struct fsa_fork *f = &v->res->forks[i];

		if (!fsv_shows(v, f))
			continue;
		s->shown++;
		s->unsplit |= f->bucket_ns[FSA_B_GUEST] > 0;
		s->ambiguous |= (f->notes >> FSA_N_PATH_AMBIGUOUS) & 1;
		s->guessed |= (f->notes >> FSA_N_NO_FAULT_CLASS) & 1;
		s->split |= f->guest.used;
		s->rips |= f->ntop_exits > 0;
	}
}

void fsv_not_proven(const struct fsv_view *v, const struct fsv_trust *t,
		    void (*say)(void *arg, const char *sentence), void *arg)
{
	struct seen s;

	look(v, &s);
	if (s.unsplit)
		say(arg,
		    "\"guest (not split)\" is guest mode and the guest's own halts as the host sees them: the guest's signal path, its own page faults and its other work are in it together, and they are not separable here");
	if (s.split)
		say(arg,
		    "the guest recording was written by the guest: one that lies can spoil the stages and the guest.* causes of its own forks, nothing else");
	if (s.rips)
		say(arg,
		    "guest addresses are where the guest left, not samples of where its time went");
	if (s.guessed)
		say(arg,
		    "fault classes were inferred from tracepoints alone: fault.cow, fault.zero and fault.mapped are less sure than fault.major and fault.uffd");
	if (s.ambiguous)
		say(arg,
		    "on the forks marked so the critical path across vCPUs is a choice, not a finding");
	if (t->probe_ns_per_event != FSV_NOT_RECORDED)
		say(arg,
		    "the probes' run time lies inside the times of whatever they probed; it is not subtracted");
	if (s.shown == 1)
		say(arg,
		    "one fork says nothing about the next: forks of one series vary by a factor of 2 and more");
}
