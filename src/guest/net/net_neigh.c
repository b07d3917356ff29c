// SPDX-License-Identifier: BSD-2-Clause
/*
 * Neighbours. A new MAC makes the kernel flush all of a link, also those that somebody configured;
 * without one, those of another life are flushed here. Either way they are read once. Hot.
 */
#include <linux/neighbour.h>
#include "guest/common/fastpath.h"
#include "guest/net/net_change.h"

#define FLUSHES \
	64 /* of GUEST_MAX_STEPS entries each: some 12,000, the kernel's usual limit is 1,024 */
#define LEARNED 1u /* nlmsg_pid of a kept message: the kernel found it out by itself */

typedef void (*take_fn)(struct guest_change *c, const struct nlmsghdr *h);

/* Takes the messages of one part of a dump. Returns 1 at its end, 0, or a negative errno. */
static int take_part(struct guest_change *c, uint8_t *bytes, uint32_t len, uint32_t seq,
		     take_fn take)
{
	struct nlmsghdr *h;
	uint32_t next;

	for (uint32_t at = 0; (h = guest_message(bytes, len, at)) != NULL; at = next) {
		next = at + NLMSG_ALIGN(h->nlmsg_len); /* before @take writes over it */
		if (h->nlmsg_seq != seq)
			continue;
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR)
			return ((struct nlmsgerr *)NLMSG_DATA(h))->error;
		if (h->nlmsg_type == RTM_NEWNEIGH &&
		    h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ndmsg)) &&
		    ((struct ndmsg *)NLMSG_DATA(h))->ndm_ifindex == c->link.index)
			take(c, h);
	}
	return 0;
}

/* Dumps the link's entries of a family (0 = all); each goes to @take. 0 or a negative errno. */
static int dump(struct guest_change *c, const struct ndmsg *body, take_fn take)
{
	uint8_t request[64];
	struct guest_batch b = {.buf = request, .room = sizeof(request)};
	uint32_t seq = ++c->net->seq;
	long len;
	int ret = 0;

	guest_begin(&b, RTM_GETNEIGH, NLM_F_DUMP, seq, body, sizeof(*body));
	guest_attr_u32(&b, NDA_IFINDEX, (uint32_t)c->link.index);
	len = hot_sendto(c->net->fd, request, b.len, 0, NULL, 0);
	if (len < 0)
		return (int)len;
	while (!ret) {
		uint8_t *received = guest_work.received + c->neighbours.len;

		len = hot_recv(c->net->fd, received, GUEST_DUMP_BYTES, 0);
		if (len < 0 && len != -EINTR)
			return (int)len;
		if (len > 0)
			ret = take_part(c, received, (uint32_t)len, seq, take);
	}
	return ret < 0 ? ret : 0;
}

static uint32_t flags_of(const struct nlmsghdr *h)
{
	return guest_attr_get_u32(h, sizeof(struct ndmsg), NDA_FLAGS_EXT, 0);
}

/* Somebody made it: it does not come back by itself. */
static bool is_configured(const struct nlmsghdr *h, const struct rtattr *to)
{
	const struct ndmsg *d = NLMSG_DATA(h);
	uint8_t first = *(const uint8_t *)RTA_DATA(to);

	if (d->ndm_state & NUD_NOARP) /* of groups the kernel makes them by itself */
		return d->ndm_family == AF_INET ? first < 224 : first != 0xff;
	return d->ndm_state & NUD_PERMANENT || d->ndm_flags & (NTF_EXT_LEARNED | NTF_PROXY) ||
	       flags_of(h) & NTF_EXT_MANAGED;
}

static void copy_attr(struct guest_batch *b, const struct nlmsghdr *h, uint16_t type)
{
	const struct rtattr *a = guest_find_attr(h, sizeof(struct ndmsg), type, 1);

	if (a)
		guest_attr(b, type, RTA_DATA(a), (uint32_t)RTA_PAYLOAD(a));
}

/* The state that may be asked for; 0 = there is nothing to put back. */
static uint16_t state_of(const struct nlmsghdr *h)
{
	const struct ndmsg *d = NLMSG_DATA(h);

	if (d->ndm_state & (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE))
		return d->ndm_state;
	return d->ndm_state & (NUD_STALE | NUD_DELAY | NUD_PROBE) ? NUD_STALE : 0;
}

/* Makes the message that makes the neighbour again; false: there is nothing to put back. */
static bool clean(struct guest_batch *b, const struct nlmsghdr *h)
{
	const struct ndmsg *d = NLMSG_DATA(h);
	struct ndmsg body = *d;
	/* the kernel is to find the address out by itself, or there is none */
	bool bare = d->ndm_flags & NTF_PROXY ||
		    (flags_of(h) & NTF_EXT_MANAGED && !(d->ndm_state & NUD_PERMANENT));

	body.ndm_state = bare ? 0 : state_of(h);
	if (!bare && (!body.ndm_state || !guest_find_attr(h, sizeof(*d), NDA_LLADDR, 1)))
		return false;
	body.ndm_flags &= NTF_ROUTER | NTF_EXT_LEARNED | NTF_PROXY;
	guest_begin(b, RTM_NEWNEIGH, 0, 0, &body, sizeof(body));
	copy_attr(b, h, NDA_DST);
	if (!bare)
		copy_attr(b, h, NDA_LLADDR);
	copy_attr(b, h, NDA_PROTOCOL);
	copy_attr(b, h, NDA_FLAGS_EXT);
	return true;
}

/* What is kept is never longer than what was received, and takes its place. */
static void keep(struct guest_change *c, const struct nlmsghdr *h)
{
	const struct rtattr *to = guest_find_attr(h, sizeof(struct ndmsg), NDA_DST, 4);
	uint8_t family = ((const struct ndmsg *)NLMSG_DATA(h))->ndm_family, room[128];
	struct guest_batch b = {.buf = room, .room = sizeof(room)};
	bool configured;
	void *place;

	if (!to || (family != AF_INET && family != AF_INET6))
		return;
	configured = is_configured(h, to);
	if (!clean(&b, h))
		return;
	place = b.full ? NULL : guest_take(&c->neighbours, b.len);
	if (!place) {
		c->no_room += configured;
		return;
	}
	((struct nlmsghdr *)(void *)room)->nlmsg_pid = configured ? 0 : LEARNED;
	memcpy(place, room, b.len);
}

int guest_neighbours_read(struct guest_change *c)
{
	const struct ndmsg all = {.ndm_family = AF_UNSPEC};

	c->neighbours_read = true;
	return dump(c, &all, keep);
}

int guest_neighbours_read_proxies(struct guest_change *c)
{
	const struct ndmsg proxies = {.ndm_family = AF_UNSPEC, .ndm_flags = NTF_PROXY};

	return dump(c, &proxies, keep);
}

void guest_neighbours_put_back(struct guest_change *c, bool learned)
{
	struct nlmsghdr *h;

	for (uint32_t at = 0; (h = guest_message(c->neighbours.buf, c->neighbours.len, at)) != NULL;
	     at += NLMSG_ALIGN(h->nlmsg_len)) {
		if (h->nlmsg_pid != LEARNED || learned)
			(void)guest_step_message(c->net, h, "neighbour", GUEST_PUT_BACK,
						 RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
	}
}

/*
 * Neighbours learnt in another life: with other hosts behind the same addresses. One that is still
 * being asked for is not stale, and deleting it would throw away the acks that wait for it. What
 * does not fit into one message waits for the next dump: nothing is sent while one is under way.
 */
static void delete_stale(struct guest_change *c, const struct nlmsghdr *h)
{
	const struct ndmsg *d = NLMSG_DATA(h);
	const struct rtattr *to = guest_find_attr(h, sizeof(*d), NDA_DST, 4);
	struct ndmsg body = {.ndm_family = AF_INET, .ndm_ifindex = c->link.index};

	if (!to || d->ndm_family != AF_INET || d->ndm_state & (NUD_INCOMPLETE | NUD_NOARP) ||
	    is_configured(h, to) || guest_work.n_steps == GUEST_MAX_STEPS)
		return;
	guest_step(c->net, "neighbours", GUEST_IF_THERE, RTM_DELNEIGH, 0, &body, sizeof(body));
	guest_attr(&guest_work.batch, NDA_DST, RTA_DATA(to), 4);
}

int guest_neighbours_flush(struct guest_change *c)
{
	const struct ndmsg ipv4 = {.ndm_family = AF_INET};
	const char *step;

	for (int i = 0; i < FLUSHES; i++) {
		bool all;
		int ret;

		guest_batch_begin();
		ret = dump(c, &ipv4, delete_stale);
		all = guest_work.n_steps < GUEST_MAX_STEPS;
		if (guest_batch_send(c->net, &step) && !ret)
			ret = guest_work.error;
		if (ret || all)
			return ret;
	}
	return -E2BIG;
}
