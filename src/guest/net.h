/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's network: what it is (kept ready before the snapshot, so that nothing must be asked
 * in a fork) and how it is changed, as a whole or not at all.
 */
#ifndef FORKSCOPE_GUEST_NET_H
#define FORKSCOPE_GUEST_NET_H

#include <stdbool.h>
#include <stdint.h>
#include "guest/nlmsg.h"
#include "mailbox/payload.h"

#define FSG_LINKS 256

struct fsg_link {
	int index;
	uint32_t flags;
	char name[16];
	uint8_t mac[6];
	uint8_t mac_len;
};

/* Whole messages as the kernel dumped them. */
struct fsg_store {
	uint8_t *buf;
	uint32_t room, len;
	bool grown; /* buf was allocated */
};

/* In a usual guest both stores stay in one page beside the rest, and nothing is allocated. */
#define FSG_FEW_BYTES 1024

struct fsg_net {
	int fd;      /* requests */
	int monitor; /* readable when somebody changed something */
	bool fresh;  /* links, addresses and routes are what the kernel has */
	uint32_t seq;
	uint32_t n_links;
	struct fsg_store addresses; /* IPv4 */
	struct fsg_store routes;    /* IPv4, main table */
	uint8_t few[2][FSG_FEW_BYTES];
	struct fsg_link links[FSG_LINKS];
};

/* What became of a change. */
struct fsg_outcome {
	int error;        /* 0, or the negative errno of the step that failed */
	const char *step; /* "interface", "mac", "address", "up", "route", "state" */
	bool undone;      /* after an error: the old network is back */
	int undo_error;   /* if not, why */
	int flush_error;  /* neighbours could not be flushed; the rest is as asked */
};

/* Opens the sockets and reads the network. Returns 0 or a negative errno; says what failed. */
int fsg_net_open(struct fsg_net *n);

/* Reads the network anew (cold: it may allocate). Returns 0 or a negative errno. */
int fsg_net_refresh(struct fsg_net *n);

/* Takes in what the monitor has; n->fresh is false when a refresh is needed. Hot. */
void fsg_net_drain(struct fsg_net *n);

/*
 * Gives the payload's interface its MAC, its address (the only IPv4 one), brings it up, sets the
 * default route and flushes its neighbours. Hot, unless the network changed since it was read. On
 * an error everything that was changed is put back.
 */
void fsg_net_apply(struct fsg_net *n, const struct fs_payload *p, struct fsg_outcome *o);

/* For net.c and net_apply.c: a link as the kernel told of it, and the link of that name or NULL. */
void fsg_net_take_link(struct fsg_net *n, struct nlmsghdr *h);
struct fsg_link *fsg_net_link(struct fsg_net *n, const char *name);

#endif
