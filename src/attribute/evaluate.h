/* SPDX-License-Identifier: BSD-2-Clause */
/* From the timelines of an ended window to its ledger. */
#ifndef FORKSCOPE_ATTR_EVALUATE_H
#define FORKSCOPE_ATTR_EVALUATE_H

#include "bpf/event.h"

struct at;

int at_on_exit_task(struct at *a, const struct fs_ev_exit_task *e);
/* Looks after the windows whose time has come; sets a->next_due. */
int at_vms_due(struct at *a);
int at_finish(struct at *a); /* the recording has ended */

#endif
