/* SPDX-License-Identifier: BSD-2-Clause */
/* What a run gave, as JSON, as CSV, and as the experiment's table. By the bench's own clock. */
#ifndef FORKSCOPE_BENCH_RESULT_H
#define FORKSCOPE_BENCH_RESULT_H

#include <stdio.h>
#include <jansson.h>
#include "bench/bench.h"
#include "experiment/variants.h"

/*
 * One value of a fork, in ns, or UINT64_MAX where it has none.
 *	mailbox ack          resume to ack:mailbox
 *	apply after mailbox  ack:mailbox to ack:applied
 *	reconfigure          their sum: resume to ack:applied
 *	fork total           spawn to ack:applied (without --wait-for-network: to the resume's end),
 *	                     less what the bench itself did between load and resume
 */
uint64_t fs_bench_value(const struct fs_bench *b, const struct fs_fork_result *r,
			enum fsx_column c);

/* The whole run; the caller owns it. */
json_t *fs_bench_json(const struct fs_bench *b);
/* One line per fork, with a heading. */
void fs_bench_csv(const struct fs_bench *b, FILE *out);
/* One row per variant, the first forks apart; then fs_bench_others(). */
void fs_bench_table(const struct fs_bench *b, FILE *out);
/* Counts, by variant, the forks that fell back, failed or were stopped: they are in no cell. */
void fs_bench_others(const struct fs_bench *b, FILE *out);

#endif
