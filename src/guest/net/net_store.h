/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stores of messages that make the network as it was (net_state.h). Cold.
 *
 * Of a kept message's header, nlmsg_pid is the link that it is about (0 none, GUEST_SEVERAL), and
 * nlmsg_seq how many of its bytes identify it: lifetimes stand behind them.
 */
#ifndef FORKSCOPE_GUEST_NET_STORE_H
#define FORKSCOPE_GUEST_NET_STORE_H

#include "guest/net/net.h"

#define GUEST_SEVERAL 0xffffffffu

/* Appends a message. Returns 0 or -ENOMEM. */
int guest_store_add(struct guest_store *s, const struct nlmsghdr *h);

/* The message of @s that makes the same thing as @h, or NULL; *@from is where to begin, and is
 * moved on: dumps have the same order. */
const struct nlmsghdr *guest_store_find(const struct guest_store *s, const struct nlmsghdr *h,
					uint32_t *from);

/* Takes @seconds from the lifetimes of a kept message; one does not fall below a second. */
void guest_message_age(struct nlmsghdr *h, uint32_t seconds);

#endif
