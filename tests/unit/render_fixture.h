/* SPDX-License-Identifier: BSD-2-Clause */
/* Attribution results built by hand, for the tests of the renderers. */
#ifndef RENDER_FIXTURE_H
#define RENDER_FIXTURE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "render/view.h"

#define FX_MAX_SEGS  96
#define FX_MAX_FORKS 8
#define FX_START     1000000000ull

struct fx {
	struct fsa_result res;
	struct fsr_info info;
	struct fsv_view view;
	struct fsa_fork forks[FX_MAX_FORKS];
	struct fsa_seg segs[FX_MAX_FORKS][FX_MAX_SEGS];
	struct fsa_cohort cohorts[2];
	const struct fsa_fork *members[2][FX_MAX_FORKS];
	struct fsa_milestone milestones[2];
	struct fsa_phase phases[2];
	struct fsa_ack acks[2];
	struct fsa_top_fault top_faults[2];
	struct fsa_top_exit top_exits[2];
	char *labels[4];
	char *guest_labels[6];
};

static inline struct fsa_fork *fx_fork(struct fx *x, const char *comm)
{
	unsigned int i = (unsigned int)x->res.nforks++;
	struct fsa_fork *f = &x->forks[i];

	f->id = i + 1;
	f->vmm_pid = 4000 + i;
	f->vm = i + 2;
	f->vcpus = 1;
	f->restore = f->complete = true;
	f->resume_kind = FSA_R_WAKE;
	f->resume_by_tid = 4100 + i;
	snprintf(f->comm, sizeof(f->comm), "%s", comm);
	snprintf(f->resume_by_comm, sizeof(f->resume_by_comm), "fc_api");
	snprintf(f->end, sizeof(f->end), "ack:mailbox");
	f->start_ns = f->resume_ns = FX_START + i * 5000000000ull;
	f->end_ns = f->start_ns;
	f->segs = x->segs[i];
	f->labels = x->labels;
	f->nlabels = 4;
	return f;
}

static inline struct fsa_seg *fx_seg(struct fsa_fork *f, uint64_t ns, enum fsa_stage stage,
				     enum fsa_cause cause)
{
	struct fsa_seg *s = &f->segs[f->nsegs++];

	*s = (struct fsa_seg){.t0 = f->end_ns,
			      .t1 = f->end_ns + ns,
			      .stage = (uint8_t)stage,
			      .cause = (uint8_t)cause,
			      .reason = ~0u,
			      .stack = FS_NO_STACK};
	f->end_ns = s->t1;
	f->gap_ns += ns;
	f->cells[stage][cause].ns += ns;
	f->cells[stage][cause].count++;
	f->bucket_ns[fsa_bucket_of(stage, cause)] += ns;
	return s;
}

static inline void fx_exit(struct fsa_seg *s, uint32_t reason, uint64_t rip)
{
	s->isa = FS_ISA_SVM;
	s->reason = reason;
	s->rip = rip;
}

/* The two largest buckets, by size; the verdict is the caller's. */
static inline void fx_verdict(struct fsa_fork *f, enum fsa_verdict v)
{
	f->verdict = v;
	f->verdict_top[0] = f->verdict_top[1] = FSA_B_UNKNOWN;
	for (unsigned int b = 0; b < FSA_NBUCKETS; b++)
		if (f->bucket_ns[b] > f->bucket_ns[f->verdict_top[0]])
			f->verdict_top[0] = (enum fsa_bucket)b;
	for (unsigned int b = 0; b < FSA_NBUCKETS; b++)
		if (b != f->verdict_top[0] && f->bucket_ns[b] > f->bucket_ns[f->verdict_top[1]])
			f->verdict_top[1] = (enum fsa_bucket)b;
}

static inline uint64_t fx_value(const struct fsa_fork *f, int bucket, int cause)
{
	uint64_t ns = 0;

	if (bucket >= 0)
		return f->bucket_ns[bucket];
	if (cause < 0)
		return f->gap_ns;
	for (int s = 0; s < FSA_NSTAGES; s++)
		ns += f->cells[s][cause].ns;
	return ns;
}

static inline struct fsa_dist fx_dist(const struct fsa_cohort *c, int bucket, int cause)
{
	struct fsa_dist d = {.n = c->n, .avg = 0};
	bool gap = bucket < 0 && cause < 0;
	size_t valued = 0;

	for (size_t i = 0; i < c->n; i++) {
		uint64_t x = fx_value(c->forks[i], bucket, cause);

		if (!c->forks[i]->complete) {
			/* of a fork without an end only that is known */
			if (gap)
				d.max = UINT64_MAX;
			else
				d.n--;
			continue;
		}
		d.avg += (double)x;
		valued++;
		if (x > d.max)
			d.max = x;
	}
	d.avg = valued ? d.avg / (double)valued : NAN;
	d.p50 = valued ? (uint64_t)d.avg : UINT64_MAX;
	return d;
}

static inline struct fsa_dist fx_stage(const struct fsa_cohort *c, int stage)
{
	struct fsa_dist d = {.n = 0};

	for (size_t i = 0; i < c->n; i++) {
		uint64_t ns = 0;

		if (!c->forks[i]->complete || !c->forks[i]->guest.used)
			continue;
		for (int k = 0; k < FSA_NCAUSES; k++)
			ns += c->forks[i]->cells[stage][k].ns;
		d.n++;
		d.avg += ((double)ns - d.avg) / (double)d.n;
		d.p50 = d.p50 ? d.p50 : ns;
		d.max = ns > d.max ? ns : d.max;
	}
	return d;
}

/* Puts the forks numbered @first to @last into cohort @k. */
static inline void fx_cohort(struct fx *x, unsigned int k, const char *name, unsigned int first,
			     unsigned int last)
{
	struct fsa_cohort *c = &x->cohorts[k];

	snprintf(c->name, sizeof(c->name), "%s", name);
	c->variant = "";
	c->forks = x->members[k];
	for (unsigned int id = first; id <= last; id++) {
		x->members[k][c->n++] = &x->forks[id - 1];
		c->timed_out += !x->forks[id - 1].complete;
		c->verdicts[x->forks[id - 1].verdict]++;
	}
	c->gap = fx_dist(c, -1, -1);
	for (int b = 0; b < FSA_NBUCKETS; b++)
		c->bucket[b] = fx_dist(c, b, -1);
	for (int i = 0; i < FSA_NCAUSES; i++)
		c->cause[i] = fx_dist(c, -1, i);
	for (int i = 0; i < FSA_NSTAGES; i++)
		c->stage[i] = fx_stage(c, i);
	x->res.ncohorts = k + 1;
}

static inline struct fx *fx_new(void)
{
	struct fx *x = calloc(1, sizeof(*x));

	x->labels[0] = "";
	x->labels[1] = "irq";
	x->labels[2] = "evil;name<script>&\"'\n\x1b[31m";
	x->labels[3] = "qemu-system-x86 [main]";
	x->guest_labels[0] = "";
	x->guest_labels[1] = "irq 9 acpi";
	x->guest_labels[2] = "hog;task";
	x->guest_labels[3] = "kworker/0:1";
	x->guest_labels[4] = "forkscope-guest";
	x->guest_labels[5] = "swapper/0 \x1b[31m<&>";
	x->res.forks = x->forks;
	x->res.cohorts = x->cohorts;
	x->res.opts.end = FSA_END_ACK;
	snprintf(x->res.opts.end_name, sizeof(x->res.opts.end_name), "mailbox");
	x->res.vms_seen = 3;
	x->info.complete = true;
	x->info.created_ns = 1700000000000000000ull;
	x->view = (struct fsv_view){.res = &x->res, .info = &x->info, .path = "run.fsr"};
	return x;
}

/*
 * Three forks of one recording: the first slow, the second quick, the third timed out; odd lengths
 * so that rounding shows.
 */
static inline struct fx *fx_typical(void)
{
	struct fx *x = fx_new();
	static const uint64_t scale[] = {40, 10, 20};

	for (unsigned int i = 0; i < 3; i++) {
		struct fsa_fork *f = fx_fork(x, i == 1 ? "evil\x1b[31m<&" : "firecracker");
		uint64_t k = scale[i];

		fx_seg(f, 31 * k, FSA_S_GUEST, FSA_C_SCHED_DELAY)->label = 2;
		fx_exit(fx_seg(f, 700001 * k, FSA_S_GUEST, FSA_C_FAULT_MAJOR), 0x400,
			0xffffffff81234567);
		fx_exit(fx_seg(f, 90003 * k, FSA_S_GUEST, FSA_C_GUEST_RUN), 0x078,
			0xffffffff81000123);
		fx_exit(fx_seg(f, 130007 * k, FSA_S_GUEST, FSA_C_FAULT_CACHED), 0x400, 0x401234);
		fx_exit(fx_seg(f, 5 * k, FSA_S_GUEST, FSA_C_EXIT_KERNEL), 0x07c,
			0xffffffff81000223);
		fx_seg(f, 17 * k, FSA_S_GUEST, FSA_C_UNKNOWN);
		f->fault_class[FSA_C_FAULT_MAJOR] = (struct fsa_fault_class){
			.count = 1, .ns = 700001 * k, .p50_ns = 700001 * k, .p99_ns = 700001 * k};
		f->fault_class[FSA_C_FAULT_CACHED] = (struct fsa_fault_class){
			.count = 250, .ns = 130007 * k, .p50_ns = 500 * k, .p99_ns = 900 * k};
		f->milestones = x->milestones;
		f->nmilestones = 1;
		f->phases = x->phases;
		f->nphases = 1;
		f->top_faults = x->top_faults;
		f->ntop_faults = 1;
		f->top_exits = x->top_exits;
		f->ntop_exits = 1;
		f->events = 1000;
		fx_verdict(f, FSA_V_MEMORY);
	}
	x->milestones[0] = (struct fsa_milestone){"inject", FX_START + 5000, "vector 0x2f"};
	x->phases[0] = (struct fsa_phase){"spawn", FX_START - 300000000, 12000000};
	x->top_faults[0] = (struct fsa_top_fault){.gpa = 0x1fff000,
						  .rip = 0xffffffff81234567,
						  .ns = 28000040,
						  .at_ns = 1240,
						  .cause = FSA_C_FAULT_MAJOR,
						  .io_bytes = 131072,
						  .io_count = 1};
	x->top_exits[0] = (struct fsa_top_exit){0x400, FS_ISA_SVM, 0x401234, 251, 33200320};
	x->acks[0] = (struct fsa_ack){.stage = "mailbox", .at_ns = FX_START + 36802560};
	x->forks[0].acks = x->acks;
	x->forks[0].nacks = 1;
	x->forks[0].notes = 1u << FSA_N_FIRST;
	x->forks[2].complete = false;
	x->forks[2].notes = 1u << FSA_N_TIMED_OUT;
	fx_cohort(x, 0, "steady", 2, 3);
	fx_cohort(x, 1, "first", 1, 1);
	return x;
}

/* A piece of the guest's own time: @what it ran (index into the labels), left by @reason. */
static inline struct fsa_seg *fx_ran(struct fsa_fork *f, uint64_t ns, enum fsa_stage stage,
				     enum fsa_cause cause, uint32_t what, uint64_t rip)
{
	struct fsa_seg *s = fx_seg(f, ns, stage, cause);

	s->guest = what;
	fx_exit(s, 0x060, rip);
	return s;
}

static inline void fx_link(struct fsa_fork *f, enum fsa_stage stage, uint64_t error,
			   const char *who)
{
	struct fsa_path_stage *l = &f->stages[f->nstages++];

	*l = (struct fsa_path_stage){
		.stage = stage, .at_ns = f->end_ns, .error_ns = error, .seen = true};
	snprintf(l->who, sizeof(l->who), "%s", who);
}

static inline void fx_unseen(struct fsa_fork *f, enum fsa_stage stage, const char *why)
{
	struct fsa_path_stage *l = &f->stages[f->nstages++];

	*l = (struct fsa_path_stage){.stage = stage};
	l->why = why;
}

/* One fork whose guest recording was read, all of its stages holding time; @k scales them. */
static inline struct fsa_fork *fx_split_fork(struct fx *x, uint64_t k)
{
	struct fsa_fork *f = fx_fork(x, "firecracker");
	struct fsa_guest *g = &f->guest;

	f->labels = x->guest_labels;
	f->nlabels = 6;
	fx_exit(fx_seg(f, 21 * k, FSA_S_RAISE, FSA_C_SCHED_DELAY), 0x400, 0);
	fx_link(f, FSA_S_RAISE, 0, "gsi 9, vector 0x30");
	fx_exit(fx_seg(f, 1500 * k, FSA_S_INJECT, FSA_C_FAULT_MAJOR), 0x400, 0xffffffff81234567);
	fx_ran(f, 40 * k, FSA_S_INJECT, FSA_C_GUEST_OTHER, 5, 0xffffffff81000123);
	fx_link(f, FSA_S_INJECT, 0, "vector 0x30");
	fx_ran(f, 310 * k, FSA_S_NOTIFY, FSA_C_GUEST_SIGNAL, 1, 0xffffffff81000223);
	fx_ran(f, 2900 * k, FSA_S_NOTIFY, FSA_C_GUEST_OTHER, 2, 0xffffffff81000323);
	fx_ran(f, 200 * k, FSA_S_NOTIFY, FSA_C_GUEST_SIGNAL, 3, 0xffffffff81000423);
	fx_link(f, FSA_S_NOTIFY, 9800, "kworker/0:1 (tid 12)");
	fx_seg(f, 130 * k, FSA_S_WAKEUP, FSA_C_GUEST_IDLE);
	fx_exit(fx_seg(f, 75 * k, FSA_S_WAKEUP, FSA_C_EXIT_KERNEL), 0x078, 0xffffffff81000482);
	fx_link(f, FSA_S_WAKEUP, 9800, "forkscope-guest (tid 71)");
	fx_exit(fx_seg(f, 800 * k, FSA_S_MAILBOX, FSA_C_FAULT_COW), 0x400, 0x401234);
	fx_ran(f, 60 * k, FSA_S_MAILBOX, FSA_C_GUEST_FAULT, 4, 0x401234);
	fx_ran(f, 90 * k, FSA_S_MAILBOX, FSA_C_GUEST_SIGNAL, 4, 0x401234);
	fx_link(f, FSA_S_MAILBOX, 9800, "forkscope-guest (tid 71)");
	fx_unseen(f, FSA_S_APPLY, "it begins after the end of this window");
	fx_seg(f, 33 * k, FSA_S_ACK, FSA_C_TRACER);
	fx_ran(f, 120 * k, FSA_S_ACK, FSA_C_GUEST_SIGNAL, 4, 0xffffffff81000523);
	fx_link(f, FSA_S_ACK, 0, "tap0");
	snprintf(f->signal_kind, sizeof(f->signal_kind), "vmclock");
	*g = (struct fsa_guest){.read = true,
				.used = true,
				.flags = 15,
				.events = 1234,
				.probe_ns = 30 * k,
				.agent = "forkscope-guest",
				.agent_tid = 71,
				.agent_forkscope = true,
				.containment_error_ns = 18200,
				.clock_used = true,
				.limited_by = "containment before, the ack's packet behind"};
	memcpy(g->id, "id of one arming", 16);
	f->clock_error_ns = 9800;
	f->events = 900;
	fx_verdict(f, FSA_V_VCPU);
	return f;
}

/* Two forks with their guest parts, and one of the same kind without. */
static inline struct fx *fx_split(void)
{
	struct fx *x = fx_new();
	struct fsa_fork *f;

	fx_split_fork(x, 1003);
	fx_split_fork(x, 2005);
	f = fx_fork(x, "firecracker");
	fx_exit(fx_seg(f, 700001, FSA_S_GUEST, FSA_C_FAULT_MAJOR), 0x400, 0xffffffff81234567);
	fx_exit(fx_seg(f, 900001, FSA_S_GUEST, FSA_C_GUEST_RUN), 0x078, 0xffffffff81000482);
	f->notes = 1u << FSA_N_NO_GUEST;
	f->guest.why = "the VMM ended before its memory was read: guest time is one sum";
	fx_verdict(f, FSA_V_GUEST);
	fx_cohort(x, 0, "steady", 1, 2);
	fx_cohort(x, 1, "steady, guest not split", 3, 3);
	return x;
}

/* Runs a renderer and returns all it wrote; the caller frees it. */
static inline char *fx_render(const struct fsv_view *v,
			      int (*render)(const struct fsv_view *v, FILE *out))
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int ret = render(v, f);

	fclose(f);
	if (ret) {
		free(text);
		return NULL;
	}
	return text;
}

#endif
