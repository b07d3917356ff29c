/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Acks: one UDP datagram each to gateway:ack_port,
 *	stage=NAME mac=MAC ip=IPV4[ key=value ...]\n
 */
#ifndef FORKSCOPE_GUEST_ACK_H
#define FORKSCOPE_GUEST_ACK_H

#include <netinet/in.h>
#include <stdint.h>
#include "mailbox/payload.h"

struct guest_ack {
	int fd;
	struct sockaddr_in to; /* port 0: send nothing */
	int error;             /* of the first one that could not be sent; 0 = none */
	const char *error_stage;
	uint32_t len;
	char text[512];
};

/* Opens the socket. Returns 0 or a negative errno. */
int guest_ack_open(struct guest_ack *a);

/* Where the acks of this payload go; forgets earlier errors. Hot, as all that follows. */
void guest_ack_set_peer(struct guest_ack *a, const struct fs_payload *p);

/* Begins an ack; a field that the payload has not is "-". */
void guest_ack_begin(struct guest_ack *a, const char *stage, const struct fs_payload *p);
void guest_ack_number(struct guest_ack *a, const char *key, uint64_t value); /* " key=value" */
void guest_ack_word(struct guest_ack *a, const char *key, const char *value);
void guest_ack_send(struct guest_ack *a, const char *stage);

#endif
