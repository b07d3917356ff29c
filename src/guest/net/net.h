/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's network: what it is (kept ready before the snapshot, so that nothing must be asked
 * in a fork) and how it is changed, as a whole or not at all. What is not asked to change is there
 * afterwards as it was, also where the kernel takes it away on the way.
 */
#ifndef FORKSCOPE_GUEST_NET_H
#define FORKSCOPE_GUEST_NET_H

#include <stdbool.h>
#include <stdint.h>
#include "guest/net/nlmsg.h"
#include "mailbox/payload.h"

#define GUEST_LINKS 256

struct guest_link {
	int index;
	uint32_t flags;
	char name[16];
	uint8_t mac[6];
	uint8_t mac_len;
};

/* Whole messages, in the form of net_state.h. */
struct guest_store {
	uint8_t *buf;
	uint32_t room, len;
	bool grown; /* buf was allocated */
};

/* In a usual guest both stores stay in one page with the rest, and nothing is allocated. */
#define GUEST_FEW_BYTES 1024

/* Goes through a store: @h is each of its messages, in order. */
#define guest_for_each(h, store)                                                               \
	for (uint32_t at_ = 0; ((h) = guest_message((store)->buf, (store)->len, at_)) != NULL; \
	     at_ += NLMSG_ALIGN((h)->nlmsg_len))

/* Kinds of things, in the order in which they are made: each needs only those before it. */
enum guest_net_kind {
	GUEST_NET_LINK,    /* whether it is up */
	GUEST_NET_ADDRESS, /* IPv4 and IPv6 */
	GUEST_NET_NEXTHOP,
	GUEST_NET_ROUTE, /* IPv4 and IPv6, all tables */
	GUEST_NET_KINDS
};

struct guest_state {
	struct guest_store kind[GUEST_NET_KINDS];
	uint64_t read_ns; /* CLOCK_MONOTONIC: lifetimes count from here */
};

struct guest_net {
	int fd;      /* requests */
	int monitor; /* readable when somebody changed something */
	bool fresh;  /* all that is kept here is what the kernel has */
	uint32_t seq;
	uint32_t n_links;
	struct guest_store addresses; /* IPv4 */
	struct guest_store routes;    /* IPv4: default ones of the main table, and with a source */
	uint8_t few[2][GUEST_FEW_BYTES];
	struct guest_link links[GUEST_LINKS];
	struct guest_state state; /* all of it; looked at only to put something back */
};

/* What became of a change. */
struct guest_outcome {
	int error;        /* 0, or the negative errno of the step that failed */
	const char *step; /* "interface", "mac", "address", "up", "route", "state" */
	bool undone;      /* after an error: the old network is back, all of it */
	int undo_error;   /* if not, why */
	int flush_error;  /* neighbours could not be read or flushed; the rest is as asked */
	/* What the kernel took away and did not take back: how many, of what kind the first is
	 * ("link", "address", "nexthop", "route", "neighbour"), and its negative errno. */
	uint32_t lost;
	const char *lost_what;
	int lost_error;
};

/*
 * Opens the sockets. Returns 0 or a negative errno; reports what failed. -EPERM: this process may
 * not change the network that it is in.
 */
int guest_net_open(struct guest_net *n);

/* Reads the network anew (cold: it may allocate). Returns 0 or a negative errno. */
int guest_net_refresh(struct guest_net *n);

/* Takes in what the monitor has; n->fresh is false when a refresh is needed. Hot. */
void guest_net_drain(struct guest_net *n);

/*
 * Gives the payload's interface its MAC, its address (the only IPv4 one), brings it up, sets the
 * default route and flushes its neighbours. Hot, unless the network changed since it was read. On
 * an error everything that was changed is put back.
 */
void guest_net_apply(struct guest_net *n, const struct fs_payload *p, struct guest_outcome *o);

/* --- for net*.c --- */

/* In host byte order, of a prefix of 0 to 32. */
static inline uint32_t guest_network_mask(uint32_t prefix)
{
	return prefix ? ~0u << (32 - prefix) : 0;
}

/* A link as the kernel reported it, and the link of that name or NULL. */
void guest_net_take_link(struct guest_net *n, struct nlmsghdr *h);
struct guest_link *guest_net_link(struct guest_net *n, const char *name);

/* The link that has @name among its other names, or NULL: asks the kernel. Uses @buf. */
struct guest_link *guest_net_ask_link(struct guest_net *n, const char *name, uint8_t *buf,
				      uint32_t room);

#endif
