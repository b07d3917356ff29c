// SPDX-License-Identifier: BSD-2-Clause
#include "guest/net/net_state.h"
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/nexthop.h>
#include <net/if.h>
#include <stdlib.h>
#include "guest/common/fastpath.h"

#define RECEIVE     (64u << 10)
#define MESSAGE_MAX (16u << 10)
#define USER_HZ     100 /* of rta_expires, on all architectures that have this tracer */
#define FOREVER     0xffffffffu

/* Flags of addresses that are asked for; all others tell how the kernel is getting on. */
#define IPV4_FLAGS  (IFA_F_SECONDARY | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)
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

/* --- stores --------------------------------------------------------------------------------- */

static int grow(struct fsg_store *s, uint32_t needed)
{
	uint32_t room = s->room ? 2 * s->room : 4096;
	uint8_t *grown;

	while (room < needed)
		room *= 2;
	grown = realloc(s->grown ? s->buf : NULL, room);
	if (!grown)
		return -ENOMEM;
	if (!s->grown && s->len)
		memcpy(grown, s->buf, s->len);
	s->buf = grown;
	s->room = room;
	s->grown = true;
	return 0;
}

int fsg_store_add(struct fsg_store *s, const struct nlmsghdr *h)
{
	uint32_t size = NLMSG_ALIGN(h->nlmsg_len);

	if (s->len + size > s->room && grow(s, s->len + size))
		return -ENOMEM;
	memset(s->buf + s->len + size - NLMSG_ALIGNTO, 0, NLMSG_ALIGNTO);
	memcpy(s->buf + s->len, h, h->nlmsg_len);
	s->len += size;
	return 0;
}

static bool same(const struct nlmsghdr *a, const struct nlmsghdr *b)
{
	return a->nlmsg_type == b->nlmsg_type && a->nlmsg_seq == b->nlmsg_seq &&
	       !memcmp(NLMSG_DATA(a), NLMSG_DATA(b), a->nlmsg_seq - NLMSG_HDRLEN);
}

const struct nlmsghdr *fsg_store_find(const struct fsg_store *s, const struct nlmsghdr *h,
				      uint32_t *from)
{
	uint32_t at = *from < s->len ? *from : 0, first = at;
	struct nlmsghdr *m;

	if (!s->len)
		return NULL;
	do {
		m = fsg_message(s->buf, s->len, at);
		if (!m)
			return NULL;
		at += NLMSG_ALIGN(m->nlmsg_len);
		if (at >= s->len)
			at = 0;
		if (same(m, h)) {
			*from = at;
			return m;
		}
	} while (at != first);
	return NULL;
}

static uint32_t younger(uint32_t left, uint32_t seconds)
{
	if (left == FOREVER || left == 0)
		return left;
	return left > seconds ? left - seconds : 1;
}

void fsg_message_age(struct nlmsghdr *h, uint32_t seconds)
{
	struct rtattr *a = (struct rtattr *)(void *)((uint8_t *)h + h->nlmsg_seq);
	struct ifa_cacheinfo life;
	uint32_t left;

	if (h->nlmsg_seq == h->nlmsg_len)
		return;
	if (h->nlmsg_type == RTM_NEWADDR) {
		memcpy(&life, RTA_DATA(a), sizeof(life));
		life.ifa_prefered = younger(life.ifa_prefered, seconds);
		life.ifa_valid = younger(life.ifa_valid, seconds);
		memcpy(RTA_DATA(a), &life, sizeof(life));
	} else {
		memcpy(&left, RTA_DATA(a), sizeof(left));
		left = younger(left, seconds);
		memcpy(RTA_DATA(a), &left, sizeof(left));
	}
}

/* --- what is kept of a message -------------------------------------------------------------- */

static void copy_attrs(struct fsg_batch *b, const struct nlmsghdr *h, uint32_t body, uint64_t types)
{
	uint32_t at = NLMSG_HDRLEN + NLMSG_ALIGN(body);

	while (at + sizeof(struct rtattr) <= h->nlmsg_len) {
		const struct rtattr *a =
			(const struct rtattr *)(const void *)((const uint8_t *)h + at);
		uint32_t type = a->rta_type & NLA_TYPE_MASK;

		if (a->rta_len < sizeof(*a) || a->rta_len > h->nlmsg_len - at)
			return;
		if (type < 64 && types & BIT(type))
			fsg_attr(b, a->rta_type, RTA_DATA(a), (uint32_t)RTA_PAYLOAD(a));
		at += RTA_ALIGN(a->rta_len);
	}
}

static struct nlmsghdr *end_message(struct fsg_batch *b, uint32_t link, uint32_t counting)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)b->buf;

	if (b->full)
		return NULL; /* longer than any that the kernel sends */
	h->nlmsg_pid = link;
	h->nlmsg_seq = counting;
	return h;
}

static const struct nlmsghdr *clean_link(struct fsg_batch *b, const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = NLMSG_DATA(h);
	struct ifinfomsg body = {.ifi_index = i->ifi_index,
				 .ifi_flags = i->ifi_flags & IFF_UP,
				 .ifi_change = IFF_UP};

	fsg_begin(b, RTM_NEWLINK, 0, 0, &body, sizeof(body));
	return end_message(b, (uint32_t)i->ifi_index, b->len);
}

static const struct nlmsghdr *clean_address(struct fsg_batch *b, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *a = NLMSG_DATA(h);
	uint32_t flags = fsg_attr_get_u32(h, sizeof(*a), IFA_FLAGS, a->ifa_flags), counting;
	struct ifaddrmsg body = *a;

	if (a->ifa_family == AF_INET6 && flags & IFA_F_TEMPORARY)
		return NULL; /* the kernel makes them anew; nobody else can */
	flags &= a->ifa_family == AF_INET ? IPV4_FLAGS : IPV6_FLAGS;
	body.ifa_flags = (uint8_t)flags;
	fsg_begin(b, RTM_NEWADDR, 0, 0, &body, sizeof(body));
	copy_attrs(b, h, sizeof(body),
		   ~(BIT(IFA_FLAGS) | BIT(IFA_CACHEINFO) | BIT(IFA_TARGET_NETNSID)));
	fsg_attr_u32(b, IFA_FLAGS, flags);
	counting = b->len;
	copy_attrs(b, h, sizeof(body), BIT(IFA_CACHEINFO));
	return end_message(b, a->ifa_index, counting);
}

/* The parameters of a resilient group, without what is counted. */
static void copy_resilient(struct fsg_batch *b, const struct nlmsghdr *h)
{
	const struct rtattr *nest = fsg_find_attr(h, sizeof(struct nhmsg), NHA_RES_GROUP, 4), *a;
	uint8_t room[128];
	struct fsg_batch in = {.buf = room, .room = sizeof(room)};
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
			uint8_t *to = fsg_take(&in, a->rta_len);

			if (to)
				memcpy(to, a, a->rta_len);
		}
	}
	fsg_attr(b, NHA_RES_GROUP | NLA_F_NESTED, room, in.len);
}

static uint32_t nexthop_link(const struct nlmsghdr *h)
{
	if (fsg_find_attr(h, sizeof(struct nhmsg), NHA_GROUP, 0))
		return FSG_SEVERAL;
	return fsg_attr_get_u32(h, sizeof(struct nhmsg), NHA_OIF, 0);
}

static const struct nlmsghdr *clean_nexthop(struct fsg_batch *b, const struct nlmsghdr *h)
{
	const struct nhmsg *m = NLMSG_DATA(h);
	struct nhmsg body = {.nh_family = m->nh_family,
			     .nh_protocol = m->nh_protocol,
			     .nh_flags = m->nh_flags & RTNH_F_ONLINK};

	fsg_begin(b, RTM_NEWNEXTHOP, 0, 0, &body, sizeof(body));
	copy_attrs(b, h, sizeof(body), NEXTHOP_GIVEN);
	copy_resilient(b, h);
	return end_message(b, nexthop_link(h), b->len);
}

static uint32_t link_of_id(const struct fsg_state *s, uint32_t id)
{
	struct nlmsghdr *h;

	fsg_for_each (h, &s->kind[FSG_NET_NEXTHOP]) {
		if (fsg_attr_get_u32(h, sizeof(struct nhmsg), NHA_ID, 0) == id)
			return h->nlmsg_pid;
	}
	return 0;
}

/* The flags in the nexthops of a route: as in its header, only one is asked for. */
static void clean_multipath(struct nlmsghdr *h)
{
	const struct rtattr *a = fsg_find_attr(h, sizeof(struct rtmsg), RTA_MULTIPATH, 4);
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

static void keep_expiry(struct fsg_batch *b, const struct nlmsghdr *h)
{
	const struct rtattr *a =
		fsg_find_attr(h, sizeof(struct rtmsg), RTA_CACHEINFO, sizeof(struct rta_cacheinfo));
	struct rta_cacheinfo c;

	if (!a)
		return;
	memcpy(&c, RTA_DATA(a), sizeof(c));
	if (c.rta_expires > 0)
		fsg_attr_u32(b, RTA_EXPIRES, (uint32_t)c.rta_expires / USER_HZ + 1);
}

static const struct nlmsghdr *clean_route(struct fsg_batch *b, const struct nlmsghdr *h,
					  const struct fsg_state *s)
{
	const struct rtmsg *r = NLMSG_DATA(h);
	uint64_t types = ~(BIT(RTA_CACHEINFO) | BIT(RTA_EXPIRES));
	uint32_t id = fsg_attr_get_u32(h, sizeof(*r), RTA_NH_ID, 0), link, counting;
	struct rtmsg body = *r;

	/* what a router advertised comes by itself: a link that comes up asks for it */
	if (r->rtm_flags & RTM_F_CLONED || r->rtm_protocol == RTPROT_RA)
		return NULL;
	body.rtm_flags = id ? 0 : r->rtm_flags & RTNH_F_ONLINK;
	fsg_begin(b, RTM_NEWROUTE, 0, 0, &body, sizeof(body));
	copy_attrs(b, h, sizeof(body), id ? types & ~OF_NEXTHOP : types);
	counting = b->len;
	if (r->rtm_family == AF_INET6)
		keep_expiry(b, h);
	if (b->full)
		return NULL;
	clean_multipath((struct nlmsghdr *)(void *)b->buf);
	link = fsg_find_attr(h, sizeof(*r), RTA_MULTIPATH, 4)
		       ? FSG_SEVERAL
		       : fsg_attr_get_u32(h, sizeof(*r), RTA_OIF, 0);
	return end_message(b, id ? link_of_id(s, id) : link, counting);
}

/* --- reading -------------------------------------------------------------------------------- */

struct dump {
	struct fsg_state *state;
	struct fsg_net *net; /* its links too; or NULL */
	enum fsg_net_kind kind;
	uint8_t family;
	uint16_t type;
	uint32_t size; /* of the body */
};

static int take(const struct dump *d, struct nlmsghdr *h)
{
	static uint8_t room[MESSAGE_MAX];
	struct fsg_batch b = {.buf = room, .room = sizeof(room)};
	const struct nlmsghdr *clean = NULL;

	if (h->nlmsg_len < NLMSG_LENGTH(d->size) ||
	    (d->family && *(const uint8_t *)NLMSG_DATA(h) != d->family))
		return 0;
	switch (d->kind) {
	case FSG_NET_LINK:
		if (d->net)
			fsg_net_take_link(d->net, h);
		clean = clean_link(&b, h);
		break;
	case FSG_NET_ADDRESS:
		clean = clean_address(&b, h);
		break;
	case FSG_NET_NEXTHOP:
		clean = clean_nexthop(&b, h);
		break;
	case FSG_NET_ROUTE:
		clean = clean_route(&b, h, d->state);
		break;
	case FSG_NET_KINDS:
		break;
	}
	return clean ? fsg_store_add(&d->state->kind[d->kind], clean) : 0;
}

/* One dump. -EAGAIN: the kernel's tables changed while it was made, so it must be made again. */
static int dump_once(struct fsg_net *n, const struct dump *d)
{
	static uint8_t buf[RECEIVE];
	uint8_t body[sizeof(struct ifinfomsg)] = {d->family}, request[64];
	struct fsg_batch b = {.buf = request, .room = sizeof(request)};
	uint32_t seq = ++n->seq;
	bool torn = false;
	long len;

	fsg_begin(&b, d->type, NLM_F_DUMP, seq, body, d->size);
	if (hot_sendto(n->fd, request, b.len, 0, NULL, 0) != (long)b.len)
		return -EIO;
	for (;;) {
		struct nlmsghdr *h;

		len = hot_recv(n->fd, buf, sizeof(buf), 0);
		if (len == -EINTR)
			continue;
		if (len < 0)
			return (int)len;
		for (uint32_t at = 0; (h = fsg_message(buf, (uint32_t)len, at)) != NULL;
		     at += NLMSG_ALIGN(h->nlmsg_len)) {
			if (h->nlmsg_seq != seq)
				continue;
			torn |= (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (h->nlmsg_type == NLMSG_DONE)
				return torn ? -EAGAIN : 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(h))->error;
			if (take(d, h))
				return -ENOMEM;
		}
	}
}

int fsg_state_read(struct fsg_net *n, struct fsg_state *s, bool links)
{
	const struct dump dumps[] = {
		{s, links ? n : NULL, FSG_NET_LINK, AF_UNSPEC, RTM_GETLINK,
		 sizeof(struct ifinfomsg)},
		{s, NULL, FSG_NET_ADDRESS, AF_INET, RTM_GETADDR, sizeof(struct ifaddrmsg)},
		{s, NULL, FSG_NET_ADDRESS, AF_INET6, RTM_GETADDR, sizeof(struct ifaddrmsg)},
		{s, NULL, FSG_NET_NEXTHOP, AF_UNSPEC, RTM_GETNEXTHOP, sizeof(struct nhmsg)},
		{s, NULL, FSG_NET_ROUTE, AF_INET, RTM_GETROUTE, sizeof(struct rtmsg)},
		{s, NULL, FSG_NET_ROUTE, AF_INET6, RTM_GETROUTE, sizeof(struct rtmsg)},
	};
	int rc = 0;

	for (int k = 0; k < FSG_NET_KINDS; k++)
		s->kind[k].len = 0;
	s->read_ns = hot_now_ns();
	for (size_t i = 0; i < sizeof(dumps) / sizeof(dumps[0]) && !rc; i++) {
		rc = dump_once(n, &dumps[i]);
		if (rc == -EOPNOTSUPP && dumps[i].type != RTM_GETLINK)
			rc = 0; /* a kernel without IPv6, or without nexthop objects */
	}
	return rc;
}

/* --- routes and their addresses ------------------------------------------------------------- */

static bool is_subnet(const struct nlmsghdr *route, const struct nlmsghdr *address)
{
	const struct ifaddrmsg *a = NLMSG_DATA(address);
	const struct rtmsg *r = NLMSG_DATA(route);
	uint32_t mask = a->ifa_prefixlen ? ~0u << (32 - a->ifa_prefixlen) : 0;
	uint32_t net = __builtin_bswap32(fsg_attr_get_u32(address, sizeof(*a), IFA_ADDRESS, 0));

	return r->rtm_dst_len == a->ifa_prefixlen &&
	       __builtin_bswap32(fsg_attr_get_u32(route, sizeof(*r), RTA_DST, 0)) == (net & mask);
}

bool fsg_route_of_address(const struct nlmsghdr *route, const struct fsg_store *addresses)
{
	const struct rtmsg *r = NLMSG_DATA(route);
	uint32_t source = fsg_attr_get_u32(route, sizeof(*r), RTA_PREFSRC, 0);
	struct nlmsghdr *h;

	if (r->rtm_protocol != RTPROT_KERNEL || !source)
		return false;
	fsg_for_each (h, addresses) {
		const struct ifaddrmsg *a = NLMSG_DATA(h);

		if (a->ifa_family != AF_INET || h->nlmsg_pid != route->nlmsg_pid ||
		    fsg_attr_get_u32(h, sizeof(*a), IFA_LOCAL, 0) != source)
			continue;
		if (r->rtm_type == RTN_LOCAL || r->rtm_type == RTN_BROADCAST)
			return true;
		if (is_subnet(route, h) &&
		    !(fsg_attr_get_u32(h, sizeof(*a), IFA_FLAGS, 0) & IFA_F_NOPREFIXROUTE))
			return true;
	}
	return false;
}
