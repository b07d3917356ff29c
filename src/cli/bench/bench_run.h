/* SPDX-License-Identifier: BSD-2-Clause */
/* Forks in variants, made and recorded: what forkscope bench and prefetch test have in common. */
#ifndef FORKSCOPE_BENCH_RUN_H
#define FORKSCOPE_BENCH_RUN_H

#include "cli/bench/bench_opts.h"

struct bench_done {
	const struct fs_bench *b;
	const struct bench_asked *a;
	bool stopped;    /* by the user */
	bool incomplete; /* the recorder said so of its recording */
};
typedef int (*bench_then)(const struct bench_done *d, void *arg);

/*
 * Makes the forks that @a asks for, recorded into a->output (unless a->no_record), with
 * a->output.json next to it. @then gets whatever came of it, and @arg. Returns what @then returned,
 * or FS_EXIT_FAILED after saying why: the run could not go on, the recorder failed, or nothing
 * could be begun (then @then was not called), as where forkscope record does not work.
 */
int bench_run(struct bench_asked *a, bench_then then, void *arg);

#endif
