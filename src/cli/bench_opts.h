/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of forkscope bench. */
#ifndef FORKSCOPE_BENCH_OPTS_H
#define FORKSCOPE_BENCH_OPTS_H

#include <stdbool.h>
#include "bench/bench.h"
#include "vmm/jail.h"

#define BENCH_MAX 16 /* signals, prefetches, snapshots, recorder's arguments */

struct bench_asked {
	struct fs_bench_opts o;
	struct fs_jail jail;
	const char *output, *program, *end;
	const char *take; /* socket of a running VMM whose snapshot is to be taken first */
	int network;      /* enum fs_network, or -1: not said */
	bool no_record, json, csv;
	char *record_args[BENCH_MAX + 3];
	size_t nrecord_args;
	/* lists, as the options of struct fs_bench_opts point to them */
	char *words; /* copies of the arguments that were cut up */
	const char *signals[BENCH_MAX], *folders[BENCH_MAX], *snapshots[BENCH_MAX];
	size_t nsignals, nprefetch, nsnapshots;
	struct fs_prefetch_spec prefetch[BENCH_MAX];
};

/* Parses argv[1..]. Returns -1 to go on, or the exit code to return at once. */
int bench_opts_parse(struct bench_asked *a, int argc, char **argv);
void bench_opts_free(struct bench_asked *a);

#endif
