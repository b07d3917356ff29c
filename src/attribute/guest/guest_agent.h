/* SPDX-License-Identifier: BSD-2-Clause */
/* Who waits for the resume signal, and what it did. */
#ifndef FORKSCOPE_ATTR_GUEST_AGENT_H
#define FORKSCOPE_ATTR_GUEST_AGENT_H

#include "attribute/guest/timelines.h"

struct at;

/* Who waits for the signal; marks its tasks. False: not known. */
bool at_guest_agent(struct at *a, const struct at_vm *vm, struct at_guest *g);
/* When the agent had decoded the mailbox, by its own stages; 0 = not seen. */
uint64_t at_guest_decoded(const struct at_guest *g, uint64_t until);
/*
 * When the agent sent the first ack `mailbox` that left the VM; 0 = not seen. The guest's records
 * hold no payload: it is the last datagram like it before it left.
 */
uint64_t at_guest_mailbox_sent(const struct at_vm *vm, const struct at_guest *g);
/* The agent's first rtnetlink call at @from or later; 0 = none. */
uint64_t at_guest_netlink(const struct at_guest *g, uint64_t from);

#endif
