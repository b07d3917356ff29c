/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the options of a bench go together. */
#ifndef FORKSCOPE_CLI_BENCH_OPT_CHECK_H
#define FORKSCOPE_CLI_BENCH_OPT_CHECK_H

#include "cli/bench/bench_opts.h"

/*
 * Whether they go with the VMM and with each other; fills in each signal's snapshot (a->folders).
 * Returns -1 to go on, or the exit code to return at once, after saying of @u what is wrong.
 */
int bench_opts_check(const struct fs_usage *u, struct bench_asked *a);

#endif
