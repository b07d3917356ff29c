/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is kept of a dumped message @h, as a message in @b that makes the same again; NULL = nothing
 * is: it comes by itself, or is longer than any that the kernel sends.
 */
#ifndef FORKSCOPE_GUEST_NET_CLEAN_H
#define FORKSCOPE_GUEST_NET_CLEAN_H

#include "guest/net/net_store.h"

const struct nlmsghdr *guest_clean_link(struct guest_batch *b, const struct nlmsghdr *h);
const struct nlmsghdr *guest_clean_address(struct guest_batch *b, const struct nlmsghdr *h);
const struct nlmsghdr *guest_clean_nexthop(struct guest_batch *b, const struct nlmsghdr *h);

/* @s: the nexthop objects that it may name, read before. */
const struct nlmsghdr *guest_clean_route(struct guest_batch *b, const struct nlmsghdr *h,
					 const struct guest_state *s);

#endif
