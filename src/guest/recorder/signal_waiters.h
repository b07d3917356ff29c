/* SPDX-License-Identifier: BSD-2-Clause */
/* Who waits for a resume signal: the table of the directory (the programs write it as well). */
#ifndef FORKSCOPE_GUEST_WATCHERS_H
#define FORKSCOPE_GUEST_WATCHERS_H

#include <stdbool.h>
#include <stdint.h>
#include "bpf/guest_ring.h"

/*
 * Enters thread @tid of process @tgid: over an entry of that process, else into a free one, else
 * into the last. Returns the entry.
 */
struct fsg_watcher *guest_waiter_enter(struct fsg_dir *d, uint32_t tgid, uint32_t tid,
				       enum fsg_step how, bool own);

/*
 * Enters those that wait already, from before the programs were there: who has /dev/vmclock0
 * mapped or open (taken as one that polls), or /dev/kmsg open for reading.
 */
void guest_waiters_find(struct fsg_dir *d);

#endif
