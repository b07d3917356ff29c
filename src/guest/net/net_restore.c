// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a change took away comes back: what is there now is read and held against what was there
 * before; what is missing is made, and in an undoing what is too much is deleted. As one thing
 * needs another (a route its gateway's route), this goes round until nothing is left to do. Cold:
 * a failed change, or a link that had to go down.
 */
#include <linux/if_addr.h>
#include <linux/nexthop.h>
#include <net/if.h>
#include "guest/common/fastpath.h"
#include "guest/net/net_change.h"
#include "guest/net/net_state.h"
#include "guest/net/net_store.h"

#define ROUNDS   12
#define PAUSE_NS 5000000 /* a carrier that is not there yet; from the third round on */

/* As messages name them. */
static const char *const kind_names[GUEST_NET_KINDS] = {"link", "address", "nexthop", "route"};
static const uint16_t delete_types[GUEST_NET_KINDS] = {0, RTM_DELADDR, RTM_DELNEXTHOP,
						       RTM_DELROUTE};

struct restore {
	struct guest_change *c;
	bool undo; /* all as before; else what was asked for stays */
	int round;
	uint32_t missing; /* in this round */
	enum guest_net_kind first;
	int error; /* the last that the kernel gave */
};

static struct guest_state now;

static bool is_there(const struct guest_store *s, const struct nlmsghdr *h)
{
	uint32_t from = 0;

	return guest_store_find(s, h, &from) != NULL;
}

static uint32_t table_of(const struct nlmsghdr *h)
{
	const struct rtmsg *r = NLMSG_DATA(h);

	return guest_attr_get_u32(h, sizeof(*r), RTA_TABLE, r->rtm_table);
}

/* The link-local address that the kernel made of the link's old MAC; it makes one of the new. */
static bool is_of_old_mac(const struct restore *r, const struct nlmsghdr *h)
{
	const uint8_t *m = r->c->link.mac;
	const uint8_t made[16] = {0xfe,     0x80, 0,    0,    0,    0,    0,    0,
				  m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};
	const struct rtattr *a = guest_find_attr(h, sizeof(struct ifaddrmsg), IFA_ADDRESS, 16);

	return a && !memcmp(RTA_DATA(a), made, sizeof(made));
}

static bool wanted_address(const struct restore *r, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *a = NLMSG_DATA(h);

	if (r->undo || !guest_on_link(r->c, h))
		return true;
	return a->ifa_family == AF_INET6 && !(r->c->change_mac && is_of_old_mac(r, h));
}

/* The kernel makes most of them by itself, with the addresses; some have only its name. */
static bool wanted_of_kernel(const struct restore *r, const struct nlmsghdr *h)
{
	const struct rtmsg *m = NLMSG_DATA(h);
	uint32_t source;

	if (m->rtm_family == AF_INET6)
		return table_of(h) != RT_TABLE_LOCAL;
	source = guest_attr_get_u32(h, sizeof(*m), RTA_PREFSRC, 0);
	return r->undo || !guest_on_link(r->c, h) || !source || !guest_address_goes(r->c, source) ||
	       (r->c->inherit && guest_is_prefix_route(r->c, h));
}

static bool wanted_route(const struct restore *r, const struct nlmsghdr *h)
{
	const struct rtmsg *m = NLMSG_DATA(h);

	if (m->rtm_protocol == RTPROT_KERNEL)
		return r->round > 0 && wanted_of_kernel(r, h);
	if (r->undo)
		return true;
	if (guest_default_goes(r->c, h))
		return false;
	/* one of another link that the new default route has replaced, as it was asked to */
	return !(m->rtm_family == AF_INET && m->rtm_dst_len == 0 && m->rtm_tos == 0 &&
		 table_of(h) == RT_TABLE_MAIN &&
		 !guest_attr_get_u32(h, sizeof(*m), RTA_PRIORITY, 0));
}

static bool wanted(const struct restore *r, enum guest_net_kind kind, const struct nlmsghdr *h)
{
	switch (kind) {
	case GUEST_NET_LINK:
		return r->undo || !guest_on_link(r->c, h);
	case GUEST_NET_ADDRESS:
		return wanted_address(r, h);
	case GUEST_NET_ROUTE:
		return wanted_route(r, h);
	default:
		return true;
	}
}

/* As it is to be: with the new address where it had one that went, and in its present age. */
static struct nlmsghdr *expected(const struct restore *r, const struct nlmsghdr *h)
{
	static uint8_t room[GUEST_BATCH_BYTES];
	struct nlmsghdr *e = (struct nlmsghdr *)(void *)room;
	uint64_t age = hot_now_ns() - r->c->net->state.read_ns;
	uint32_t ip = __builtin_bswap32(r->c->p->ip), address;
	const struct rtattr *source;

	memcpy(e, h, h->nlmsg_len);
	guest_message_age(e, (uint32_t)(age / 1000000000u));
	if (r->undo || h->nlmsg_type != RTM_NEWROUTE ||
	    ((struct rtmsg *)NLMSG_DATA(h))->rtm_family != AF_INET)
		return e;
	source = guest_find_attr(e, sizeof(struct rtmsg), RTA_PREFSRC, 4);
	if (!source)
		return e;
	memcpy(&address, RTA_DATA(source), 4);
	if (guest_address_goes(r->c, address))
		memcpy(RTA_DATA(source), &ip, 4);
	return e;
}

/* A route through a gateway needs the route to the gateway. */
static bool has_gateway(const struct nlmsghdr *h)
{
	return guest_find_attr(h, sizeof(struct rtmsg), RTA_GATEWAY, 4) ||
	       guest_find_attr(h, sizeof(struct rtmsg), RTA_VIA, 4) ||
	       guest_find_attr(h, sizeof(struct rtmsg), RTA_MULTIPATH, 4);
}

/* 0 = made in the first pass; those of the second pass stand on them, or have another order. */
static int pass_of(enum guest_net_kind kind, const struct nlmsghdr *h)
{
	if (kind == GUEST_NET_ADDRESS)
		return ((struct ifaddrmsg *)NLMSG_DATA(h))->ifa_family == AF_INET6;
	if (kind == GUEST_NET_NEXTHOP)
		return guest_find_attr(h, sizeof(struct nhmsg), NHA_GROUP, 0) != NULL;
	return kind == GUEST_NET_ROUTE && has_gateway(h);
}

static void make(struct restore *r, enum guest_net_kind kind, const struct nlmsghdr *h)
{
	/* a group that lost a member is still there; a link always is */
	uint16_t flags = kind == GUEST_NET_NEXTHOP ? NLM_F_CREATE | NLM_F_REPLACE
			 : kind == GUEST_NET_ROUTE ? NLM_F_CREATE | NLM_F_APPEND
			 : kind == GUEST_NET_LINK  ? 0
						   : NLM_F_CREATE;

	if (!r->missing++)
		r->first = kind;
	(void)guest_step_message(r->c->net, h, kind_names[kind], GUEST_IF_NOT, h->nlmsg_type,
				 flags);
}

/* The message that ends where @end is, or NULL. */
static struct nlmsghdr *message_before(const struct guest_store *s, uint32_t end)
{
	struct nlmsghdr *h;

	guest_for_each (h, s) {
		if (at_ + NLMSG_ALIGN(h->nlmsg_len) == end)
			return h;
	}
	return NULL;
}

static void make_if_missing(struct restore *r, enum guest_net_kind kind, int pass,
			    const struct nlmsghdr *h, uint32_t *from)
{
	struct nlmsghdr *e;

	if (pass_of(kind, h) != pass || !wanted(r, kind, h))
		return;
	e = expected(r, h);
	if (!guest_store_find(&now.kind[kind], e, from))
		make(r, kind, e);
}

static void make_missing(struct restore *r, enum guest_net_kind kind, int pass)
{
	const struct guest_store *before = &r->c->net->state.kind[kind];
	uint32_t from = 0, end = before->len;
	struct nlmsghdr *h;

	if (kind == GUEST_NET_ADDRESS && pass) { /* of IPv6 the kernel puts the newest first */
		for (; (h = message_before(before, end)) != NULL; end -= NLMSG_ALIGN(h->nlmsg_len))
			make_if_missing(r, kind, pass, h, &from);
		return;
	}
	guest_for_each (h, before)
		make_if_missing(r, kind, pass, h, &from);
}

/* --- what is too much, when all is to be as before ------------------------------------------ */

static bool is_surplus_address(const struct restore *r, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *a = NLMSG_DATA(h);

	return a->ifa_family == AF_INET6 && a->ifa_scope == RT_SCOPE_LINK && guest_on_link(r->c, h);
}

/* Of the change, or of the kernel because of it. */
static bool is_surplus_route(const struct restore *r, const struct nlmsghdr *h)
{
	const struct rtmsg *m = NLMSG_DATA(h);
	const struct fs_payload *p = r->c->p;

	if (guest_on_link(r->c, h) && m->rtm_protocol == RTPROT_KERNEL)
		return m->rtm_family == AF_INET || table_of(h) != RT_TABLE_LOCAL;
	if (m->rtm_family != AF_INET)
		return false;
	if (guest_attr_get_u32(h, sizeof(*m), RTA_PREFSRC, 0) == __builtin_bswap32(p->ip))
		return true;
	return guest_default_goes(r->c, h) &&
	       guest_attr_get_u32(h, sizeof(*m), RTA_GATEWAY, 0) == __builtin_bswap32(p->gateway);
}

static void delete_surplus(struct restore *r, enum guest_net_kind kind,
			   bool (*is_surplus)(const struct restore *, const struct nlmsghdr *))
{
	struct nlmsghdr *h;

	guest_for_each (h, &now.kind[kind]) {
		if (is_surplus(r, h) && !is_there(&r->c->net->state.kind[kind], h))
			(void)guest_step_message(r->c->net, h, kind_names[kind], GUEST_IF_THERE,
						 delete_types[kind], 0);
	}
}

static struct nlmsghdr *next_ipv4(const struct restore *r, const struct guest_store *s,
				  uint32_t *at)
{
	struct nlmsghdr *h;

	while ((h = guest_message(s->buf, s->len, *at)) != NULL) {
		*at += NLMSG_ALIGN(h->nlmsg_len);
		if (guest_on_link(r->c, h) &&
		    ((struct ifaddrmsg *)NLMSG_DATA(h))->ifa_family == AF_INET)
			return h;
	}
	return NULL;
}

/*
 * The order of a link's addresses says which is primary, and which one the kernel chooses. If what
 * is there is not how the old list began, all go, and come in their order.
 */
static bool clear_addresses(struct restore *r)
{
	const struct guest_store *before = &r->c->net->state.kind[GUEST_NET_ADDRESS];
	struct guest_store *store = &now.kind[GUEST_NET_ADDRESS];
	uint32_t at = 0, old_at = 0, none;
	const struct nlmsghdr *h, *old;
	bool begins_so = true;

	while (begins_so && (h = next_ipv4(r, store, &at)) != NULL) {
		struct guest_store one = {.buf = (uint8_t *)(uintptr_t)h, .len = h->nlmsg_len};

		old = next_ipv4(r, before, &old_at);
		none = 0;
		begins_so = old && guest_store_find(&one, old, &none);
	}
	if (begins_so)
		return false;
	at = 0;
	while ((h = next_ipv4(r, store, &at)) != NULL)
		(void)guest_step_message(r->c->net, h, "address", GUEST_IF_THERE, RTM_DELADDR, 0);
	return true;
}

/* --- going round ---------------------------------------------------------------------------- */

/* Returns 0, or the negative errno of reading. Nothing is sent: nothing was left to do. */
static int go_round(struct restore *r, bool *done)
{
	const char *step;
	int ret = guest_state_read(r->c->net, &now, false);

	if (ret == -EAGAIN)
		ret = 0; /* somebody changes it meanwhile; the next round sees */
	if (ret)
		return ret;
	guest_batch_begin();
	r->missing = 0;
	if (r->undo) {
		delete_surplus(r, GUEST_NET_ROUTE, is_surplus_route);
		delete_surplus(r, GUEST_NET_ADDRESS, is_surplus_address);
	}
	if (r->undo && clear_addresses(r)) {
		r->missing = 1; /* all of them: they are made in the next round */
		r->first = GUEST_NET_ADDRESS;
	} else {
		for (int kind = 0; kind < GUEST_NET_KINDS; kind++)
			for (int pass = 0; pass < 2; pass++)
				make_missing(r, (enum guest_net_kind)kind, pass);
	}
	*done = !r->missing && !guest_work.n_steps && r->round > 0;
	ret = guest_batch_send(r->c->net, &step);
	if (ret)
		r->error = ret;
	return 0;
}

static void restore(struct restore *r, struct guest_outcome *o)
{
	bool done = false;
	int ret = 0;

	for (r->round = 0; r->round < ROUNDS && !done && !ret; r->round++) {
		if (r->round > 2)
			hot_sleep(PAUSE_NS);
		ret = go_round(r, &done);
	}
	guest_batch_begin();
	guest_work.lost = 0; /* before they are put back: many are sent on the way */
	guest_neighbours_put_back(r->c, r->undo);
	(void)guest_batch_send(r->c->net, &o->lost_what);
	o->lost = r->missing + guest_work.lost + r->c->no_room + (ret ? 1 : 0);
	if (!o->lost)
		return;
	o->lost_what = r->missing        ? kind_names[r->first]
		       : ret             ? "state"
		       : guest_work.lost ? guest_work.lost_what
					 : "neighbour";
	o->lost_error = ret               ? ret
			: r->missing      ? (r->error ? r->error : -EAGAIN)
			: guest_work.lost ? guest_work.lost_error
					  : -ENOBUFS;
}

void guest_change_put_back(struct guest_change *c, struct guest_outcome *o)
{
	struct restore r = {.c = c};

	restore(&r, o);
}

void guest_change_undo(struct guest_change *c, bool down, struct guest_outcome *o)
{
	struct restore r = {.c = c, .undo = true};
	int ret = o->flush_error; /* what could not be read is perhaps lost */
	const char *step;

	if (!c->neighbours_read)
		ret = guest_neighbours_read(c);
	if (!ret && !down) /* else they were read before */
		ret = guest_neighbours_read_proxies(c);
	guest_batch_begin();
	if (down || !(c->link.flags & IFF_UP)) /* first: it may take no MAC while it is up */
		guest_step_link(c, "up", 0, IFF_UP, NULL);
	if (c->mac_changed && c->link.mac_len)
		guest_step_link(c, "mac", 0, 0, c->link.mac);
	if (guest_batch_send(c->net, &step))
		ret = guest_work.error;
	restore(&r, o);
	o->undo_error = ret ? ret : o->lost ? o->lost_error : 0;
	o->undone = !o->undo_error;
}
