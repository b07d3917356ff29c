/* SPDX-License-Identifier: BSD-2-Clause */
/* The agent's acks as the platform gets them: UDP datagrams of a guest, hostile input. */
#ifndef FORKSCOPE_NET_ACKS_H
#define FORKSCOPE_NET_ACKS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FS_ACK_STAGE 32
#define FS_ACK_WORD  24
#define FS_ACK_BYTES 512 /* of a datagram; a longer one is no ack */

struct fs_ack {
	char stage[FS_ACK_STAGE];
	char mac[18];
	char ip[16];
	/* What else it says, of stage=error above all; empty: nothing, or no plain word. */
	char reason[FS_ACK_WORD], what[FS_ACK_WORD], error[FS_ACK_WORD], undone[FS_ACK_WORD];
	uint64_t at_ns; /* CLOCK_MONOTONIC when it was read */
};

/*
 * "stage=NAME mac=MAC ip=IPV4[ key=value ...]\n": NAME is letters, digits, dots, dashes and
 * underscores; MAC and IPV4 are "-" where the agent knows none (its payload was bad). Of the
 * further words "reason", "what", "errno" (a number, in `error`) and "undone" are kept. Returns 0,
 * or -EINVAL for anything else. Sets all but at_ns.
 */
int fs_ack_parse(const void *data, size_t bytes, struct fs_ack *a);

/*
 * A socket for acks to @gateway:@port in the calling thread's namespace; @device NULL = of any
 * device. Returns the descriptor or a negative errno with a sentence in @err.
 */
int fs_acks_open(uint32_t gateway, uint16_t port, const char *device, char *err, size_t len);

/*
 * "the agent reported stage=error: reason=netlink what=route errno=22 (Invalid argument)
 * undone=yes", of what it gave. Returns @buf.
 */
char *fs_ack_error_text(const struct fs_ack *a, char *buf, size_t len);

/* The next ack that arrived: 1 and @a, 0 none, -EINVAL one that is none (go on reading). */
int fs_acks_next(int fd, struct fs_ack *a);

#endif
