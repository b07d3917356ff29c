// SPDX-License-Identifier: BSD-2-Clause
/* Heads of the records that the recorder makes itself. */
#include "collect/bpf/own_records.h"

void fs_own_head(struct fs_own_records *o, struct fs_ev *h, enum fs_ev_kind kind, uint16_t len,
		 uint64_t ts)
{
	h->ts = ts;
	h->seq = o->seq++;
	h->kind = (uint16_t)kind;
	h->len = len;
	h->cpu = FS_OWN_CPU;
	o->events++;
}
