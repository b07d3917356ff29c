// SPDX-License-Identifier: BSD-2-Clause
/* Records that were lost, by the holes in the sequences of the CPUs. */
#include "attribute/records/losses.h"
#include <errno.h>

#define MAX_HOLES 65536

/*
 * A jump in a CPU's sequence is a loss between its previous record and this one. A record whose
 * time was taken just before an interrupt may come after those of the interrupt: it fills the hole
 * that it seemed to leave.
 */
int at_watch_losses(struct at *a, const struct fs_ev *ev)
{
	struct at_cpu *c = &a->cpus[ev->cpu];
	int32_t d = (int32_t)(ev->seq - c->max_seq);

	if (d != 1 && c->seen) {
		if (d <= 0) {
			if (c->hole && a->holes.v[c->hole - 1].missing)
				a->holes.v[c->hole - 1].missing--;
			return 0;
		}
		if (a->holes.n >= MAX_HOLES) {
			if (c->hole)
				a->holes.v[c->hole - 1].t1 = ev->ts;
		} else {
			if (fs_vec_push(&a->holes, (struct at_hole){.t0 = c->last_ts,
								    .t1 = ev->ts,
								    .cpu = ev->cpu,
								    .missing = (uint32_t)d - 1}))
				return -ENOMEM;
			c->hole = a->holes.n;
		}
	}
	c->seen = true;
	c->max_seq = ev->seq;
	c->last_ts = ev->ts;
	return 0;
}

const struct at_hole *at_hole_in(const struct at *a, uint32_t cpu, uint64_t t0, uint64_t t1)
{
	for (size_t i = a->holes.n; i-- > 0;) {
		const struct at_hole *h = &a->holes.v[i];

		if (h->missing && h->cpu == cpu && h->t0 < t1 && h->t1 > t0)
			return h;
	}
	return NULL;
}
