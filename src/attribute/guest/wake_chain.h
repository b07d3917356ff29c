/* SPDX-License-Identifier: BSD-2-Clause */
/* Who woke the agent, who had made that one run, and so on: what signal_path.c makes stages of. */
#ifndef FORKSCOPE_ATTR_GUEST_CHAIN_H
#define FORKSCOPE_ATTR_GUEST_CHAIN_H

#include "attribute/guest/timelines.h"

/* --- wakers.c --- */
struct at_notice {                   /* the wake-up by which the signal reached the agent */
	const struct at_gwake *wake; /* NULL: not known */
	struct at_gwake line;        /* room for *wake, if no wake-up was needed */
	/*
	 * The agent knew of the signal at this moment: what it asks of the network from here on may
	 * be its work on it. UINT64_MAX: such a moment is not known.
	 */
	uint64_t from;
	const char *why; /* not known: why; a constant */
};
/*
 * Finds it, at @until or before. A reader of the kernel's log that was awake when the line of the
 * fork was written needed no wake-up: the line itself is the notification.
 */
void at_guest_notice(const struct at_guest *g, uint64_t until, struct at_notice *n);
/* Whether that wake-up was sent by the signal's own handler, as far as those are recorded. */
bool at_guest_is_notice(const struct at_guest *g, const struct at_gwake *w);
/* The kernel's line of the fork, as it was written into the log at or before @t, or NULL. */
const struct at_gspan *at_guest_fork_line(const struct at_guest *g, uint64_t t);

/* --- wake_chain.c --- */
/*
 * Marks what is on the path to @w. *irq: + 1 of the interrupt frame that it began with, 0 = not
 * found. Returns 0 or -ENOMEM.
 */
int at_guest_walk_back(struct at_guest *g, const struct at_gwake *w, uint32_t *irq);

/*
 * From the interrupt @c->frame to what raised it inside the guest: true, and @c, @t are there;
 * false if it came from outside, or that is not known.
 */
bool at_guest_from_frame(const struct at_guest *g, struct at_gctx *c, uint64_t *t);

#endif
