/* SPDX-License-Identifier: BSD-2-Clause */
/* Are we in the first PID namespace, in which all processes have a number? */
#ifndef FORKSCOPE_PIDNS_H
#define FORKSCOPE_PIDNS_H

/* 1: we are; 0: in another one; a negative errno: it cannot be known. @proc is "/proc" but in
 * tests. */
int fs_pidns_is_first(const char *proc);

#endif
