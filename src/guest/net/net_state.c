// SPDX-License-Identifier: BSD-2-Clause
/* Reading the network by dumps of the kernel. Cold. */
#include "guest/net/net_state.h"
#include <linux/nexthop.h>
#include "guest/common/fastpath.h"
#include "guest/net/net_clean.h"
#include "guest/net/net_store.h"

#define RECEIVE     (64u << 10)
#define MESSAGE_MAX (16u << 10)

struct dump {
	struct guest_state *state;
	struct guest_net *net; /* its links too; or NULL */
	enum guest_net_kind kind;
	uint8_t family;
	uint16_t type;
	uint32_t size; /* of the body */
};

static int take(const struct dump *d, struct nlmsghdr *h)
{
	static uint8_t room[MESSAGE_MAX];
	struct guest_batch b = {.buf = room, .room = sizeof(room)};
	const struct nlmsghdr *clean = NULL;

	if (h->nlmsg_len < NLMSG_LENGTH(d->size) ||
	    (d->family && *(const uint8_t *)NLMSG_DATA(h) != d->family))
		return 0;
	switch (d->kind) {
	case GUEST_NET_LINK:
		if (d->net)
			guest_net_take_link(d->net, h);
		clean = guest_clean_link(&b, h);
		break;
	case GUEST_NET_ADDRESS:
		clean = guest_clean_address(&b, h);
		break;
	case GUEST_NET_NEXTHOP:
		clean = guest_clean_nexthop(&b, h);
		break;
	case GUEST_NET_ROUTE:
		clean = guest_clean_route(&b, h, d->state);
		break;
	case GUEST_NET_KINDS:
		break;
	}
	return clean ? guest_store_add(&d->state->kind[d->kind], clean) : 0;
}

/* One dump. -EAGAIN: the kernel's tables changed while it was made, so it must be made again. */
static int dump_once(struct guest_net *n, const struct dump *d)
{
	static uint8_t buf[RECEIVE];
	uint8_t body[sizeof(struct ifinfomsg)] = {d->family}, request[64];
	struct guest_batch b = {.buf = request, .room = sizeof(request)};
	uint32_t seq = ++n->seq;
	bool interrupted = false;
	long len;

	guest_begin(&b, d->type, NLM_F_DUMP, seq, body, d->size);
	if (hot_sendto(n->fd, request, b.len, 0, NULL, 0) != (long)b.len)
		return -EIO;
	for (;;) {
		struct nlmsghdr *h;

		len = hot_recv(n->fd, buf, sizeof(buf), 0);
		if (len == -EINTR)
			continue;
		if (len < 0)
			return (int)len;
		for (uint32_t at = 0; (h = guest_message(buf, (uint32_t)len, at)) != NULL;
		     at += NLMSG_ALIGN(h->nlmsg_len)) {
			if (h->nlmsg_seq != seq)
				continue;
			interrupted |= (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (h->nlmsg_type == NLMSG_DONE)
				return interrupted ? -EAGAIN : 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(h))->error;
			if (take(d, h))
				return -ENOMEM;
		}
	}
}

int guest_state_read(struct guest_net *n, struct guest_state *s, bool links)
{
	const struct dump dumps[] = {
		{s, links ? n : NULL, GUEST_NET_LINK, AF_UNSPEC, RTM_GETLINK,
		 sizeof(struct ifinfomsg)},
		{s, NULL, GUEST_NET_ADDRESS, AF_INET, RTM_GETADDR, sizeof(struct ifaddrmsg)},
		{s, NULL, GUEST_NET_ADDRESS, AF_INET6, RTM_GETADDR, sizeof(struct ifaddrmsg)},
		{s, NULL, GUEST_NET_NEXTHOP, AF_UNSPEC, RTM_GETNEXTHOP, sizeof(struct nhmsg)},
		{s, NULL, GUEST_NET_ROUTE, AF_INET, RTM_GETROUTE, sizeof(struct rtmsg)},
		{s, NULL, GUEST_NET_ROUTE, AF_INET6, RTM_GETROUTE, sizeof(struct rtmsg)},
	};
	int ret = 0;

	for (int k = 0; k < GUEST_NET_KINDS; k++)
		s->kind[k].len = 0;
	s->read_ns = hot_now_ns();
	for (size_t i = 0; i < sizeof(dumps) / sizeof(dumps[0]) && !ret; i++) {
		ret = dump_once(n, &dumps[i]);
		if (ret == -EOPNOTSUPP && dumps[i].type != RTM_GETLINK)
			ret = 0; /* a kernel without IPv6, or without nexthop objects */
	}
	return ret;
}

static bool is_subnet(const struct nlmsghdr *route, const struct nlmsghdr *address)
{
	const struct ifaddrmsg *a = NLMSG_DATA(address);
	const struct rtmsg *r = NLMSG_DATA(route);
	uint32_t mask = guest_network_mask(a->ifa_prefixlen);
	uint32_t net = __builtin_bswap32(guest_attr_get_u32(address, sizeof(*a), IFA_ADDRESS, 0));

	return r->rtm_dst_len == a->ifa_prefixlen &&
	       __builtin_bswap32(guest_attr_get_u32(route, sizeof(*r), RTA_DST, 0)) == (net & mask);
}

bool guest_route_of_address(const struct nlmsghdr *route, const struct guest_store *addresses)
{
	const struct rtmsg *r = NLMSG_DATA(route);
	uint32_t source = guest_attr_get_u32(route, sizeof(*r), RTA_PREFSRC, 0);
	struct nlmsghdr *h;

	if (r->rtm_protocol != RTPROT_KERNEL || !source)
		return false;
	guest_for_each (h, addresses) {
		const struct ifaddrmsg *a = NLMSG_DATA(h);

		if (a->ifa_family != AF_INET || h->nlmsg_pid != route->nlmsg_pid ||
		    guest_attr_get_u32(h, sizeof(*a), IFA_LOCAL, 0) != source)
			continue;
		if (r->rtm_type == RTN_LOCAL || r->rtm_type == RTN_BROADCAST)
			return true;
		if (is_subnet(route, h) &&
		    !(guest_attr_get_u32(h, sizeof(*a), IFA_FLAGS, 0) & IFA_F_NOPREFIXROUTE))
			return true;
	}
	return false;
}
