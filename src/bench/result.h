/* SPDX-License-Identifier: BSD-2-Clause */
/* What a run gave, as JSON, as CSV, and as the experiment's table. By the bench's own clock. */
#ifndef FORKSCOPE_BENCH_RESULT_H
#define FORKSCOPE_BENCH_RESULT_H

#include <stdio.h>
#include <jansson.h>
#include "bench/bench.h"

/* The columns of the experiment; X(ID, key in JSON and CSV, heading) */
#define FS_BENCH_COLUMNS(X)                             \
	X(TOTAL, "total_ns", "fork total")              \
	X(RECONFIGURE, "reconfigure_ns", "reconfigure") \
	X(MAILBOX, "mailbox_ns", "mailbox ack")         \
	X(APPLY, "apply_ns", "apply after mailbox")

enum fs_bench_column {
#define X(id, key, heading) FS_COLUMN_##id,
	FS_BENCH_COLUMNS(X)
#undef X
		FS_COLUMN_COUNT
};

/*
 * One value of a fork, in ns, or UINT64_MAX where it has none.
 *	mailbox ack          resume to ack:mailbox
 *	apply after mailbox  ack:mailbox to ack:applied
 *	reconfigure          their sum: resume to ack:applied
 *	fork total           spawn to ack:applied (without --wait-for-network: to the resume's end),
 *	                     less what the bench itself did between load and resume
 */
uint64_t fs_bench_value(const struct fs_bench *b, const struct fs_fork_result *r,
			enum fs_bench_column c);

/* The whole run; the caller owns it. */
json_t *fs_bench_json(const struct fs_bench *b);
/* One line per fork, with a heading. */
void fs_bench_csv(const struct fs_bench *b, FILE *out);
/* One row per arm, the first forks apart; then fs_bench_others(). */
void fs_bench_table(const struct fs_bench *b, FILE *out);
/* Counts, by arm, the forks that fell back, failed or were stopped: they are in no cell. */
void fs_bench_others(const struct fs_bench *b, FILE *out);

#endif
