/* SPDX-License-Identifier: BSD-2-Clause */
/* The stages of the signal path. */
#ifndef FORKSCOPE_ATTR_SIGNAL_PATH_H
#define FORKSCOPE_ATTR_SIGNAL_PATH_H

#include "attribute/guest/timelines.h"

struct at;

/* Fills g->path_stages and marks what is on the signal path. 0 or -ENOMEM. */
int at_guest_signal_path(struct at *a, const struct at_vm *vm, struct at_guest *g);

#endif
