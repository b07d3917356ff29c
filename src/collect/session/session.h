/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One recording, from the first check to the last chunk: prepare -> armed -> recording -> done.
 *
 * Says on stderr, once everything that is traced will be seen, exactly one line that begins with
 * "forkscope: recording to PATH"; others wait for it.
 */
#ifndef FORKSCOPE_SESSION_H
#define FORKSCOPE_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "collect/bpf/load.h"
#include "collect/guest/guests.h"
#include "collect/host/targets.h"

/* What shows that the end asked for was there, as far as a recorder that parses nothing can see.
 */
enum fs_end_proof { FS_PROOF_NONE, FS_PROOF_KIND, FS_PROOF_MARK };

struct fs_session_opts {
	const char *path;
	struct fs_targets targets;
	uint64_t timeout_ns; /* 0 = none */
	struct fs_load_opts load;
	struct fs_guest_opts guest;
	json_t *command_line; /* array; borrowed, like the next */
	json_t *asked;        /* options as they were given */
	const char *end;      /* for the report, "ack:mailbox" */
	enum fs_end_proof proof;
	enum fs_ev_kind proof_kind; /* FS_PROOF_KIND: a record of this kind */
	const char *proof_mark;     /* FS_PROOF_MARK: a mark of this name */
};

enum fs_session_result {
	FS_SESSION_DONE,
	FS_SESSION_FAILED,     /* has been reported on stderr */
	FS_SESSION_INCOMPLETE, /* events were lost, or the end asked for was not seen */
};

/* Records. Takes over the targets (and closes them). */
enum fs_session_result fs_session_run(struct fs_session_opts *o);

#endif
