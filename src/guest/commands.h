/* SPDX-License-Identifier: BSD-2-Clause */
/* The subcommands of forkscope-guest. */
#ifndef FORKSCOPE_GUEST_AGENT_H
#define FORKSCOPE_GUEST_AGENT_H

/* X(name, "one line for the list of commands") */
#define GUEST_COMMANDS(X)                                                       \
	X(agent, "wait to be a fork, then take the network out of the mailbox") \
	X(arm, "record in this guest, for the forks of the snapshot to come")   \
	X(status, "what is armed, where, how full")

#define X(name, doc) int guest_cmd_##name(int argc, char **argv);
GUEST_COMMANDS(X)
#undef X

enum { GUEST_EXIT_OK = 0, GUEST_EXIT_FAILED = 1, GUEST_EXIT_USAGE = 2 };

#endif
