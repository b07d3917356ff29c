/* SPDX-License-Identifier: BSD-2-Clause */
/* Between guest_chain.c (who told whom) and guest_links.c (the stages that follow from it). */
#ifndef FORKSCOPE_ATTR_GUEST_CHAIN_H
#define FORKSCOPE_ATTR_GUEST_CHAIN_H

#include "attribute/guest.h"

/* The wake-up by which the signal reached the agent, at @until or before; NULL = none seen. */
const struct at_gwake *at_guest_notice(const struct at_guest *g, uint64_t until);
/* Whether that wake-up was sent by the signal's own handler, as far as those are recorded. */
/*
 * A reader of the kernel's log that was awake when the line of the fork was written needed no
 * wake-up: the line itself is what told it. True, with that in *out.
 */
bool at_guest_read_awake(const struct at_guest *g, uint64_t until, struct at_gwake *out);
bool at_guest_is_notice(const struct at_guest *g, const struct at_gwake *w);
/*
 * Marks what is on the way to @w. *irq: + 1 of the interrupt frame that it began with, 0 = not
 * found. Returns 0 or -ENOMEM.
 */
int at_guest_walk_back(struct at_guest *g, const struct at_gwake *w, uint32_t *irq);

/*
 * From the interrupt @c->frame to what raised it inside the guest: true, and @c, @t are there;
 * false if it came from outside, or that is not known.
 */
bool at_guest_from_frame(const struct at_guest *g, struct at_gctx *c, uint64_t *t);

#endif
