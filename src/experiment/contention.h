/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Did the forks of a recording compete for the host's CPUs? Told by what was recorded: sched.delay,
 * the time in which the thread on a fork's path was runnable and not on a CPU, and how many VMs
 * were in their windows at the same moment.
 */
#ifndef FORKSCOPE_CONTENTION_H
#define FORKSCOPE_CONTENTION_H

#include "attribute/model/model.h"

#define FSX_CONTENDED                                                                          \
	0.05             /* share of all windows that is sched.delay, from which it is flagged \
			  */
#define FSX_P95_NEEDS 20 /* forks */

struct fsx_contention {
	uint64_t cpus;        /* of the host; UINT64_MAX: not recorded */
	size_t forks_at_once; /* the most whose windows overlapped */
	uint64_t vcpus_at_once;
	size_t n;                     /* complete forks, which the rest describes */
	uint64_t delay_ns, window_ns; /* sums */
	double share;                 /* of the sums; 0 without forks */
	double p50, p95;              /* of the forks' own shares; NaN: none, p95 below 20 forks */
	bool contended;               /* share >= FSX_CONTENDED */
};

/* 0 or -ENOMEM. */
int fsx_contention_make(const struct fsa_result *res, uint64_t cpus, struct fsx_contention *c);

#endif
