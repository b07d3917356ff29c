/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages of guest memory that a fork touched: kept if opts.keep_faults asks for it. */
#ifndef FORKSCOPE_ATTR_TOUCHES_H
#define FORKSCOPE_ATTR_TOUCHES_H

#include "attribute/state/objects.h"
#include "bpf/event.h"

int at_touch_exit(struct at *a, struct at_vm *vm, const struct at_exit *x);
/* An exit that is kept on no timeline: after the window's end. */
int at_touch_late(struct at *a, struct at_vm *vm, const struct fs_ev_vmexit *e);
int at_touch_mm(struct at *a, const struct at_proc *p, const struct at_mm *m);
/* Leaves the first touch of each page since the resume, in the order of pages. */
void at_touches_compact(struct at_vm *vm);

#endif
