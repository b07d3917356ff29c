/* SPDX-License-Identifier: BSD-2-Clause */
/* Between load.c, which makes it, and programs.c, which gives out what is in it. */
#ifndef FORKSCOPE_PROGRAMS_IMPL_H
#define FORKSCOPE_PROGRAMS_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bpf/knobs.h"
#include "collect/bpf/load.h"
#include "collect/bpf/programs.h"

struct fs_bpf {
	const struct fs_load_opts *opts; /* during fs_bpf_load() only */
	struct fs_plan *plan;
	struct host_bpf *skel;
	struct bpf_link **links;    /* one for each hook of the table, NULL = not attached */
	struct bpf_program **progs; /* likewise */
	bool own_stats;             /* the programs count their run time themselves */
	bool no_misses;             /* fs_misses does not load here */
	int stats_fd;
	int inner_fd; /* of a ring, the pattern of all */
	uint64_t ring_bytes;
	unsigned int cpus[FS_MAX_CPUS]; /* all that may ever be online */
	size_t ncpus;
	int rings[FS_MAX_CPUS];
	size_t nrings;
};

/* Detaches and unloads everything but the rings, for another try or for good. */
void fs_bpf_close_skeleton(struct fs_bpf *b);

#endif
