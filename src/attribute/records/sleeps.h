/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads off their CPUs. */
#ifndef FORKSCOPE_ATTR_SLEEPS_H
#define FORKSCOPE_ATTR_SLEEPS_H

#include "attribute/state/timeline.h"

struct at;

/* Onto the timeline of @t, as far as it is kept. 0 or -ENOMEM. */
int at_add_off(struct at *a, struct at_thr *t, struct at_off *o);

#endif
