/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of the commands that make forks: forkscope bench, and prefetch test. */
#ifndef FORKSCOPE_BENCH_OPTS_H
#define FORKSCOPE_BENCH_OPTS_H

#include <stdbool.h>
#include "base/opts.h"
#include "bench/bench.h"
#include "vmm/jail.h"

#define BENCH_MAX  16 /* signals, prefetches, snapshots, recorder's arguments */
#define BENCH_ROWS 48 /* room for bench_opts_rows() and the row that ends a table */

struct bench_asked {
	struct fs_bench_opts o;
	struct fs_jail jail;
	const char *output, *program, *end;
	const char *take; /* socket of a running VMM whose snapshot is to be taken first */
	int network;      /* enum fs_network, or -1: not said */
	bool no_record;
	char *record_args[3 * BENCH_MAX + 3]; /* those given, memory files, the end */
	size_t nrecord_args;
	const char *jailer_args[FS_JAIL_ARGS + 1];
	size_t njailer_args;
	json_t *load_json;
	/* lists, as the options of struct fs_bench_opts point to them */
	char *words; /* copies of the arguments that were cut up */
	const char *signals[BENCH_MAX], *folders[BENCH_MAX], *snapshots[BENCH_MAX];
	size_t nsignals, nprefetch, nsnapshots;
	struct fs_prefetch_spec prefetch[BENCH_MAX];
};

/* Before the options change them one by one: one variant, signal auto, prefetch none. */
void bench_opts_defaults(struct bench_asked *a);

/*
 * The rows of the options that every such command has, and FS_OPT_END. Returns how many there are
 * before that. What the variants are is each command's own: its rows use the parsers of
 * bench_opt_parsers.h.
 */
size_t bench_opts_rows(struct bench_asked *a, struct fs_opt rows[BENCH_ROWS]);

/*
 * What follows from the options that were parsed, and whether they go together. Returns -1 to go
 * on, or the exit code to return at once, after saying of @u what is wrong.
 */
int bench_opts_finalize(struct bench_asked *a, const struct fs_usage *u,
			const struct fs_args *args);

void bench_opts_free(struct bench_asked *a);

/* The help of the row that fills o.timeout_ns. */
#define BENCH_TIMEOUT_HELP \
	"no last ack within this after the resume: the fork falls back (default 30s)"

#endif
