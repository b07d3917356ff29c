/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest's own records say of one fork: who ran when on which of its CPUs, who woke whom,
 * and how the resume signal went through it.
 *
 * All times are host time already: the mapping keeps the order of the records, so everything here
 * is compared with the host's timelines directly. An index is + 1 where 0 means none. The records
 * are hostile: whatever they say, the timelines of a CPU ascend and every index is in bounds.
 */
#ifndef FORKSCOPE_ATTR_TIMELINES_H
#define FORKSCOPE_ATTR_TIMELINES_H

#include "align/align.h"
#include "base/hashmap.h"
#include "attribute/state/objects.h"
#include "record/guest/guest_data.h"

/* Who did something: an interrupt, a work item, a task. */
struct at_gctx {
	uint32_t task;        /* index: whose CPU time it was */
	uint32_t frame, work; /* + 1: the interrupt on top, the work item that the task executed */
	uint16_t cpu;
	bool irq; /* in interrupt context, whether or not its frame is known */
};

enum at_gframe_kind { AT_GF_IRQ, AT_GF_VECTOR, AT_GF_SOFTIRQ };

struct at_gframe { /* one interrupt or softirq */
	uint64_t t0, t1;
	uint32_t x;      /* its number */
	uint32_t name;   /* string, of an IRQ; cut if it has 8 bytes */
	uint32_t before; /* + 1: the one that ended before it on that CPU, with no switch between */
	uint16_t cpu;
	uint8_t kind; /* enum at_gframe_kind */
	bool signal;  /* on the signal path */
};

struct at_gwork { /* one execution of a work item */
	uint64_t queue, t0, t1;
	uint64_t func;
	uint32_t addr;
	struct at_gctx by; /* who queued it, if `queued` */
	bool queued, signal;
};

struct at_gwake {
	uint64_t t;
	struct at_gctx by;
	uint32_t task;    /* index: who was woken */
	bool running;     /* it had not left its CPU yet */
	bool fault, lock; /* what it slept for: a page of its own, a lock */
};

struct at_grun { /* a task on a CPU, [in, out) */
	uint64_t in, out;
	uint32_t wake; /* + 1: the wake-up that it followed; 0 = it was preempted before, or not
			  seen */
	uint16_t cpu;
	bool runnable; /* at its end: it was preempted */
};

struct at_gspan { /* what a task did in [t0, t1): a step, a page fault, a message, a lock */
	uint64_t t0, t1;
	uint64_t a;
	int64_t ret; /* of a step: what it returned; 0 where that was not seen */
	uint32_t task, x;
	struct at_gctx by;
};

typedef FS_VEC(struct at_gspan) at_gspans;

struct at_gstage {
	uint64_t t, a;
	uint32_t task, x;
};

struct at_gtask {
	uint32_t tid;
	uint32_t name; /* string */
	bool cut;      /* ... of which the rest is not known, if there was more */
	bool agent;    /* a thread of the agent */
	FS_VEC(struct at_grun) runs;

	/* while the records are read */
	uint32_t epoch;                   /* of the four below */
	uint32_t work, fault, lock, rtnl; /* + 1 */
	uint32_t woken;                   /* + 1: wake-up since it last ran */
	uint64_t worked;                  /* when its last work item ended */
	bool running;
};

/* From t0 until the next one's t0 the CPU did this. */
struct at_gseg {
	uint64_t t0;
	uint32_t task, frame, work;
	bool fault; /* the task handles a page fault of its own */
	bool lost;  /* records are missing here */
};

struct at_gcpu {
	FS_VEC(struct at_gseg) segs;
	size_t cursor;
};

struct at_gsched { /* from t0 on the path was on that CPU, until the one before it in the list */
	uint64_t t0;
	uint16_t cpu;
};

/* The argument of the stages ARMED and SIGNAL_SEEN. */
enum { AT_G_VMCLOCK = 1, AT_G_VMGENID = 2, AT_G_SPIN = 3, AT_G_PERIODIC = 4, AT_G_MAILBOX = 5 };

struct at_guest {
	struct fsr_guest_data *data; /* of the VM, not owned */
	struct fsl_map map;
	bool used;  /* there is a mapping, and an agent */
	bool split; /* switches are recorded: time can be given to tasks */
	bool lost;  /* records are missing in the window */
	uint64_t events, outside;

	struct fs_hashmap by_tid;
	FS_VEC(struct at_gtask) tasks;
	FS_VEC(struct at_gframe) frames;
	FS_VEC(struct at_gwork) works;
	FS_VEC(struct at_gwake) wakes;
	at_gspans faults;
	at_gspans steps;
	at_gspans rtnl;
	at_gspans locks;
	at_gspans sends; /* x: port */
	FS_VEC(struct at_gstage) stages;
	struct at_gcpu cpus[FSG_MAX_CPUS];

	/* the signal path (guest_agent.c, wake_chain.c, signal_path.c) */
	char agent[16];
	uint32_t agent_tid;
	bool forkscopes;   /* it is forkscope-guest: it reports its stages */
	uint64_t signal;   /* AT_G_*, 0 = not known */
	at_gspans chain;   /* tasks on the signal path, while they were */
	uint64_t notified; /* from here on the agent has run: what else runs delays it */
	struct fsa_path_stage path_stages[FSA_NSTAGES];
	size_t npath_stages;
	FS_VEC(struct at_gsched) schedule; /* of several vCPUs: the latest first */
	/* how the buckets change with the mapping: ns for each ns that the guest's times move later
	 */
	int64_t shift[FSA_NBUCKETS];
};

static inline const struct at_gtask *at_gtask_of(const struct at_guest *g, const struct at_gctx *c)
{
	return &g->tasks.v[c->task];
}

void at_guest_free(struct at_vm *vm);

#endif
