// SPDX-License-Identifier: BSD-2-Clause
/*
 * Changing the network: all requests of one change go to the kernel in one message, their acks
 * come back in one call. The kernel goes on behind a request that failed, so what a failed change
 * did is undone from what was known before it.
 */
#include "guest/net.h"
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include "guest/hot.h"

#define BATCH_BYTES 16384
#define FEW_STEPS   24
#define MAX_STEPS   192
#define ACK_BYTES   64 /* an ack without a copy of the request */
#define ACKS        8  /* received in one call */

/* How a step may fail and be as good as done. */
enum tolerance {
	TOLERATE_NOTHING,
	TOLERATE_GONE, /* what was to be deleted went with something else */
	TOLERATE_THERE /* what was to be added is there */
};

struct step {
	const char *name;
	enum tolerance tolerance;
	bool *done; /* set when the kernel did it; NULL = nobody asks */
};

/*
 * One block for all that is touched: a usual change (a dozen steps, some 600 bytes) stays in its
 * first page, the neighbours come into the next.
 */
static struct {
	struct fsg_batch batch;
	uint32_t first_seq, n_steps;
	struct iovec iov[ACKS];
	struct mmsghdr msgs[ACKS];
	uint8_t acks[ACKS][ACK_BYTES];
	struct step few_steps[FEW_STEPS];
	uint8_t bytes[BATCH_BYTES];
	uint8_t neighbours[BATCH_BYTES];
	struct step more_steps[MAX_STEPS - FEW_STEPS];
} work __attribute__((aligned(4096)));

static struct step *step_at(uint32_t i)
{
	return i < FEW_STEPS ? &work.few_steps[i] : &work.more_steps[i - FEW_STEPS];
}

struct change {
	struct fsg_net *net;
	const struct fs_payload *p;
	struct fsg_link link; /* as it was */
	bool keep_address;    /* the only address is already the new one */
	bool change_mac;
	bool mac_changed; /* it has been */
};

/* --- sending -------------------------------------------------------------------------------- */

static void begin_batch(struct fsg_net *n)
{
	work.batch = (struct fsg_batch){.buf = work.bytes, .room = sizeof(work.bytes)};
	work.n_steps = 0;
	work.first_seq = n->seq + 1;
}

static void begin_step(struct fsg_net *n, const char *name, enum tolerance tolerance, uint16_t type,
		       uint16_t flags, const void *body, uint32_t size)
{
	if (work.n_steps == MAX_STEPS) {
		work.batch.full = true;
		return;
	}
	*step_at(work.n_steps++) = (struct step){name, tolerance, NULL};
	fsg_begin(&work.batch, type, (uint16_t)(flags | NLM_F_ACK), ++n->seq, body, size);
}

static bool tolerated(enum tolerance t, int error)
{
	switch (t) {
	case TOLERATE_GONE:
		return error == -ESRCH || error == -EADDRNOTAVAIL || error == -ENOENT ||
		       error == -ENODEV;
	case TOLERATE_THERE:
		return error == -EEXIST;
	default:
		return false;
	}
}

/* Looks at one ack; returns 1 if it was one of this batch. */
static int take_ack(uint8_t *bytes, uint32_t len, int *error, const char **step)
{
	struct nlmsghdr *h = fsg_message(bytes, len, 0);
	struct step *s;
	uint32_t i;
	int e;

	if (!h || h->nlmsg_type != NLMSG_ERROR || h->nlmsg_len < NLMSG_LENGTH(sizeof(int)))
		return 0;
	i = h->nlmsg_seq - work.first_seq;
	if (i >= work.n_steps)
		return 0;
	e = ((struct nlmsgerr *)NLMSG_DATA(h))->error;
	s = step_at(i);
	if (!e && s->done)
		*s->done = true;
	if (e && !*error && !tolerated(s->tolerance, e)) {
		*error = e;
		*step = s->name;
	}
	return 1;
}

static void prepare_acks(void)
{
	for (int i = 0; i < ACKS; i++) {
		work.iov[i] = (struct iovec){work.acks[i], ACK_BYTES};
		work.msgs[i] =
			(struct mmsghdr){.msg_hdr = {.msg_iov = &work.iov[i], .msg_iovlen = 1}};
	}
}

/*
 * Sends the batch and waits for all acks (the kernel has answered when the send returns). Returns
 * 0 or the first error that is not tolerated, and whose it is.
 */
static int send_batch(struct fsg_net *n, const char **step)
{
	uint32_t answered = 0;
	int error = 0;
	long rc;

	if (work.batch.full)
		return -E2BIG;
	if (!work.n_steps)
		return 0;
	rc = hot_sendto(n->fd, work.bytes, work.batch.len, 0, NULL, 0);
	if (rc != (long)work.batch.len)
		return rc < 0 ? (int)rc : -EIO;
	while (answered < work.n_steps) {
		uint32_t want = work.n_steps - answered;

		prepare_acks();
		rc = hot_call(SYS_recvmmsg, n->fd, (long)work.msgs, want < ACKS ? want : ACKS,
			      MSG_WAITFORONE, 0, 0);
		if (rc == -EINTR)
			continue;
		if (rc < 0)
			return (int)rc;
		for (long i = 0; i < rc; i++)
			answered += (uint32_t)take_ack(work.acks[i], work.msgs[i].msg_len, &error,
						       step);
	}
	return error;
}

/* --- requests ------------------------------------------------------------------------------- */

static void add_link(const struct change *c, const char *name, uint32_t flags, uint32_t mask,
		     const uint8_t *mac)
{
	struct ifinfomsg body = {
		.ifi_index = c->link.index, .ifi_flags = flags, .ifi_change = mask};

	begin_step(c->net, name, TOLERATE_NOTHING, RTM_NEWLINK, 0, &body, sizeof(body));
	if (mac)
		fsg_attr(&work.batch, IFLA_ADDRESS, mac, 6);
}

/* Sends a message that was dumped back, as a request of another type. */
static void replay(struct fsg_net *n, const struct nlmsghdr *h, const char *name,
		   enum tolerance tolerance, uint16_t type, uint16_t flags, uint32_t body_size)
{
	uint8_t body[sizeof(struct ifinfomsg)];
	uint32_t attrs = NLMSG_HDRLEN + NLMSG_ALIGN(body_size);
	void *to;

	memcpy(body, NLMSG_DATA(h), body_size);
	if (type == RTM_NEWROUTE) /* only these may be set; the others tell of the past */
		((struct rtmsg *)(void *)body)->rtm_flags &= RTNH_F_ONLINK;
	begin_step(n, name, tolerance, type, flags, body, body_size);
	if (h->nlmsg_len <= attrs)
		return;
	to = fsg_take(&work.batch, h->nlmsg_len - attrs);
	if (!to)
		return;
	memcpy(to, (const uint8_t *)h + attrs, h->nlmsg_len - attrs);
	((struct nlmsghdr *)(void *)(work.bytes + work.batch.at))->nlmsg_len =
		work.batch.len - work.batch.at;
}

static uint32_t network_mask(uint32_t prefix)
{
	return ~0u << (32 - prefix); /* prefix is 1 to 32 */
}

static void new_address(const struct change *c, uint16_t type, uint16_t flags,
			enum tolerance tolerance)
{
	struct ifaddrmsg body = {.ifa_family = AF_INET,
				 .ifa_prefixlen = c->p->prefix,
				 .ifa_index = (uint32_t)c->link.index};
	uint32_t ip = __builtin_bswap32(c->p->ip);

	begin_step(c->net, "address", tolerance, type, flags, &body, sizeof(body));
	fsg_attr_u32(&work.batch, IFA_LOCAL, ip);
	fsg_attr_u32(&work.batch, IFA_ADDRESS, ip);
	if (type == RTM_NEWADDR && c->p->prefix < 31)
		fsg_attr_u32(&work.batch, IFA_BROADCAST,
			     __builtin_bswap32(c->p->ip | ~network_mask(c->p->prefix)));
}

static void default_route(const struct change *c, uint16_t type, uint16_t flags,
			  enum tolerance tolerance)
{
	struct rtmsg body = {.rtm_family = AF_INET,
			     .rtm_table = RT_TABLE_MAIN,
			     .rtm_protocol = RTPROT_BOOT,
			     .rtm_type = RTN_UNICAST};

	/* a gateway outside of the network is reached on the link all the same */
	if ((c->p->ip ^ c->p->gateway) & network_mask(c->p->prefix))
		body.rtm_flags = RTNH_F_ONLINK;
	begin_step(c->net, "route", tolerance, type, flags, &body, sizeof(body));
	fsg_attr_u32(&work.batch, RTA_GATEWAY, __builtin_bswap32(c->p->gateway));
	fsg_attr_u32(&work.batch, RTA_OIF, (uint32_t)c->link.index);
}

/* --- what is there -------------------------------------------------------------------------- */

#define for_each_message(h, store)                                                           \
	for (uint32_t at_ = 0; ((h) = fsg_message((store)->buf, (store)->len, at_)) != NULL; \
	     at_ += NLMSG_ALIGN((h)->nlmsg_len))

static bool on_link(const struct change *c, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *a = NLMSG_DATA(h);

	return a->ifa_index == (uint32_t)c->link.index;
}

static bool is_new_address(const struct change *c, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *a = NLMSG_DATA(h);
	uint32_t local = fsg_attr_get_u32(h, sizeof(*a), IFA_LOCAL, 0);

	return a->ifa_prefixlen == c->p->prefix && local == __builtin_bswap32(c->p->ip) &&
	       fsg_attr_get_u32(h, sizeof(*a), IFA_ADDRESS, 0) == local;
}

static bool is_default(const struct nlmsghdr *h)
{
	const struct rtmsg *r = NLMSG_DATA(h);

	return r->rtm_dst_len == 0 && r->rtm_tos == 0 && r->rtm_type == RTN_UNICAST;
}

static bool route_on_link(const struct change *c, const struct nlmsghdr *h)
{
	return fsg_attr_get_u32(h, sizeof(struct rtmsg), RTA_OIF, 0) == (uint32_t)c->link.index;
}

/* Keeping an address is only safe alone: deleting a primary one takes its secondaries along. */
static void look_at_addresses(struct change *c)
{
	struct nlmsghdr *h;
	int n = 0;

	c->keep_address = false;
	for_each_message(h, &c->net->addresses)
	{
		if (!on_link(c, h))
			continue;
		c->keep_address = is_new_address(c, h) && n == 0;
		n++;
	}
}

static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t n)
{
	return memcmp(a, b, n) == 0;
}

/* --- the change and its undoing ------------------------------------------------------------- */

static void plan_change(struct change *c, bool down_first)
{
	struct fsg_net *n = c->net;
	struct nlmsghdr *h;

	begin_batch(n);
	if (down_first)
		add_link(c, "mac", 0, IFF_UP, NULL);
	if (c->change_mac) {
		add_link(c, "mac", 0, 0, c->p->mac);
		step_at(work.n_steps - 1)->done = &c->mac_changed;
	}
	if (!c->keep_address) {
		for_each_message(h, &n->addresses) if (on_link(c, h)) replay(
			n, h, "address", TOLERATE_GONE, RTM_DELADDR, 0, sizeof(struct ifaddrmsg));
		new_address(c, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, TOLERATE_NOTHING);
	}
	if (down_first || !(c->link.flags & IFF_UP))
		add_link(c, "up", IFF_UP, IFF_UP, NULL);
	/* those of another metric would stay beside the new one */
	for_each_message(h, &n->routes) if (is_default(h) && route_on_link(c, h))
		replay(n, h, "route", TOLERATE_GONE, RTM_DELROUTE, 0, sizeof(struct rtmsg));
	default_route(c, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, TOLERATE_NOTHING);
}

/* Routes without a gateway first: the others need them. The kernel's own come with the addresses.
 */
static void replay_routes(const struct change *c, bool with_gateway)
{
	struct nlmsghdr *h;

	for_each_message(h, &c->net->routes)
	{
		const struct rtmsg *r = NLMSG_DATA(h);
		bool has = fsg_find_attr(h, sizeof(*r), RTA_GATEWAY, 4) != NULL;

		if (has != with_gateway || r->rtm_protocol == RTPROT_KERNEL)
			continue;
		if (is_default(h) || route_on_link(c, h))
			replay(c->net, h, "route", TOLERATE_THERE, RTM_NEWROUTE, NLM_F_CREATE,
			       sizeof(struct rtmsg));
	}
}

/* Back to what the network was. */
static int undo(const struct change *c, bool down_first)
{
	const char *step;
	struct nlmsghdr *h;

	begin_batch(c->net);
	default_route(c, RTM_DELROUTE, 0, TOLERATE_GONE);
	if (!c->keep_address)
		new_address(c, RTM_DELADDR, 0, TOLERATE_GONE);
	if (down_first)
		add_link(c, "up", 0, IFF_UP, NULL);
	if (c->mac_changed && c->link.mac_len)
		add_link(c, "mac", 0, 0, c->link.mac);
	for_each_message(h, &c->net->addresses) if (on_link(c, h))
		replay(c->net, h, "address", TOLERATE_THERE, RTM_NEWADDR, NLM_F_CREATE,
		       sizeof(struct ifaddrmsg));
	add_link(c, "up", c->link.flags & IFF_UP, IFF_UP, NULL);
	if (c->link.flags & IFF_UP) {
		replay_routes(c, false);
		replay_routes(c, true);
	}
	return send_batch(c->net, &step);
}

/*
 * Neighbours learnt in another life: with other hosts behind the same addresses. One that is still
 * being asked for is not stale, and deleting it would throw away the acks that wait for it.
 */
static void add_stale_neighbours(const struct change *c, uint8_t *bytes, uint32_t len)
{
	struct nlmsghdr *h;

	for (uint32_t at = 0; (h = fsg_message(bytes, len, at)) != NULL;
	     at += NLMSG_ALIGN(h->nlmsg_len)) {
		const struct ndmsg *d = NLMSG_DATA(h);
		struct ndmsg body;
		const struct rtattr *to;

		if (h->nlmsg_type != RTM_NEWNEIGH || h->nlmsg_len < NLMSG_LENGTH(sizeof(*d)) ||
		    d->ndm_ifindex != c->link.index || d->ndm_family != AF_INET ||
		    (d->ndm_state & (NUD_PERMANENT | NUD_NOARP | NUD_INCOMPLETE)))
			continue;
		to = fsg_find_attr(h, sizeof(*d), NDA_DST, 4);
		if (!to)
			continue;
		body = (struct ndmsg){.ndm_family = AF_INET, .ndm_ifindex = c->link.index};
		begin_step(c->net, "neighbours", TOLERATE_GONE, RTM_DELNEIGH, 0, &body,
			   sizeof(body));
		fsg_attr(&work.batch, NDA_DST, RTA_DATA(to), 4);
	}
}

static bool ends_dump(uint8_t *bytes, uint32_t len, uint32_t seq, int *error)
{
	struct nlmsghdr *h;

	for (uint32_t at = 0; (h = fsg_message(bytes, len, at)) != NULL;
	     at += NLMSG_ALIGN(h->nlmsg_len)) {
		if (h->nlmsg_seq != seq)
			continue;
		if (h->nlmsg_type == NLMSG_ERROR)
			*error = ((struct nlmsgerr *)NLMSG_DATA(h))->error;
		if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE)
			return true;
	}
	return false;
}

static int flush_neighbours(const struct change *c)
{
	struct ndmsg body = {.ndm_family = AF_INET};
	const char *step;
	uint32_t seq;
	int error = 0;
	long len;

	begin_batch(c->net);
	seq = ++c->net->seq;
	fsg_begin(&work.batch, RTM_GETNEIGH, NLM_F_DUMP, seq, &body, sizeof(body));
	fsg_attr_u32(&work.batch, NDA_IFINDEX, (uint32_t)c->link.index);
	len = hot_sendto(c->net->fd, work.bytes, work.batch.len, 0, NULL, 0);
	if (len < 0)
		return (int)len;
	begin_batch(c->net);
	do {
		len = hot_recv(c->net->fd, work.neighbours, sizeof(work.neighbours), 0);
		if (len == -EINTR)
			continue;
		if (len < 0)
			return (int)len;
		add_stale_neighbours(c, work.neighbours, (uint32_t)len);
	} while (len < 0 || !ends_dump(work.neighbours, (uint32_t)len, seq, &error));
	return error ? error : send_batch(c->net, &step);
}

static bool find_link(struct change *c, const char *name)
{
	struct fsg_link *l;

	fsg_net_drain(c->net);
	if (!c->net->fresh && fsg_net_refresh(c->net))
		return false;
	l = fsg_net_link(c->net, name);
	if (l)
		c->link = *l;
	return l != NULL;
}

void fsg_net_apply(struct fsg_net *n, const struct fs_payload *p, struct fsg_outcome *o)
{
	struct change c = {.net = n, .p = p};
	bool down_first = false;

	*o = (struct fsg_outcome){.step = "state"};
	if (!find_link(&c, p->interface)) {
		o->error = n->fresh ? -ENODEV : -EIO;
		o->step = n->fresh ? "interface" : "state";
		o->undone = true; /* nothing was done */
		return;
	}
	c.change_mac = !c.link.mac_len || !same_bytes(c.link.mac, p->mac, 6);
	look_at_addresses(&c);
	plan_change(&c, false);
	if (work.batch.full) {
		o->error = -E2BIG;
		o->undone = true;
		return;
	}
	n->fresh = false; /* from here on it is not what was read */
	o->error = send_batch(n, &o->step);
	if (o->error == -EBUSY && c.change_mac && (c.link.flags & IFF_UP)) {
		/* a device that takes no new MAC while it is up: down, and all again */
		down_first = true;
		o->error = 0;
		plan_change(&c, true);
		o->error = send_batch(n, &o->step);
	}
	if (o->error) {
		o->undo_error = undo(&c, down_first);
		o->undone = !o->undo_error;
		return;
	}
	o->flush_error = flush_neighbours(&c);
}
