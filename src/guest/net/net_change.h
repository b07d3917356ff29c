/* SPDX-License-Identifier: BSD-2-Clause */
/* A change of the network while it is made: shared by net_apply.c, which makes it, and what it
 * stands on. */
#ifndef FORKSCOPE_GUEST_NET_CHANGE_H
#define FORKSCOPE_GUEST_NET_CHANGE_H

#include <linux/if_addr.h>
#include <sys/socket.h>
#include "guest/net/net.h"

#define GUEST_BATCH_BYTES 16384
#define GUEST_FEW_STEPS   24
#define GUEST_MAX_STEPS   192 /* in one message; what is more goes in the next one */
#define GUEST_ACK_BYTES   64  /* an ack without a copy of the request */
#define GUEST_ACKS        8   /* received in one call */
#define GUEST_KEPT_BYTES  32768
#define GUEST_DUMP_BYTES  32768 /* the most that the kernel puts into one message of a dump */

/* How a step may fail and be as good as done. */
enum guest_tolerance {
	GUEST_MUST,     /* not at all: it fails the change */
	GUEST_IF_THERE, /* what was to be deleted went with something else */
	GUEST_IF_NOT,   /* what was to be added is there */
	GUEST_PUT_BACK, /* as GUEST_IF_NOT; all else is counted as lost, and does not fail the
			   change */
};

struct guest_step {
	const char *name;
	enum guest_tolerance tolerance;
	bool *done; /* set when the kernel did it; NULL = nobody asks */
};

/*
 * One block for all that is touched: a usual change (a dozen steps, some 600 bytes) stays in its
 * first page, the neighbours come into the next ones.
 */
struct guest_work {
	struct guest_batch batch;
	uint32_t first_seq, n_steps;
	int error; /* the first that no step tolerates, and whose it is */
	const char *step;
	uint32_t lost; /* GUEST_PUT_BACK that failed; the first one's */
	int lost_error;
	const char *lost_what;
	struct iovec iov[GUEST_ACKS];
	struct mmsghdr msgs[GUEST_ACKS];
	uint8_t acks[GUEST_ACKS][GUEST_ACK_BYTES];
	struct guest_step few_steps[GUEST_FEW_STEPS];
	uint8_t bytes[GUEST_BATCH_BYTES];
	/* what is received of a dump goes behind what is kept of it, which is less: one page for
	 * both */
	uint8_t received[GUEST_KEPT_BYTES + GUEST_DUMP_BYTES];
	struct guest_step more_steps[GUEST_MAX_STEPS - GUEST_FEW_STEPS];
};

extern struct guest_work guest_work;

struct guest_change {
	struct guest_net *net;
	const struct fs_payload *p;
	struct guest_link link; /* as it was */
	bool keep_address;      /* the new address is there already, and nothing takes it along */
	uint8_t stand_in; /* prefix of the address that holds the link's routes meanwhile; 0 */
	bool inherit;     /* the prefix's route is not the kernel's, as before */
	uint32_t metric;  /* of the prefix's route, as before; 0 = none */
	bool change_mac;
	bool mac_changed;              /* it has been */
	bool neighbours_read;          /* they are kept, as they were before */
	struct guest_batch neighbours; /* what is kept of them, over guest_work.received */
	uint32_t no_room;              /* neighbours that are to stay and found none */
};

/* --- net_batch.c: steps that go to the kernel together. Hot --------------------------------- */

void guest_batch_begin(void);

/* Begins a step; its attributes follow in guest_work.batch. What is there already is sent first
 * when there is no room for this one. */
void guest_step(struct guest_net *n, const char *name, enum guest_tolerance tolerance,
		uint16_t type, uint16_t flags, const void *body, uint32_t size);

/* A kept message as a request of type @type. Returns it, or NULL when it is too long. */
struct nlmsghdr *guest_step_message(struct guest_net *n, const struct nlmsghdr *h, const char *name,
				    enum guest_tolerance tolerance, uint16_t type, uint16_t flags);

/* The step that was begun last. */
struct guest_step *guest_last_step(void);

/* Sends what is left and waits for all acks. Returns 0 or the error of the first step since
 * guest_batch_begin that is not tolerated, then in @step whose. */
int guest_batch_send(struct guest_net *n, const char **step);

/* --- net_neigh.c: neighbours. Hot ----------------------------------------------------------- */

/* Reads the link's neighbours (IPv4, IPv6) before the kernel flushes them. 0 or negative errno. */
int guest_neighbours_read(struct guest_change *c);

/* Adds the entries of proxies to what was read. Cold. */
int guest_neighbours_read_proxies(struct guest_change *c);

/* Steps that put back what somebody configured; with @learned, the others too. */
void guest_neighbours_put_back(struct guest_change *c, bool learned);

/* Deletes those (IPv4) that were learnt in another life. Returns 0 or a negative errno; -E2BIG:
 * there were more than 64 messages' full. */
int guest_neighbours_flush(struct guest_change *c);

/* --- net_restore.c: what the kernel took away. Cold ----------------------------------------- */

/* Back to what the network was, whatever of the change was made. @down: the link was taken down. */
void guest_change_undo(struct guest_change *c, bool down, struct guest_outcome *o);

/* After a change that took the link down: what was not asked to go comes back. */
void guest_change_put_back(struct guest_change *c, struct guest_outcome *o);

/* --- net_change.c: what making it and undoing it both ask. Hot ------------------------------- */

/* Of a kept message: is it about the link that changes? */
static inline bool guest_on_link(const struct guest_change *c, const struct nlmsghdr *h)
{
	return h->nlmsg_pid == (uint32_t)c->link.index;
}

/* Of a kept address: IFA_LOCAL, in network byte order. */
static inline uint32_t guest_local_of(const struct nlmsghdr *h)
{
	return guest_attr_get_u32(h, sizeof(struct ifaddrmsg), IFA_LOCAL, 0);
}

/* IFF_UP in @mask: up or down; with @mac, the address too. */
void guest_step_link(const struct guest_change *c, const char *name, uint32_t flags, uint32_t mask,
		     const uint8_t *mac);

/* Whether an address (network byte order) is one of the link's that the change takes away. */
bool guest_address_goes(const struct guest_change *c, uint32_t address);

/* Whether a route is that of the new address's network, made by somebody instead of the kernel. */
bool guest_is_prefix_route(const struct guest_change *c, const struct nlmsghdr *h);

/* Whether an IPv4 route is a default one that the change replaces. */
bool guest_default_goes(const struct guest_change *c, const struct nlmsghdr *h);

#endif
