/* SPDX-License-Identifier: BSD-2-Clause */
/* The critical path of one fork, as a chain of segments back from its end to its start. */
#ifndef FORKSCOPE_ATTR_PATH_H
#define FORKSCOPE_ATTR_PATH_H

#include "attribute/state/timeline.h"

/* One segment of the path: [t0, end), where end is the t0 of the next one in time. */
struct at_segment {
	uint64_t t0;
	uint32_t exit;  /* index + 1 of the exit it lies in, or that ended it (AT_P_CLOSES) */
	uint32_t fault; /* index + 1 of what the fault is kept as; 0 = no fault */
	uint32_t stack, label; /* label: string */
	uint32_t guest;        /* string: what the guest ran; 0 = not known */
	uint16_t thr;          /* index into the path's threads */
	uint8_t cause, flags, stage;
};
enum {
	AT_P_CLOSES = 1,
	AT_P_WAIT = 2, /* `fault` counts asynchronous waits, else exits */
	AT_P_MM = 4,   /* ... page faults outside exits */
};

struct at_path {
	FS_VEC(struct at_segment) p; /* the latest first, gapless from end back to start */
	FS_VEC(struct at_thr *) thr;
	uint64_t end;
	bool uncovered; /* met time that later records may still explain */
};

static inline uint64_t at_segment_end(const struct at_path *path, size_t i)
{
	return i ? path->p.v[i - 1].t0 : path->end;
}

static inline struct at_thr *at_segment_thr(const struct at_path *path, const struct at_segment *p)
{
	return path->thr.v[p->thr];
}

static inline const struct at_exit *at_segment_exit(const struct at_path *path,
						    const struct at_segment *p)
{
	return p->exit ? &path->thr.v[p->thr]->exits.v[p->exit - 1] : NULL;
}

/* Whether both belong to one fault. */
static inline bool at_same_fault(const struct at_segment *a, const struct at_segment *b)
{
	return a->fault == b->fault && a->thr == b->thr && a->cause == b->cause &&
	       !((a->flags ^ b->flags) & (AT_P_WAIT | AT_P_MM));
}

#endif
