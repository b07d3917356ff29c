/* SPDX-License-Identifier: BSD-2-Clause */
/* Between guest_build.c (records into timelines) and guest_tasks.c (what each CPU was doing). */
#ifndef FORKSCOPE_ATTR_GUEST_BUILD_H
#define FORKSCOPE_ATTR_GUEST_BUILD_H

#include "attribute/guest.h"

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

/* Index of the task of that tid, -1 without memory; @name (8 bytes, 0 = none) is its name now. */
int64_t at_gb_task(struct at_gb *b, uint32_t tid, uint64_t name);
/* The task, with nothing that a gap in the records has made doubtful. */
struct at_gtask *at_gb_task_of(struct at_gb *b, uint32_t index);
/* Up to 8 bytes of a name that a guest wrote, as a string. */
uint32_t at_gb_name(struct at *a, uint64_t bytes);
/* Who wrote the record at hand. */
struct at_gctx at_gb_context(const struct at_gb *b);
/* From @t on the CPU does what its state says. 0 or -ENOMEM, as all below. */
int at_gb_emit(struct at_gb *b, uint64_t t, bool lost);
/* The interrupts of the CPU are over at @t. */
void at_gb_close_frames(struct at_gb *b, uint64_t t);
/* Ends the span *@at (+ 1) of @v, if it has not ended, and forgets it. */
void at_gb_end_span(struct at_gspan *v, uint32_t *at, uint64_t t);
void at_gb_leave(struct at_gb *b, uint32_t task, uint64_t t, bool runnable);
int at_gb_enter(struct at_gb *b, uint32_t task, uint64_t t);
/* Records are missing between the last one of this CPU and the one at hand. */
int at_gb_gap(struct at_gb *b);
/*
 * Makes the CPU's state fit the task of the record at hand. @jumped: its number says that some are
 * missing before it; @lost_before: some are missing before the CPU's first record.
 */
int at_gb_sync(struct at_gb *b, bool jumped, bool lost_before);

#endif
