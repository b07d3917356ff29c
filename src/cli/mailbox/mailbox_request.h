/* SPDX-License-Identifier: BSD-2-Clause */
/* One request of forkscope mailbox, and what each of its verbs is made of. */
#ifndef FORKSCOPE_CLI_MAILBOX_REQUEST_H
#define FORKSCOPE_CLI_MAILBOX_REQUEST_H

#include <sys/stat.h>
#include <jansson.h>
#include "cli/mailbox/mailbox_opts.h"
#include "mailbox/guard.h"
#include "mailbox/locate.h"
#include "mailbox/offsets.h"

/* What was asked, and what came of it. */
struct mailbox_request {
	struct mailbox_asked asked;
	int fd; /* to patch: the guard's */
	struct stat st;
	struct fs_guard guard;
	struct fs_offset_memory memory;
	struct fs_mbox_verified verified;
	struct fs_mbox_found found; /* of the search, if there was one */
	bool remembered;            /* there was none: the offset was known and has been verified */
	char err[1024];
};

/* Opens the memory file to read: r->fd, r->st. 0, or -1 after saying what is wrong. */
int mailbox_open(struct mailbox_request *r);

/* Finds the one mailbox and verifies it: r->verified. 0, or -1 after saying what is wrong. */
int mailbox_locate(struct mailbox_request *r);

/* Notes where the mailbox of r->st is, for the next time. */
void mailbox_remember(struct mailbox_request *r);

/* Prints an object on stdout and gives it back. */
void mailbox_print_json(json_t *object);

/* The mailbox that was found; its payload, of which there is one (r->verified.payload). */
json_t *mailbox_json(const struct mailbox_request *r);
json_t *mailbox_payload_json(const struct fs_mbox_verified *p);
void mailbox_print_found(const struct mailbox_request *r);
void mailbox_print_payload(const struct fs_mbox_verified *p);

/* forkscope mailbox patch. Returns an enum fs_exit. */
int mailbox_patch(struct mailbox_request *r);

#endif
