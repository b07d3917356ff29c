// SPDX-License-Identifier: BSD-2-Clause
/* Reading the network, before the snapshot and whenever somebody changes it. */
#include "guest/net.h"
#include <linux/if_addr.h>
#include <stdlib.h>
#include <sys/time.h>
#include "guest/hot.h"
#include "guest/say.h"

#define DUMP_TRIES 8
#define RECEIVE    (64u << 10)

typedef int (*take_fn)(struct fsg_net *n, struct nlmsghdr *h);

static int open_netlink(uint32_t groups)
{
	struct sockaddr_nl me = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), one = 1;
	struct timeval patience = {.tv_sec = 5}; /* the kernel answers at once, or never */
	int size = 1 << 20;

	if (fd < 0)
		return -errno;
	/* acks without a copy of the request; the options are old, but nothing depends on them */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (bind(fd, (struct sockaddr *)&me, sizeof(me))) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static int dump_link(struct fsg_net *n, struct nlmsghdr *h)
{
	fsg_net_take_link(n, h);
	return 0;
}

static int grow(struct fsg_store *s, uint32_t needed)
{
	uint32_t room = 2 * s->room;
	uint8_t *grown;

	while (room < needed)
		room *= 2;
	grown = realloc(s->grown ? s->buf : NULL, room);
	if (!grown)
		return -ENOMEM;
	if (!s->grown)
		memcpy(grown, s->buf, s->len);
	s->buf = grown;
	s->room = room;
	s->grown = true;
	return 0;
}

static int store(struct fsg_store *s, const struct nlmsghdr *h)
{
	uint32_t size = NLMSG_ALIGN(h->nlmsg_len);

	if (s->len + size > s->room && grow(s, s->len + size))
		return -ENOMEM;
	memset(s->buf + s->len + size - NLMSG_ALIGNTO, 0, NLMSG_ALIGNTO);
	memcpy(s->buf + s->len, h, h->nlmsg_len);
	s->len += size;
	return 0;
}

static int dump_address(struct fsg_net *n, struct nlmsghdr *h)
{
	const struct ifaddrmsg *a = NLMSG_DATA(h);

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*a)) || a->ifa_family != AF_INET)
		return 0;
	return store(&n->addresses, h);
}

static int dump_route(struct fsg_net *n, struct nlmsghdr *h)
{
	const struct rtmsg *r = NLMSG_DATA(h);

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*r)) || r->rtm_family != AF_INET ||
	    (r->rtm_flags & RTM_F_CLONED))
		return 0;
	if (fsg_attr_get_u32(h, sizeof(*r), RTA_TABLE, r->rtm_table) != RT_TABLE_MAIN)
		return 0;
	return store(&n->routes, h);
}

/* One dump. -EAGAIN: the kernel's tables changed while it was made, so it must be made again. */
static int dump_once(struct fsg_net *n, uint8_t *buf, uint16_t type, take_fn take)
{
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
		struct rtmsg route;
	} body = {0};
	uint32_t size = type == RTM_GETLINK   ? sizeof(body.link)
			: type == RTM_GETADDR ? sizeof(body.address)
					      : sizeof(body.route);
	uint8_t request[64];
	struct fsg_batch b = {.buf = request, .room = sizeof(request)};
	uint32_t seq = ++n->seq;
	bool torn = false;
	long len;

	if (type == RTM_GETADDR)
		body.address.ifa_family = AF_INET;
	if (type == RTM_GETROUTE)
		body.route.rtm_family = AF_INET;
	fsg_begin(&b, type, NLM_F_DUMP, seq, &body, size);
	if (hot_sendto(n->fd, request, b.len, 0, NULL, 0) != (long)b.len)
		return -EIO;
	for (;;) {
		struct nlmsghdr *h;

		len = hot_recv(n->fd, buf, RECEIVE, 0);
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
			if (take(n, h))
				return -ENOMEM;
		}
	}
}

static int dump_all(struct fsg_net *n, uint8_t *buf)
{
	int rc;

	n->n_links = 0;
	n->addresses.len = 0;
	n->routes.len = 0;
	rc = dump_once(n, buf, RTM_GETLINK, dump_link);
	if (!rc)
		rc = dump_once(n, buf, RTM_GETADDR, dump_address);
	if (!rc)
		rc = dump_once(n, buf, RTM_GETROUTE, dump_route);
	return rc;
}

/* Throws away what the monitor has; false when there was something. */
static bool monitor_is_quiet(struct fsg_net *n, uint8_t *buf)
{
	bool quiet = true;
	long len;

	while ((len = hot_recv(n->monitor, buf, RECEIVE, MSG_DONTWAIT)) > 0 || len == -ENOBUFS ||
	       len == -EINTR)
		quiet = false;
	return quiet;
}

int fsg_net_refresh(struct fsg_net *n)
{
	static uint8_t buf[RECEIVE];
	int rc = -EAGAIN;

	n->fresh = false;
	/* right once nothing changed from before the first dump to after the last */
	for (int i = 0; i < DUMP_TRIES && rc == -EAGAIN; i++) {
		(void)monitor_is_quiet(n, buf);
		rc = dump_all(n, buf);
		if (!rc && !monitor_is_quiet(n, buf))
			rc = -EAGAIN;
	}
	n->fresh = rc == 0;
	return rc;
}

int fsg_net_open(struct fsg_net *n)
{
	n->addresses = (struct fsg_store){.buf = n->few[0], .room = FSG_FEW_BYTES};
	n->routes = (struct fsg_store){.buf = n->few[1], .room = FSG_FEW_BYTES};
	n->fd = open_netlink(0);
	n->monitor = open_netlink(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE);
	if (n->fd < 0 || n->monitor < 0) {
		errno = n->fd < 0 ? -n->fd : -n->monitor;
		fsg_say_errno("opening rtnetlink");
		return -errno;
	}
	return 0;
}
