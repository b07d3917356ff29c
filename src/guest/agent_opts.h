/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of forkscope-guest agent, by its arguments and its environment. */
#ifndef FORKSCOPE_GUEST_AGENT_OPTS_H
#define FORKSCOPE_GUEST_AGENT_OPTS_H

#include <stdbool.h>
#include <stdint.h>
#include "guest/resume/signal.h"

struct guest_agent_opts {
	char token[64]; /* a few more than may be, so that too long ones show */
	enum guest_signal signal;
	struct guest_signal_paths paths;
	const char *ring_dir;
	uint64_t timeout_ns; /* how long to wait for a payload after the signal */
	bool ack_stages, debug_stages, once;
};

/* Returns -1 to go on, or the exit code to end with. */
int guest_agent_opts(struct guest_agent_opts *o, int argc, char **argv);

#endif
