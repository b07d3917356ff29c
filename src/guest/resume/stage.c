// SPDX-License-Identifier: BSD-2-Clause
/* Writing into the ring: hot. Opening is in stage_open.c. */
#include "guest/resume/stage.h"
#include "guest/common/fastpath.h"

/* As the BPF programs write (bpf/guest/ring.bpf.h); there is one writer at a time. */
void guest_stage_at(struct guest_ring *r, uint64_t ns, enum fsg_stage stage, uint64_t a)
{
	volatile struct fsg_rec *rec;
	uint64_t n;

	if (!r->head)
		return;
	n = r->head->head;
	rec = &r->rec[n & r->mask];
	r->head->head = n + 1;
	rec->seq = 0;
	rec->ts = ns;
	rec->kind = FSG_K_STAGE;
	rec->flags = 0;
	rec->tid = r->tid;
	rec->x = stage;
	rec->a = a;
	__asm__ volatile("" : : : "memory");
	rec->seq = (uint32_t)n + 1;
}

void guest_stage(struct guest_ring *r, enum fsg_stage stage, uint64_t a)
{
	if (r->head)
		guest_stage_at(r, hot_now_ns(), stage, a);
}
