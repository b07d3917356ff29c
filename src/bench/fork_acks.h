/* SPDX-License-Identifier: BSD-2-Clause */
/* The acks of one fork: what of them is kept, and what they say of its end. */
#ifndef FORKSCOPE_BENCH_FORK_ACKS_H
#define FORKSCOPE_BENCH_FORK_ACKS_H

#include "bench/bench.h"

/* So many are read at once. A guest that sends without end holds nobody longer than that. */
#define FS_ACKS_AT_ONCE 64

enum fs_heard {
	FS_HEARD_NOTHING, /* that ends the wait */
	FS_HEARD_ERROR,   /* stage=error: r->error says what of */
	FS_HEARD_LAST,    /* the stage that is waited for; it wins over an error */
};

/*
 * Reads acks that have arrived at the socket @fd (-1 = none) into @r, at most FS_ACKS_AT_ONCE of
 * them. The first of each stage that a column or the wait needs is always kept: "mailbox",
 * "applied", "error" and @last; of all others as many as there is room for, the rest is counted in
 * r->acks_not_kept. What is no ack is counted in r->refused_acks, and so is one of another address
 * than @ip (NULL: whatever comes here is this fork's).
 */
enum fs_heard fs_fork_listen(struct fs_fork_result *r, int fd, const char *last, const char *ip);

/* The first ack of this stage that was kept, or NULL. */
const struct fs_ack *fs_fork_find_ack(const struct fs_fork_result *r, const char *stage);

#endif
