// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "rtnl_load.h"

struct request {
	struct nlmsghdr head;
	struct ifinfomsg link;
	char attributes[128];
};

static int netlink = -1;
static uint32_t sequence;

static struct rtattr *add(struct request *r, unsigned short type, const void *data, size_t bytes)
{
	struct rtattr *a = (void *)((char *)r + NLMSG_ALIGN(r->head.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(bytes);
	if (bytes)
		memcpy(RTA_DATA(a), data, bytes);
	r->head.nlmsg_len = NLMSG_ALIGN(r->head.nlmsg_len) + (uint32_t)RTA_ALIGN(a->rta_len);
	return a;
}

static void begin(struct request *r, uint16_t type, uint16_t flags, uint32_t group)
{
	memset(r, 0, sizeof(*r));
	r->head.nlmsg_len = NLMSG_LENGTH(sizeof(r->link));
	r->head.nlmsg_type = type;
	r->head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	r->head.nlmsg_seq = ++sequence;
	add(r, IFLA_GROUP, &group, sizeof(group));
}

static int ask(const struct request *r)
{
	union {
		struct nlmsghdr head;
		char bytes[1024];
	} answer;

	if (send(netlink, r, r->head.nlmsg_len, 0) < 0 ||
	    recv(netlink, &answer, sizeof(answer), 0) < 0)
		return -1;
	if (answer.head.nlmsg_type != NLMSG_ERROR) {
		errno = EPROTO;
		return -1;
	}
	errno = -((struct nlmsgerr *)NLMSG_DATA(&answer.head))->error;
	return errno ? -1 : 0;
}

static uint32_t number_of(int size, int group)
{
	return 100u + (uint32_t)(size * RTNL_GROUPS + group);
}

static int make_group(int size, int group)
{
	for (int i = 0; i < (size ? RTNL_LARGE : RTNL_SMALL); i++) {
		struct request r;
		struct rtattr *info;

		begin(&r, RTM_NEWLINK, NLM_F_CREATE, number_of(size, group));
		info = add(&r, IFLA_LINKINFO, NULL, 0);
		add(&r, IFLA_INFO_KIND, "dummy", 5);
		info->rta_len = (unsigned short)((char *)&r + r.head.nlmsg_len - (char *)info);
		if (ask(&r))
			return -1;
	}
	return 0;
}

/* The module is in the guest's image, not loaded. */
static int load_module(void)
{
	int fd = open("/modules/dummy.ko", O_RDONLY | O_CLOEXEC), bad;

	if (fd < 0)
		return -1;
	bad = syscall(SYS_finit_module, fd, "numdummies=0", 0) && errno != EEXIST;
	close(fd);
	return bad ? -1 : 0;
}

int rtnl_load_prepare(void)
{
	if (load_module())
		return -1;
	netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (netlink < 0)
		return -1;
	for (int group = 0; group < RTNL_GROUPS; group++)
		if (make_group(0, group) || make_group(1, group))
			return -1;
	return 0;
}

int rtnl_load_delete(int size, int group)
{
	struct request r;

	begin(&r, RTM_DELLINK, 0, number_of(size, group));
	return ask(&r);
}
