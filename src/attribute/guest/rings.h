/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's rings into timelines. */
#ifndef FORKSCOPE_ATTR_RINGS_H
#define FORKSCOPE_ATTR_RINGS_H

#include "attribute/guest/timelines.h"

struct at;

/* The rings up to @until into timelines. 0 or -ENOMEM. */
int at_guest_build(struct at *a, struct at_guest *g, uint64_t until);
/*
 * The records of a ring in the order of their times, which is not that of their numbers. The caller
 * frees it; NULL without memory.
 */
const struct fsg_rec **at_guest_by_time(const struct fsr_guest_ring *r);

#endif
