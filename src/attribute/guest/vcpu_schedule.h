/* SPDX-License-Identifier: BSD-2-Clause */
/* On which vCPU the path was, by the guest's own wake-ups. */
#ifndef FORKSCOPE_ATTR_VCPU_SCHEDULE_H
#define FORKSCOPE_ATTR_VCPU_SCHEDULE_H

#include "attribute/guest/timelines.h"

/* Makes g->schedule, from @end back to @start. 0 or -ENOMEM. */
int at_guest_schedule(struct at_guest *g, uint64_t start, uint64_t end);

#endif
