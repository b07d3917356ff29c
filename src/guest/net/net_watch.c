// SPDX-License-Identifier: BSD-2-Clause
/* What others change in the network while the agent waits: the part that runs in a fork. Hot. */
#include "guest/common/fastpath.h"
#include "guest/net/net.h"

void guest_net_take_link(struct guest_net *n, struct nlmsghdr *h)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	const struct rtattr *name, *mac;
	struct guest_link *l = NULL;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) || info->ifi_family != AF_UNSPEC)
		return;
	for (uint32_t i = 0; i < n->n_links && !l; i++)
		if (n->links[i].index == info->ifi_index)
			l = &n->links[i];
	if (h->nlmsg_type == RTM_DELLINK) {
		if (l)
			*l = n->links[--n->n_links];
		return;
	}
	if (!l && n->n_links == GUEST_LINKS)
		return;
	if (!l)
		l = &n->links[n->n_links++];
	*l = (struct guest_link){.index = info->ifi_index, .flags = info->ifi_flags};
	name = guest_find_attr(h, sizeof(*info), IFLA_IFNAME, 1);
	if (name && RTA_PAYLOAD(name) <= sizeof(l->name))
		memcpy(l->name, RTA_DATA(name), RTA_PAYLOAD(name));
	l->name[sizeof(l->name) - 1] = 0;
	mac = guest_find_attr(h, sizeof(*info), IFLA_ADDRESS, 1);
	if (mac && RTA_PAYLOAD(mac) == sizeof(l->mac)) {
		memcpy(l->mac, RTA_DATA(mac), sizeof(l->mac));
		l->mac_len = sizeof(l->mac);
	}
}

void guest_net_drain(struct guest_net *n)
{
	static uint8_t buf[8192];
	struct nlmsghdr *h;
	long len;

	for (;;) {
		len = hot_recv(n->monitor, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC);
		if (len == -EINTR)
			continue;
		if (len == -EAGAIN)
			return;
		if (len <= 0 || len > (long)sizeof(buf)) {
			n->fresh = false; /* something was lost, or too long to read */
			if (len <= 0 && len != -ENOBUFS)
				return;
			continue;
		}
		/* the state of a link is reported whole; addresses and routes are read anew */
		for (uint32_t at = 0; (h = guest_message(buf, (uint32_t)len, at)) != NULL;
		     at += NLMSG_ALIGN(h->nlmsg_len)) {
			if (h->nlmsg_type == RTM_NEWLINK || h->nlmsg_type == RTM_DELLINK)
				guest_net_take_link(n, h);
			else
				n->fresh = false;
		}
	}
}

struct guest_link *guest_net_link(struct guest_net *n, const char *name)
{
	for (uint32_t i = 0; i < n->n_links; i++)
		if (!memcmp(n->links[i].name, name, strlen(name) + 1))
			return &n->links[i];
	return NULL;
}

/* The answer to a request for one link: its index, or a negative errno. */
static int link_answer(struct guest_net *n, uint8_t *buf, uint32_t room, uint32_t seq)
{
	for (;;) {
		long len = hot_recv(n->fd, buf, room, 0);
		struct nlmsghdr *h;

		if (len == -EINTR)
			continue;
		if (len < 0)
			return (int)len;
		h = guest_message(buf, (uint32_t)len, 0);
		if (!h || h->nlmsg_seq != seq)
			continue;
		if (h->nlmsg_type == NLMSG_ERROR)
			return ((struct nlmsgerr *)NLMSG_DATA(h))->error;
		if (h->nlmsg_type == RTM_NEWLINK && h->nlmsg_len >= NLMSG_LENGTH(16))
			return ((struct ifinfomsg *)NLMSG_DATA(h))->ifi_index;
	}
}

struct guest_link *guest_net_ask_link(struct guest_net *n, const char *name, uint8_t *buf,
				      uint32_t room)
{
	struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
	struct guest_batch b = {.buf = buf, .room = room};
	uint32_t seq = ++n->seq;
	int index;

	guest_begin(&b, RTM_GETLINK, 0, seq, &body, sizeof(body));
	guest_attr(&b, IFLA_ALT_IFNAME, name, (uint32_t)strlen(name) + 1);
	if (hot_sendto(n->fd, buf, b.len, 0, NULL, 0) != (long)b.len)
		return NULL;
	index = link_answer(n, buf, room, seq);
	for (uint32_t i = 0; i < n->n_links; i++)
		if (index > 0 && n->links[i].index == index)
			return &n->links[i];
	return NULL;
}
