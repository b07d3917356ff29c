// SPDX-License-Identifier: BSD-2-Clause
/* What of a dumped message is kept: what was asked for, not what the kernel counts or learns. Cold.
 */
#include "guest/net/net_clean.h"
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/nexthop.h>
#include <net/if.h>
#include "guest/common/fastpath.h"

#define USER_HZ    100 /* of rta_expires, on all architectures that have this tracer */

/* Flags of addresses that are asked for; all others are states of the kernel's work. */
#define IPV4_FLAGS (IFA_F_SECONDARY | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)
#define IPV6_FLAGS                                                                      \
	(IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | \
	 IFA_F_MCAUTOJOIN)

#define BIT(n) (1ull << (n))

/* What of a route stands in the nexthop object that it names. */
#define OF_NEXTHOP                                                                             \
	(BIT(RTA_OIF) | BIT(RTA_GATEWAY) | BIT(RTA_MULTIPATH) | BIT(RTA_VIA) | BIT(RTA_FLOW) | \
	 BIT(RTA_ENCAP) | BIT(RTA_ENCAP_TYPE))

/* Of a nexthop object: what may be given when it is made. */
#define NEXTHOP_GIVEN                                                                             \
	(BIT(NHA_ID) | BIT(NHA_GROUP) | BIT(NHA_GROUP_TYPE) | BIT(NHA_BLACKHOLE) | BIT(NHA_OIF) | \
	 BIT(NHA_GATEWAY) | BIT(NHA_ENCAP) | BIT(NHA_ENCAP_TYPE) | BIT(NHA_FDB))

static void copy_attrs(struct guest_batch *b, const struct nlmsghdr *h, uint32_t body,
		       uint64_t types)
{
	uint32_t at = NLMSG_HDRLEN + NLMSG_ALIGN(body);

	while (at + sizeof(struct rtattr) <= h->nlmsg_len) {
		const struct rtattr *a =
			(const struct rtattr *)(const void *)((const uint8_t *)h + at);
		uint32_t type = a->rta_type & NLA_TYPE_MASK;

		if (a->rta_len < sizeof(*a) || a->rta_len > h->nlmsg_len - at)
			return;
		if (type < 64 && types & BIT(type))
			guest_attr(b, a->rta_type, RTA_DATA(a), (uint32_t)RTA_PAYLOAD(a));
		at += RTA_ALIGN(a->rta_len);
	}
}

static struct nlmsghdr *end_message(struct guest_batch *b, uint32_t link, uint32_t counting)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)b->buf;

	if (b->full)
		return NULL; /* longer than any that the kernel sends */
	h->nlmsg_pid = link;
	h->nlmsg_seq = counting;
	return h;
}

const struct nlmsghdr *guest_clean_link(struct guest_batch *b, const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = NLMSG_DATA(h);
	struct ifinfomsg body = {.ifi_index = i->ifi_index,
				 .ifi_flags = i->ifi_flags & IFF_UP,
				 .ifi_change = IFF_UP};

	guest_begin(b, RTM_NEWLINK, 0, 0, &body, sizeof(body));
	return end_message(b, (uint32_t)i->ifi_index, b->len);
}

const struct nlmsghdr *guest_clean_address(struct guest_batch *b, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *a = NLMSG_DATA(h);
	uint32_t flags = guest_attr_get_u32(h, sizeof(*a), IFA_FLAGS, a->ifa_flags), counting;
	struct ifaddrmsg body = *a;

	if (a->ifa_family == AF_INET6 && flags & IFA_F_TEMPORARY)
		return NULL; /* the kernel makes them anew; nobody else can */
	flags &= a->ifa_family == AF_INET ? IPV4_FLAGS : IPV6_FLAGS;
	body.ifa_flags = (uint8_t)flags;
	guest_begin(b, RTM_NEWADDR, 0, 0, &body, sizeof(body));
	copy_attrs(b, h, sizeof(body),
		   ~(BIT(IFA_FLAGS) | BIT(IFA_CACHEINFO) | BIT(IFA_TARGET_NETNSID)));
	guest_attr_u32(b, IFA_FLAGS, flags);
	counting = b->len;
	copy_attrs(b, h, sizeof(body), BIT(IFA_CACHEINFO));
	return end_message(b, a->ifa_index, counting);
}

/* The parameters of a resilient group, without what is counted. */
static void copy_resilient(struct guest_batch *b, const struct nlmsghdr *h)
{
	const struct rtattr *nest = guest_find_attr(h, sizeof(struct nhmsg), NHA_RES_GROUP, 4), *a;
	uint8_t room[128];
	struct guest_batch in = {.buf = room, .room = sizeof(room)};
	uint32_t len, end;

	if (!nest)
		return;
	len = (uint32_t)RTA_PAYLOAD(nest);
	for (uint32_t at = 0; at + sizeof(*a) <= len; at = end) {
		a = (const struct rtattr *)(const void *)((const uint8_t *)RTA_DATA(nest) + at);
		end = at + RTA_ALIGN(a->rta_len);
		if (a->rta_len < sizeof(*a) || end > RTA_ALIGN(len))
			return;
		if ((a->rta_type & NLA_TYPE_MASK) <= NHA_RES_GROUP_UNBALANCED_TIMER) {
			uint8_t *to = guest_take(&in, a->rta_len);

			if (to)
				memcpy(to, a, a->rta_len);
		}
	}
	guest_attr(b, NHA_RES_GROUP | NLA_F_NESTED, room, in.len);
}

static uint32_t nexthop_link(const struct nlmsghdr *h)
{
	if (guest_find_attr(h, sizeof(struct nhmsg), NHA_GROUP, 0))
		return GUEST_SEVERAL;
	return guest_attr_get_u32(h, sizeof(struct nhmsg), NHA_OIF, 0);
}

const struct nlmsghdr *guest_clean_nexthop(struct guest_batch *b, const struct nlmsghdr *h)
{
	const struct nhmsg *m = NLMSG_DATA(h);
	struct nhmsg body = {.nh_family = m->nh_family,
			     .nh_protocol = m->nh_protocol,
			     .nh_flags = m->nh_flags & RTNH_F_ONLINK};

	guest_begin(b, RTM_NEWNEXTHOP, 0, 0, &body, sizeof(body));
	copy_attrs(b, h, sizeof(body), NEXTHOP_GIVEN);
	copy_resilient(b, h);
	return end_message(b, nexthop_link(h), b->len);
}

static uint32_t link_of_id(const struct guest_state *s, uint32_t id)
{
	struct nlmsghdr *h;

	guest_for_each (h, &s->kind[GUEST_NET_NEXTHOP]) {
		if (guest_attr_get_u32(h, sizeof(struct nhmsg), NHA_ID, 0) == id)
			return h->nlmsg_pid;
	}
	return 0;
}

/* The flags in the nexthops of a route: as in its header, only one is asked for. */
static void clean_multipath(struct nlmsghdr *h)
{
	const struct rtattr *a = guest_find_attr(h, sizeof(struct rtmsg), RTA_MULTIPATH, 4);
	struct rtnexthop *nh;
	uint32_t left;

	if (!a)
		return;
	left = (uint32_t)RTA_PAYLOAD(a);
	for (nh = RTA_DATA(a);
	     left >= sizeof(*nh) && nh->rtnh_len >= sizeof(*nh) && nh->rtnh_len <= left;
	     nh = (struct rtnexthop *)(void *)((uint8_t *)nh + RTA_ALIGN(nh->rtnh_len))) {
		nh->rtnh_flags &= RTNH_F_ONLINK;
		left -= left < RTA_ALIGN(nh->rtnh_len) ? left : RTA_ALIGN(nh->rtnh_len);
	}
}

static void keep_expiry(struct guest_batch *b, const struct nlmsghdr *h)
{
	const struct rtattr *a = guest_find_attr(h, sizeof(struct rtmsg), RTA_CACHEINFO,
						 sizeof(struct rta_cacheinfo));
	struct rta_cacheinfo c;

	if (!a)
		return;
	memcpy(&c, RTA_DATA(a), sizeof(c));
	if (c.rta_expires > 0)
		guest_attr_u32(b, RTA_EXPIRES, (uint32_t)c.rta_expires / USER_HZ + 1);
}

const struct nlmsghdr *guest_clean_route(struct guest_batch *b, const struct nlmsghdr *h,
					 const struct guest_state *s)
{
	const struct rtmsg *r = NLMSG_DATA(h);
	uint64_t types = ~(BIT(RTA_CACHEINFO) | BIT(RTA_EXPIRES));
	uint32_t id = guest_attr_get_u32(h, sizeof(*r), RTA_NH_ID, 0), link, counting;
	struct rtmsg body = *r;

	/* what a router advertised comes by itself: a link that comes up asks for it */
	if (r->rtm_flags & RTM_F_CLONED || r->rtm_protocol == RTPROT_RA)
		return NULL;
	body.rtm_flags = id ? 0 : r->rtm_flags & RTNH_F_ONLINK;
	guest_begin(b, RTM_NEWROUTE, 0, 0, &body, sizeof(body));
	copy_attrs(b, h, sizeof(body), id ? types & ~OF_NEXTHOP : types);
	counting = b->len;
	if (r->rtm_family == AF_INET6)
		keep_expiry(b, h);
	if (b->full)
		return NULL;
	clean_multipath((struct nlmsghdr *)(void *)b->buf);
	link = guest_find_attr(h, sizeof(*r), RTA_MULTIPATH, 4)
		       ? GUEST_SEVERAL
		       : guest_attr_get_u32(h, sizeof(*r), RTA_OIF, 0);
	return end_message(b, id ? link_of_id(s, id) : link, counting);
}
