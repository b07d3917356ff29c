// SPDX-License-Identifier: BSD-2-Clause
/*
 * Changing the network, in two or three messages: none has what must not happen when something
 * before it failed. The new address comes before the old ones go: a link without one loses all its
 * routes. What failed is undone, and what the kernel flushed otherwise is put back, in
 * net_restore.c.
 */
#include "guest/net/net.h"
#include <linux/if_addr.h>
#include <net/if.h>
#include "guest/common/fastpath.h"
#include "guest/net/net_change.h"

/* --- requests ------------------------------------------------------------------------------- */

static void address_step(const struct guest_change *c, uint16_t type, uint8_t prefix,
			 uint32_t flags)
{
	struct ifaddrmsg body = {.ifa_family = AF_INET,
				 .ifa_prefixlen = prefix,
				 .ifa_index = (uint32_t)c->link.index};
	uint32_t ip = __builtin_bswap32(c->p->ip);
	bool add = type == RTM_NEWADDR;

	guest_step(c->net, "address", add ? GUEST_MUST : GUEST_IF_THERE, type,
		   add ? NLM_F_CREATE | NLM_F_REPLACE : 0, &body, sizeof(body));
	guest_attr_u32(&guest_work.batch, IFA_LOCAL, ip);
	guest_attr_u32(&guest_work.batch, IFA_ADDRESS, ip);
	if (flags)
		guest_attr_u32(&guest_work.batch, IFA_FLAGS, flags);
	if (!add || prefix != c->p->prefix)
		return;
	if (prefix < 31)
		guest_attr_u32(&guest_work.batch, IFA_BROADCAST,
			       __builtin_bswap32(c->p->ip | ~guest_network_mask(prefix)));
	if (c->metric)
		guest_attr_u32(&guest_work.batch, IFA_RT_PRIORITY, c->metric);
}

static void new_address(const struct guest_change *c)
{
	address_step(c, RTM_NEWADDR, c->p->prefix, c->inherit ? IFA_F_NOPREFIXROUTE : 0);
}

/* --- what is there -------------------------------------------------------------------------- */

static uint32_t address_flags(const struct nlmsghdr *h)
{
	return guest_attr_get_u32(h, sizeof(struct ifaddrmsg), IFA_FLAGS, 0);
}

/* Whether the new address with @prefix would be in one network with @h: then it would be its
 * secondary, which goes when the primary goes. */
static bool in_network_of(const struct guest_change *c, const struct nlmsghdr *h, uint8_t prefix)
{
	const struct ifaddrmsg *a = NLMSG_DATA(h);
	uint32_t other = guest_attr_get_u32(h, sizeof(*a), IFA_ADDRESS, 0);

	return a->ifa_prefixlen == prefix &&
	       !((__builtin_bswap32(other) ^ c->p->ip) & guest_network_mask(prefix));
}

static bool is_new_address(const struct guest_change *c, const struct nlmsghdr *h)
{
	uint32_t ip = __builtin_bswap32(c->p->ip);

	return in_network_of(c, h, c->p->prefix) && guest_local_of(h) == ip &&
	       guest_attr_get_u32(h, sizeof(struct ifaddrmsg), IFA_ADDRESS, 0) == ip;
}

static void choose_stand_in(struct guest_change *c)
{
	struct nlmsghdr *h;
	bool taken;

	c->stand_in = 33;
	do {
		taken = --c->stand_in == c->p->prefix;
		guest_for_each (h, &c->net->addresses)
			if (guest_on_link(c, h))
				taken |= in_network_of(c, h, c->stand_in);
	} while (taken && c->stand_in > 1);
}

static void look_at_addresses(struct guest_change *c)
{
	bool first = true, without_route = false, meet = false;
	struct nlmsghdr *h;

	guest_for_each (h, &c->net->addresses) {
		bool near = in_network_of(c, h, c->p->prefix);

		if (!guest_on_link(c, h))
			continue;
		meet |= near;
		if (first || near)
			c->metric =
				guest_attr_get_u32(h, sizeof(struct ifaddrmsg), IFA_RT_PRIORITY, 0);
		without_route |= near && address_flags(h) & IFA_F_NOPREFIXROUTE;
		c->keep_address |= is_new_address(c, h) && !(address_flags(h) & IFA_F_SECONDARY);
		first = false;
	}
	if (meet && !c->keep_address)
		choose_stand_in(c);
	guest_for_each (h, &c->net->routes)
		if (without_route && guest_is_prefix_route(c, h))
			c->inherit = true;
}

static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t n)
{
	return memcmp(a, b, n) == 0;
}

/* --- the change ----------------------------------------------------------------------------- */

/* Routes whose source is an address that goes would go with it: they get the new one. */
static void move_routes(const struct guest_change *c)
{
	struct nlmsghdr *h, *moved;

	guest_for_each (h, &c->net->routes) {
		const struct rtmsg *r = NLMSG_DATA(h);
		const struct rtattr *source = guest_find_attr(h, sizeof(*r), RTA_PREFSRC, 4);
		uint32_t address;

		if (!source || guest_default_goes(c, h))
			continue;
		memcpy(&address, RTA_DATA(source), 4);
		if (!guest_address_goes(c, address) ||
		    (r->rtm_protocol == RTPROT_KERNEL && guest_on_link(c, h) &&
		     !(c->inherit && guest_is_prefix_route(c, h))))
			continue;
		(void)guest_step_message(c->net, h, "route", GUEST_IF_THERE, RTM_DELROUTE, 0);
		moved = guest_step_message(c->net, h, "route", GUEST_PUT_BACK, RTM_NEWROUTE,
					   NLM_F_CREATE | NLM_F_APPEND);
		if (moved) {
			uint32_t ip = __builtin_bswap32(c->p->ip);

			source = guest_find_attr(moved, sizeof(*r), RTA_PREFSRC, 4);
			memcpy(RTA_DATA(source), &ip, 4);
		}
	}
}

/* What only adds: if it fails, the old addresses have not gone, and no route with them. */
static void plan_arrival(struct guest_change *c, bool down_first)
{
	if (down_first)
		guest_step_link(c, "mac", 0, IFF_UP, NULL);
	if (c->change_mac) {
		guest_step_link(c, "mac", 0, 0, c->p->mac);
		guest_last_step()->done = &c->mac_changed;
	}
	if (c->stand_in)
		address_step(c, RTM_NEWADDR, c->stand_in, IFA_F_NOPREFIXROUTE);
	else if (!c->keep_address)
		new_address(c);
}

static void plan_departure(const struct guest_change *c)
{
	struct nlmsghdr *h;

	move_routes(c);
	guest_for_each (h, &c->net->addresses) {
		if (guest_on_link(c, h) && !(is_new_address(c, h) && !c->stand_in))
			(void)guest_step_message(c->net, h, "address", GUEST_IF_THERE, RTM_DELADDR,
						 0);
	}
	if (c->stand_in)
		new_address(c);
}

/* The new default route, with the metrics (MTU and the like) of the one that it replaces. */
static void plan_default_route(const struct guest_change *c)
{
	struct rtmsg body = {.rtm_family = AF_INET,
			     .rtm_table = RT_TABLE_MAIN,
			     .rtm_protocol = RTPROT_BOOT,
			     .rtm_type = RTN_UNICAST};
	const struct rtattr *metrics = NULL;
	struct nlmsghdr *h;

	/* those of another metric would stay in addition to the new one */
	guest_for_each (h, &c->net->routes) {
		if (!guest_default_goes(c, h))
			continue;
		if (!metrics)
			metrics = guest_find_attr(h, sizeof(body), RTA_METRICS, 4);
		(void)guest_step_message(c->net, h, "route", GUEST_IF_THERE, RTM_DELROUTE, 0);
	}
	/* a gateway outside of the network is reached on the link all the same */
	if ((c->p->ip ^ c->p->gateway) & guest_network_mask(c->p->prefix))
		body.rtm_flags = RTNH_F_ONLINK;
	guest_step(c->net, "route", GUEST_MUST, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &body,
		   sizeof(body));
	guest_attr_u32(&guest_work.batch, RTA_GATEWAY, __builtin_bswap32(c->p->gateway));
	guest_attr_u32(&guest_work.batch, RTA_OIF, (uint32_t)c->link.index);
	if (metrics)
		guest_attr(&guest_work.batch, RTA_METRICS, RTA_DATA(metrics),
			   (uint32_t)RTA_PAYLOAD(metrics));
}

/* The rest, once the new address is the only one. */
static void plan_rest(struct guest_change *c, bool down_first)
{
	if (down_first || !(c->link.flags & IFF_UP))
		guest_step_link(c, "up", IFF_UP, IFF_UP, NULL);
	plan_default_route(c);
	if (c->change_mac && !down_first)
		guest_neighbours_put_back(c, false);
}

static int make_change(struct guest_change *c, bool down_first, struct guest_outcome *o)
{
	guest_work.lost = 0;
	guest_batch_begin();
	plan_arrival(c, down_first);
	if (guest_batch_send(c->net, &o->step))
		return guest_work.error;
	plan_departure(c);
	if (c->stand_in) {
		if (guest_batch_send(c->net, &o->step))
			return guest_work.error;
		address_step(c, RTM_DELADDR, c->stand_in, 0);
	}
	plan_rest(c, down_first);
	return guest_batch_send(c->net, &o->step);
}

static bool find_link(struct guest_change *c, const char *name)
{
	struct guest_link *l;

	guest_net_drain(c->net);
	if (!c->net->fresh && guest_net_refresh(c->net))
		return false;
	l = guest_net_link(c->net, name);
	if (!l)
		l = guest_net_ask_link(c->net, name, guest_work.received,
				       sizeof(guest_work.received));
	if (l)
		c->link = *l;
	return l != NULL;
}

/* What was counted as lost, unless a restoration has counted again. */
static void count_lost(const struct guest_change *c, struct guest_outcome *o)
{
	o->lost = guest_work.lost + c->no_room;
	o->lost_what = guest_work.lost ? guest_work.lost_what : "neighbour";
	o->lost_error = guest_work.lost ? guest_work.lost_error : c->no_room ? -ENOBUFS : 0;
}

void guest_net_apply(struct guest_net *n, const struct fs_payload *p, struct guest_outcome *o)
{
	struct guest_change c = {
		.net = n,
		.p = p,
		.neighbours = {.buf = guest_work.received, .room = GUEST_KEPT_BYTES}};
	bool down_first = false;

	*o = (struct guest_outcome){.step = "state"};
	if (!find_link(&c, p->interface)) {
		o->error = n->fresh ? -ENODEV : -EIO;
		o->step = n->fresh ? "interface" : "state";
		o->undone = true; /* nothing was done */
		return;
	}
	c.change_mac = !c.link.mac_len || !same_bytes(c.link.mac, p->mac, 6);
	look_at_addresses(&c);
	if (c.change_mac) /* if that fails, the network matters more */
		o->flush_error = guest_neighbours_read(&c);
	n->fresh = false; /* from here on it is not what was read */
	o->error = make_change(&c, false, o);
	if (o->error == -EBUSY && c.change_mac && (c.link.flags & IFF_UP)) {
		/* a device that takes no new MAC while it is up: down, and all again */
		down_first = true;
		if (!o->flush_error)
			o->flush_error = guest_neighbours_read_proxies(&c);
		o->error = make_change(&c, true, o);
	}
	if (o->error) {
		guest_change_undo(&c, down_first, o);
		return;
	}
	if (down_first)
		guest_change_put_back(&c, o);
	else
		count_lost(&c, o);
	if (!c.change_mac)
		o->flush_error = guest_neighbours_flush(&c);
}
