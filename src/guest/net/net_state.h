/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the network is, as messages that make it so again: what the kernel dumped, without what
 * only tells of the past. Cold.
 *
 * Of a kept message's header, nlmsg_pid is the link that it is about (0 none, FSG_SEVERAL), and
 * nlmsg_seq how many of its bytes tell it from others: lifetimes stand behind them.
 */
#ifndef FORKSCOPE_GUEST_NET_STATE_H
#define FORKSCOPE_GUEST_NET_STATE_H

#include "guest/net/net.h"

#define FSG_SEVERAL 0xffffffffu

/*
 * Reads all kinds into @s; with @links, n->links too. Returns 0, -EAGAIN when it changed meanwhile,
 * or another negative errno.
 */
int fsg_state_read(struct fsg_net *n, struct fsg_state *s, bool links);

/* Appends a message. Returns 0 or -ENOMEM. */
int fsg_store_add(struct fsg_store *s, const struct nlmsghdr *h);

/* The message of @s that makes the same thing as @h, or NULL; *@from is where to begin, and is
 * moved on: dumps have the same order. */
const struct nlmsghdr *fsg_store_find(const struct fsg_store *s, const struct nlmsghdr *h,
				      uint32_t *from);

/* Takes @seconds from the lifetimes of a kept message; one does not fall below a second. */
void fsg_message_age(struct nlmsghdr *h, uint32_t seconds);

/* Whether an IPv4 route is the kernel's own of an address in @addresses: it goes with it. */
bool fsg_route_of_address(const struct nlmsghdr *route, const struct fsg_store *addresses);

#endif
