// SPDX-License-Identifier: BSD-2-Clause
/* Reading the network, before the snapshot and whenever somebody changes it. */
#include "guest/net/net.h"
#include <linux/if_addr.h>
#include <sys/time.h>
#include "base/log.h"
#include "guest/common/fastpath.h"
#include "guest/net/net_state.h"
#include "guest/net/net_store.h"

#define DUMP_TRIES 8
#define GROUP(n)   (1u << ((n)-1))
#define WATCHED                                                                         \
	(GROUP(RTNLGRP_LINK) | GROUP(RTNLGRP_IPV4_IFADDR) | GROUP(RTNLGRP_IPV4_ROUTE) | \
	 GROUP(RTNLGRP_IPV6_IFADDR) | GROUP(RTNLGRP_IPV6_ROUTE) | GROUP(RTNLGRP_NEXTHOP))

static int open_netlink(uint32_t groups)
{
	struct sockaddr_nl me = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), one = 1;
	struct timeval timeout = {.tv_sec = 5}; /* the kernel answers at once, or never */
	int size = 1 << 20;

	if (fd < 0)
		return -errno;
	/* acks without a copy of the request; the options are old, but nothing depends on them */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (bind(fd, (struct sockaddr *)&me, sizeof(me))) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

/* Default routes of the main table, and those whose source an address is: all that a usual change
 * has to look at. */
static bool is_looked_at(const struct guest_net *n, const struct nlmsghdr *h)
{
	const struct rtmsg *r = NLMSG_DATA(h);
	uint32_t table = guest_attr_get_u32(h, sizeof(*r), RTA_TABLE, r->rtm_table);

	if (r->rtm_family != AF_INET)
		return false;
	if (r->rtm_dst_len == 0 && table == RT_TABLE_MAIN)
		return true;
	return guest_find_attr(h, sizeof(*r), RTA_PREFSRC, 4) &&
	       !guest_route_of_address(h, &n->state.kind[GUEST_NET_ADDRESS]);
}

static int choose(struct guest_net *n)
{
	struct nlmsghdr *h;
	int ret = 0;

	n->addresses.len = 0;
	n->routes.len = 0;
	guest_for_each (h, &n->state.kind[GUEST_NET_ADDRESS]) {
		if (((const struct ifaddrmsg *)NLMSG_DATA(h))->ifa_family == AF_INET && !ret)
			ret = guest_store_add(&n->addresses, h);
	}
	guest_for_each (h, &n->state.kind[GUEST_NET_ROUTE]) {
		if (!ret && is_looked_at(n, h))
			ret = guest_store_add(&n->routes, h);
	}
	return ret;
}

/* Throws away what the monitor has; false when there was something. */
static bool monitor_is_quiet(struct guest_net *n)
{
	static uint8_t buf[64u << 10];
	bool quiet = true;
	long len;

	while ((len = hot_recv(n->monitor, buf, sizeof(buf), MSG_DONTWAIT)) > 0 ||
	       len == -ENOBUFS || len == -EINTR)
		quiet = false;
	return quiet;
}

int guest_net_refresh(struct guest_net *n)
{
	int ret = -EAGAIN;

	n->fresh = false;
	/* right once nothing changed from before the first dump to after the last */
	for (int i = 0; i < DUMP_TRIES && ret == -EAGAIN; i++) {
		(void)monitor_is_quiet(n);
		n->n_links = 0;
		ret = guest_state_read(n, &n->state, true);
		if (!ret && !monitor_is_quiet(n))
			ret = -EAGAIN;
	}
	if (!ret)
		ret = choose(n);
	n->fresh = ret == 0;
	return ret;
}

/* A request that changes nothing, whoever makes it: an address of no link is to go. */
static int may_change(struct guest_net *n)
{
	struct ifaddrmsg body = {.ifa_family = AF_INET};
	uint8_t room[256];
	struct guest_batch b = {.buf = room, .room = sizeof(room)};
	uint32_t seq = ++n->seq;
	struct nlmsghdr *h;
	long len;

	guest_begin(&b, RTM_DELADDR, NLM_F_ACK, seq, &body, sizeof(body));
	if (hot_sendto(n->fd, room, b.len, 0, NULL, 0) != (long)b.len)
		return -EIO;
	do {
		len = hot_recv(n->fd, room, sizeof(room), 0);
	} while (len == -EINTR);
	if (len < 0)
		return (int)len;
	h = guest_message(room, (uint32_t)len, 0);
	if (!h || h->nlmsg_seq != seq || h->nlmsg_type != NLMSG_ERROR)
		return -EIO;
	return ((struct nlmsgerr *)NLMSG_DATA(h))->error == -EPERM ? -EPERM : 0;
}

int guest_net_open(struct guest_net *n)
{
	int ret;

	n->addresses = (struct guest_store){.buf = n->few[0], .room = GUEST_FEW_BYTES};
	n->routes = (struct guest_store){.buf = n->few[1], .room = GUEST_FEW_BYTES};
	n->fd = open_netlink(0);
	n->monitor = open_netlink(WATCHED);
	if (n->fd < 0 || n->monitor < 0) {
		errno = n->fd < 0 ? -n->fd : -n->monitor;
		fs_error("opening rtnetlink: %m");
		return -errno;
	}
	ret = may_change(n);
	if (ret == -EPERM)
		fs_error(
			"this process may not change the network: it needs CAP_NET_ADMIN in the user namespace that owns the network's namespace; run the agent as the guest's root, or give it that capability");
	else if (ret)
		fs_error("asking rtnetlink whether this process may change the network: %s",
			 strerror(-ret));
	return ret;
}
