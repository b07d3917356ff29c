/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of forkscope mailbox find, show and patch. */
#ifndef FORKSCOPE_MAILBOX_OPTS_H
#define FORKSCOPE_MAILBOX_OPTS_H

#include <stdbool.h>
#include "mailbox/locate.h"
#include "mailbox/payload.h"

struct mailbox_asked {
	const char *file, *offset_file, *payload_file, *copy_out;
	struct fs_mbox_query query;
	bool forget, json, unseen_ok;
	struct fs_payload payload; /* of the options, when there is no payload_file */
};

/*
 * Each parses argv[1..]. Returns -1 to go on, or the exit code to return at once.
 */
int mailbox_opts_find(struct mailbox_asked *r, int argc, char **argv);
int mailbox_opts_show(struct mailbox_asked *r, int argc, char **argv);
int mailbox_opts_patch(struct mailbox_asked *r, int argc, char **argv);

/*
 * The fields of a payload as options; each parser's dst is a struct fs_payload.
 * X(parser, FIELD, option, argument, help)
 */
#define MAILBOX_FIELD_OPTIONS(X)                                                                  \
	X(mailbox_opt_interface, INTERFACE, "--interface", "NAME", "the guest's interface: eth0") \
	X(mailbox_opt_mac, MAC, "--mac", "MAC", "its new MAC address")                            \
	X(mailbox_opt_ip, IPV4, "--ip", "ADDRESS", "its new IPv4 address")                        \
	X(mailbox_opt_prefix, PREFIX, "--prefix", "N", "the length of its prefix, 1 to 32")       \
	X(mailbox_opt_gateway, GATEWAY, "--gateway", "ADDRESS",                                   \
	  "the default route; acks go there")                                                     \
	X(mailbox_opt_ack_port, ACK_PORT, "--ack-port", "PORT",                                   \
	  "UDP port for the acks (default: no acks)")

#define X(parser, field, option, argument, help) \
	int parser(const char *text, void *dst, char *why, size_t len);
MAILBOX_FIELD_OPTIONS(X)
#undef X

/* Says so if the gateway is outside of the network: the agent's route to it would be "onlink". */
void mailbox_warn_of_gateway(const struct fs_payload *p);

#endif
