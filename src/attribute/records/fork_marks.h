/* SPDX-License-Identifier: BSD-2-Clause */
/* Marks by which an experiment says what it did. */
#ifndef FORKSCOPE_ATTR_FORK_MARKS_H
#define FORKSCOPE_ATTR_FORK_MARKS_H

#include "bpf/event.h"

struct at;

int at_on_fork_mark(struct at *a, const struct fs_ev_mark *e);

#endif
