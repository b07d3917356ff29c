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

#endif
