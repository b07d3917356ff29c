/* SPDX-License-Identifier: BSD-2-Clause */
/* One record, in the order of (ts, cpu, seq). */
#ifndef FORKSCOPE_ATTR_FEED_H
#define FORKSCOPE_ATTR_FEED_H

#include "bpf/event.h"

struct at;

/* 0 or a negative errno, with a sentence in a->err or -ENOMEM. */
int at_feed(struct at *a, const struct fs_ev *ev);

#endif
