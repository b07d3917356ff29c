// SPDX-License-Identifier: BSD-2-Clause
/*
 * The agent's change of the network (src/guest/net/net_batch.c and what is above it, as shipped),
 * once, in the network namespace that it runs in, with one request of the change broken on its way
 * to the kernel:
 *
 *     netapply PAYLOAD [--fail N[:ERRNO]] [--busy]
 *
 *	--fail N[:ERRNO]  the Nth request that would change something (from 0) fails; the change
 *	                  sees ERRNO (EOPNOTSUPP)
 *	--busy            a new MAC is refused (EBUSY) while the device is up
 *
 * A broken request gets a type that the kernel does not know: it is the kernel that refuses it,
 * and goes on with the next. Prints one JSON object: "requests" is how many the first message of
 * the change had.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "guest/common/fastpath.h"

static int fail_at = -1, fail_errno = EOPNOTSUPP, refuse_mac, changes, requests = -1;
static unsigned int broken_seq, busy_seq;

static long broken_sendto(int fd, void *from, size_t len, int flags, const void *to, size_t to_len);
static long answered_call(long nr, long a, long b, long c, long d, long e, long f);

/* only net_batch.c: what reads the network, before and after, is not broken */
#define hot_sendto broken_sendto
#define hot_call   answered_call
#include "guest/net/net_batch.c" /* NOLINT(bugprone-suspicious-include) */
#undef hot_sendto
#undef hot_call

static int is_up(int index)
{
	struct ifreq r = {.ifr_ifindex = index};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), up;

	up = !ioctl(fd, SIOCGIFNAME, &r) && !ioctl(fd, SIOCGIFFLAGS, &r) && r.ifr_flags & IFF_UP;
	close(fd);
	return up;
}

static void break_message(struct nlmsghdr *h)
{
	h->nlmsg_type = RTM_MAX + 1;
}

static int sets_mac(const struct nlmsghdr *h)
{
	return h->nlmsg_type == RTM_NEWLINK &&
	       guest_find_attr(h, sizeof(struct ifinfomsg), IFLA_ADDRESS, 6);
}

static long broken_sendto(int fd, void *from, size_t len, int flags, const void *to, size_t to_len)
{
	struct nlmsghdr *h;
	int here = 0, down = 0;

	for (uint32_t at = 0; (h = guest_message(from, (uint32_t)len, at)) != NULL;
	     at += NLMSG_ALIGN(h->nlmsg_len), here++) {
		const struct ifinfomsg *i = NLMSG_DATA(h);

		if (h->nlmsg_type == RTM_NEWLINK && i->ifi_change & IFF_UP)
			down = !(i->ifi_flags & IFF_UP);
		if (refuse_mac && sets_mac(h) && !down && is_up(i->ifi_index)) {
			busy_seq = h->nlmsg_seq;
			break_message(h);
		} else if (changes + here == fail_at) {
			broken_seq = h->nlmsg_seq;
			break_message(h);
		}
	}
	changes += here;
	if (requests < 0)
		requests = here;
	return hot_sendto(fd, from, len, flags, to, to_len);
}

static long answered_call(long nr, long a, long b, long c, long d, long e, long f)
{
	struct mmsghdr *msgs = (struct mmsghdr *)(uintptr_t)b;
	long ret = hot_call(nr, a, b, c, d, e, f);

	for (long i = 0; i < ret; i++) {
		struct nlmsghdr *h = msgs[i].msg_hdr.msg_iov->iov_base;
		struct nlmsgerr *answer = NLMSG_DATA(h);

		if (h->nlmsg_seq == busy_seq)
			answer->error = -EBUSY;
		else if (h->nlmsg_seq == broken_seq)
			answer->error = -fail_errno;
	}
	return ret;
}

static int take_option(int argc, char **argv, int *i)
{
	if (!strcmp(argv[*i], "--busy")) {
		refuse_mac = 1;
		return 0;
	}
	if (strcmp(argv[*i], "--fail") != 0 || *i + 1 == argc)
		return -1;
	(void)sscanf(argv[++*i], "%d:%d", &fail_at, &fail_errno);
	return 0;
}

int main(int argc, char **argv)
{
	static struct guest_net net;
	struct fs_payload p;
	struct guest_outcome o;

	for (int i = 2; i < argc; i++)
		if (take_option(argc, argv, &i))
			return 2;
	if (argc < 2 || fs_payload_decode(argv[1], strlen(argv[1]), &p) || guest_net_open(&net) ||
	    guest_net_refresh(&net))
		return 1;
	guest_net_apply(&net, &p, &o);
	printf("{\"error\": %d, \"step\": \"%s\", \"undone\": %s, \"undo_error\": %d, \"lost\": "
	       "%u, "
	       "\"lost_what\": \"%s\", \"lost_error\": %d, \"flush_error\": %d, \"requests\": "
	       "%d}\n",
	       -o.error, o.step, o.undone ? "true" : "false", -o.undo_error, o.lost,
	       o.lost ? o.lost_what : "", -o.lost_error, -o.flush_error, requests);
	return 0;
}
