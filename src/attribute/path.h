/* SPDX-License-Identifier: BSD-2-Clause */
/* Between path.c (the walk), path_off.c (its steps off the CPU) and pathprep.c (what it walks on).
 */
#ifndef FORKSCOPE_ATTR_PATH_H
#define FORKSCOPE_ATTR_PATH_H

#include "attribute/state.h"

struct walk {
	struct at *a;
	struct at_vm *vm;
	struct at_path *path;
	uint64_t start, t;     /* what is left: [start, t) */
	uint64_t floor;        /* the piece at hand goes no further back */
	struct at_thr *thr;    /* the path is on it at t */
	struct at_thr *origin; /* the vCPU from which it went to threads of the VMM */
	unsigned int hops;
	struct at_thr *named; /* the thread of the last piece, and its index in the path */
	uint16_t index;
	size_t turn;            /* of the guest's own schedule: where it is at t */
	struct at_thr *turn_of; /* the vCPU whose turn it is; NULL = any */
};

/* Makes the derived timelines of the VM's threads and sets their cursors to the end. */
int at_path_prepare(struct at_vm *vm);
/* The vCPU that was active last at @at: where a path begins that no thread of the VM ended. */
struct at_thr *at_default_vcpu(struct at_vm *vm, uint64_t at);

/* The index of the walk's thread in the path's table of them: @w->index. 0 or a negative errno. */
int at_path_name_thread(struct walk *w);
/* A step where the thread was off the CPU, for @o, at the walk's moment. 0 or a negative errno. */
int at_path_off_cpu(struct walk *w, const struct at_off *o);

#endif
