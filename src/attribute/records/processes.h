/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a thread. */
#ifndef FORKSCOPE_ATTR_PROCESSES_H
#define FORKSCOPE_ATTR_PROCESSES_H

#include "bpf/event.h"

struct at;
struct at_proc;

/* Its thread is gone; @p: the process of it. */
void at_thread_ended(struct at *a, const struct fs_ev_exit_task *e, const struct at_proc *p);

#endif
