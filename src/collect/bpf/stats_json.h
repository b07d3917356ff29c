/* SPDX-License-Identifier: BSD-2-Clause */
/* What a recording says about itself: the JSON of META and STATS. */
#ifndef FORKSCOPE_STATS_JSON_H
#define FORKSCOPE_STATS_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "collect/bpf/misses.h"
#include "collect/bpf/programs.h"
#include "collect/bpf/ring.h"

/* Sums over all CPUs, or all VMs. */
struct fs_losses {
	uint64_t records, stacks, state, slots;
	uint64_t no_ring; /* of the records: their CPU has no ring */
};

/* CPU time of this process so far, ns. */
struct fs_cpu_time {
	uint64_t user_ns, sys_ns;
};
struct fs_cpu_time fs_cpu_time_now(void);

struct fs_stats_in {
	struct fs_cpu_time
		prepared;        /* when it was armed: what came before costs no fork anything */
	struct fs_cpu_time used; /* now, or when the recording was stopped */
	const struct fs_bpf *bpf;
	const struct fs_rings *rings;
	const struct fs_misses *misses;
	uint64_t armed_ns;   /* CLOCK_MONOTONIC */
	uint64_t bytes;      /* of the file so far */
	uint64_t own_events; /* marks, clocks and flushes */
	json_t *guests;      /* what became of them; taken over */
	bool probe_stats;
	bool final;
};

/* Losses so far, by the per-CPU counters (every loss is in there, those of no VM too). */
struct fs_losses fs_stats_losses(const struct fs_bpf *b);

/* The STATS object; NULL = no memory. */
json_t *fs_stats_json(const struct fs_stats_in *in);

/* [{"want", "got", "why", "lost"}], in the order of host_hooks.def */
json_t *fs_hooks_json(const struct fs_plan *p);

#endif
