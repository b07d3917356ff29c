/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the network is, as messages that make it so again: what the kernel dumped, without what
 * only describes the past. Cold.
 */
#ifndef FORKSCOPE_GUEST_NET_STATE_H
#define FORKSCOPE_GUEST_NET_STATE_H

#include "guest/net/net.h"

/*
 * Reads all kinds into @s; with @links, n->links too. Returns 0, -EAGAIN when it changed meanwhile,
 * or another negative errno.
 */
int guest_state_read(struct guest_net *n, struct guest_state *s, bool links);

/* Whether an IPv4 route is the kernel's own of an address in @addresses: it goes with it. */
bool guest_route_of_address(const struct nlmsghdr *route, const struct guest_store *addresses);

#endif
