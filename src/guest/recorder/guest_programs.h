/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF programs of the recorder: makes the maps that the rings and the directory lie in, and
 * loads and attaches the programs that write into them, by the best ranks that this kernel takes.
 */
#ifndef FORKSCOPE_GUEST_PROGRAMS_H
#define FORKSCOPE_GUEST_PROGRAMS_H

#include <stddef.h>
#include <stdint.h>
#include "bpf/guest/guest_state.h"
#include "guest/recorder/block.h"
#include "guest/recorder/guest_hooks.h"

struct guest_recorder_opts {
	unsigned int cpus;   /* rings, 1 to FSG_MAX_CPUS */
	uint64_t ring_bytes; /* records of each, a power of two, a page at least */
	const char *without; /* wants or programs to leave out; NULL = none */
};

struct guest_recorder {
	struct fs_plan *plan;
	struct guest_block rings, dir; /* made by guest_recorder_start() */
	unsigned int programs;         /* that are attached */
	uint32_t probe_ns_x16;         /* cost of writing one record, 0 = not known */
	struct guest_programs *loaded;
};

/*
 * Makes the maps, loads, measures, attaches: the programs record from now on. That single programs
 * do not work is not a failure: the plan says which. Returns 0, or a negative errno and a sentence
 * in @err when this kernel has no BPF at all (or not for us): then no map is left, and the plan
 * (NULL when out of memory) has that reason for everything.
 */
int guest_recorder_start(struct guest_recorder *r, const struct guest_recorder_opts *o, char *err,
			 size_t len);
void guest_recorder_stop(struct guest_recorder *r);

#endif
