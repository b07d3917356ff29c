/* SPDX-License-Identifier: BSD-2-Clause */
/* What comes after the windows of a process. */
#ifndef FORKSCOPE_ATTR_RETIRE_H
#define FORKSCOPE_ATTR_RETIRE_H

struct at;
struct at_proc;

/* Gives the forks of @p what came after their windows, and frees @p. */
void at_proc_retire(struct at *a, struct at_proc *p);

#endif
