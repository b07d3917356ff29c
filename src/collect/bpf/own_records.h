/* SPDX-License-Identifier: BSD-2-Clause */
/* Records that the recorder makes itself: marks, clocks, flushes, skipped runs of programs. */
#ifndef FORKSCOPE_OWN_RECORDS_H
#define FORKSCOPE_OWN_RECORDS_H

#include <stdint.h>
#include "bpf/event.h"

/* They are of no CPU, and have a sequence of their own. */
struct fs_own_records {
	uint32_t seq;
	uint64_t events;
};

#define FS_OWN_CPU 0xffff

/* Fills in the header but for tgid, tid and vm. */
void fs_own_head(struct fs_own_records *o, struct fs_ev *h, enum fs_ev_kind kind, uint16_t len,
		 uint64_t ts);

#endif
