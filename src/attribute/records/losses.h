/* SPDX-License-Identifier: BSD-2-Clause */
/* Records that were lost, by the holes in the sequences of the CPUs. */
#ifndef FORKSCOPE_ATTR_LOSSES_H
#define FORKSCOPE_ATTR_LOSSES_H

#include "attribute/state/at.h"

/* Notes a hole in the sequence of the record's CPU. 0 or -ENOMEM. */
int at_watch_losses(struct at *a, const struct fs_ev *ev);
/* The last stretch of [t0, t1) in which records of @cpu were lost, or NULL. */
const struct at_hole *at_hole_in(const struct at *a, uint32_t cpu, uint64_t t0, uint64_t t1);

#endif
