/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known while the guest's records are read, and what each kind of them does. */
#ifndef FORKSCOPE_ATTR_BUILD_H
#define FORKSCOPE_ATTR_BUILD_H

#include "attribute/guest/timelines.h"

#define AT_GB_DEPTH 8 /* no CPU nests interrupts deeper */

struct at_gb_cpu {
	bool known;
	uint32_t task;               /* index */
	uint32_t stack[AT_GB_DEPTH]; /* frames + 1 */
	unsigned int depth;
	uint32_t ended; /* + 1: frame that ended last, none since the last switch */
	uint64_t last;  /* time of the record before this one */
};

struct at_gb {
	struct at *a;
	struct at_guest *g;
	struct at_gb_cpu *cpus;
	const json_t *armed;      /* names of the tasks that there were when armed, by tid; NULL */
	struct fs_hashmap queued; /* work item to its last queueing: index + 1 */
	uint32_t epoch;
	/* the record at hand */
	const struct fsg_rec *rec;
	uint64_t t;
	unsigned int cpu;
	struct at_gb_cpu *c;
};

/*
 * --- dispatch.c: the record at hand, of a CPU's ring or the agent's own, which knows no CPU ---
 * @behind_gap: the record before it is missing; @lost_before: some are missing before the CPU's
 * first record. 0 or -ENOMEM, as all below.
 */
int at_gb_cpu_record(struct at_gb *b, bool behind_gap, bool lost_before);
int at_gb_agent_record(struct at_gb *b);

/* --- tasks.c: the guest's tasks, and what each of its CPUs does --- */
/*
 * Makes the CPU's state fit the task of the record at hand; of an empty one nothing is known but
 * that it is there.
 */
int at_gb_begin_record(struct at_gb *b, bool empty, bool behind_gap, bool lost_before);
/* From the record at hand on the CPU does what its state says. */
int at_gb_end_record(struct at_gb *b);
/* Who wrote the record at hand. */
struct at_gctx at_gb_context(const struct at_gb *b);
/* The task begins the work item @at (index + 1). */
void at_gb_work_begins(struct at_gb *b, uint32_t at);
/* Returns the item that the task was on, 0 = none known; *worked: when the one before ended. */
uint32_t at_gb_work_ends(struct at_gb *b, uint64_t *worked);
int at_gb_on_switch(struct at_gb *b);
int at_gb_on_waking(struct at_gb *b, uint64_t name); /* name: 8 bytes, 0 = none */
int at_gb_on_fault(struct at_gb *b);
int at_gb_on_fault_end(struct at_gb *b);
int at_gb_on_rtnl(struct at_gb *b);
int at_gb_on_rtnl_end(struct at_gb *b);
int at_gb_on_lock(struct at_gb *b);
int at_gb_on_lock_end(struct at_gb *b);
int at_gb_on_send(struct at_gb *b);
int at_gb_on_step(struct at_gb *b);
int at_gb_on_step_end(struct at_gb *b);
int at_gb_on_stage(struct at_gb *b);
int at_gb_agent_stage(struct at_gb *b); /* of the agent's own ring */

/* --- interrupts.c --- */
int at_gb_on_frame(struct at_gb *b);
int at_gb_on_frame_end(struct at_gb *b);

/* --- works.c --- */
int at_gb_on_work_queue(struct at_gb *b);
int at_gb_on_work(struct at_gb *b);
int at_gb_on_work_end(struct at_gb *b);

#endif
