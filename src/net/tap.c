// SPDX-License-Identifier: BSD-2-Clause
/* Makes a network namespace and a TAP for a fork, and removes them. */
#include "net/tap.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/err.h"

#define TUN "/dev/net/tun"

static void set_address(struct sockaddr *to, uint32_t address)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};

	memcpy(to, &in, sizeof(in));
}

static int set_up(int s, const char *name)
{
	struct ifreq r = {0};

	memcpy(r.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	if (ioctl(s, SIOCGIFFLAGS, &r))
		return -errno;
	r.ifr_flags |= IFF_UP;
	return ioctl(s, SIOCSIFFLAGS, &r) ? -errno : 0;
}

int fs_net_enter_new(char *err, size_t len)
{
	int s, ret;

	if (unshare(CLONE_NEWNET))
		return fs_errf(err, len, -errno, "making a network namespace for the fork: %m%s",
			       errno == EPERM ? " (root is needed)" : "");
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ret = s < 0 ? -errno : set_up(s, "lo");
	if (s >= 0)
		close(s);
	return ret ? fs_errf(err, len, ret, "bringing up a namespace's loopback: %s",
			     strerror(-ret))
		   : 0;
}

/* Opens the TAP; @flags: IFF_TUN_EXCL to have a new one. Returns the descriptor or -errno. */
static int open_tap(const char *name, short flags)
{
	struct ifreq r = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | flags)};
	int fd = open(TUN, O_RDWR | O_CLOEXEC), e;

	if (fd < 0)
		return -errno;
	memcpy(r.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	if (!ioctl(fd, TUNSETIFF, &r))
		return fd;
	e = errno;
	close(fd);
	return -e;
}

static int own(int fd, const struct fs_tap_want *w)
{
	if (ioctl(fd, TUNSETPERSIST, 1l))
		return -errno;
	if (w->owner == (uid_t)-1)
		return 0;
	return ioctl(fd, TUNSETOWNER, (unsigned long)w->owner) ||
			       ioctl(fd, TUNSETGROUP, (unsigned long)w->group)
		       ? -errno
		       : 0;
}

static int route_to(int s, const struct fs_tap_want *w)
{
	struct rtentry r = {.rt_flags = RTF_UP | RTF_HOST};
	char name[IFNAMSIZ];

	memcpy(name, w->name, sizeof(name));
	set_address(&r.rt_dst, w->guest);
	r.rt_dev = name;
	return ioctl(s, SIOCADDRT, &r) ? -errno : 0;
}

static int configure(int s, const struct fs_tap_want *w)
{
	struct ifreq r = {0};
	int ret;

	memcpy(r.ifr_name, w->name, strnlen(w->name, IFNAMSIZ - 1));
	r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(r.ifr_hwaddr.sa_data, w->mac, sizeof(w->mac));
	if (ioctl(s, SIOCSIFHWADDR, &r))
		return -errno;
	set_address(&r.ifr_addr, w->gateway);
	if (ioctl(s, SIOCSIFADDR, &r))
		return -errno;
	set_address(&r.ifr_netmask, w->prefix ? ~0u << (32 - w->prefix) : 0);
	if (ioctl(s, SIOCSIFNETMASK, &r))
		return -errno;
	ret = set_up(s, w->name);
	return ret || !w->guest ? ret : route_to(s, w);
}

int fs_tap_make(const struct fs_tap_want *w, char *err, size_t len)
{
	int fd, s, ret;

	if (if_nametoindex(w->name))
		return fs_errf(
			err, len, -EEXIST,
			"TAP %s exists already: another run uses it, or one was killed (ip link del %s removes it)",
			w->name, w->name);
	if (w->guest && fs_net_has_address(w->guest))
		return fs_errf(err, len, -EADDRINUSE,
			       "the host itself has the address of TAP %s's guest", w->name);
	fd = open_tap(w->name, (short)IFF_TUN_EXCL);
	if (fd < 0)
		return fs_errf(err, len, fd, "making TAP %s: %s%s", w->name, strerror(-fd),
			       fd == -ENOENT ? " (modprobe tun)" : "");
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ret = s < 0 ? -errno : own(fd, w);
	if (!ret)
		ret = configure(s, w);
	if (ret)
		ioctl(fd, TUNSETPERSIST, 0l);
	if (s >= 0)
		close(s);
	close(fd);
	return ret ? fs_errf(err, len, ret, "setting up TAP %s: %s", w->name, strerror(-ret)) : 0;
}

int fs_tap_remove(const char *name)
{
	int fd = open_tap(name, 0), ret;

	if (fd < 0)
		return fd;
	ret = ioctl(fd, TUNSETPERSIST, 0l) ? -errno : 0;
	close(fd);
	return ret;
}

static bool is_address(const struct sockaddr *a, uint32_t address)
{
	struct sockaddr_in in;

	if (!a || a->sa_family != AF_INET)
		return false;
	memcpy(&in, a, sizeof(in));
	return ntohl(in.sin_addr.s_addr) == address;
}

bool fs_net_has_address(uint32_t address)
{
	struct ifaddrs *all = NULL;
	bool found = false;

	if (getifaddrs(&all))
		return false;
	for (struct ifaddrs *i = all; i && !found; i = i->ifa_next)
		found = is_address(i->ifa_addr, address) ||
			((i->ifa_flags & IFF_POINTOPOINT) && is_address(i->ifa_dstaddr, address));
	freeifaddrs(all);
	return found;
}
