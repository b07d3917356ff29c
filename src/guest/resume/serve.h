/* SPDX-License-Identifier: BSD-2-Clause */
/* What the agent does in a fork, from the resume signal to the last ack. */
#ifndef FORKSCOPE_GUEST_SERVE_H
#define FORKSCOPE_GUEST_SERVE_H

#include <stdbool.h>
#include <stdint.h>
#include "guest/net/net.h"
#include "guest/resume/ack.h"
#include "guest/resume/stage.h"
#include "mailbox/payload.h"

/* Prepared before the snapshot. */
struct guest_server {
	uint8_t *mailbox; /* FS_MBOX_SIZE bytes of a page of its own */
	bool ack_stages;  /* send the `mailbox` ack too */
	bool debug_stages;
	uint64_t timeout_ns;    /* how long to wait for a payload after the signal */
	uint64_t signal;        /* of FSG_STAGES ARMED: by what it is woken */
	struct guest_ring ring; /* where it records what it does, if a recorder is armed */
	struct fs_payload payload;
	struct guest_ack ack;
	struct guest_outcome outcome;
	struct guest_net net;
};

enum guest_result {
	GUEST_APPLIED,
	GUEST_NO_PAYLOAD,  /* none came: the network is as it was */
	GUEST_BAD_PAYLOAD, /* refused: the network is as it was */
	GUEST_NOT_APPLIED, /* see server->outcome */
};

struct guest_served {
	enum guest_result result;
	enum fs_payload_error payload_error;
	uint32_t payload_len; /* as the mailbox said */
	uint64_t signal_ns;   /* CLOCK_MONOTONIC at which the signal was seen */
	uint64_t mailbox_ns, apply_ns, done_ns;
	long minor_faults, major_faults; /* debug only: from the signal to before the last ack */
};

/* The mailbox's sequence: 0 until a payload is there. */
const uint32_t *guest_serve_sequence(const struct guest_server *s);

/*
 * Serves one fork: waits up to the timeout (or not at all: @only_look) for a payload, decodes it,
 * applies it, sends the acks, and empties the mailbox.
 */
void guest_serve(struct guest_server *s, bool only_look, struct guest_served *out);

#endif
