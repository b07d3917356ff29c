/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of one recording: session.c (begins it), session_record.c, session_finish.c. */
#ifndef FORKSCOPE_SESSION_IMPL_H
#define FORKSCOPE_SESSION_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "base/err.h"
#include "base/vec.h"
#include "collect/bpf/misses.h"
#include "collect/bpf/own_records.h"
#include "collect/bpf/ring.h"
#include "collect/bpf/stats_json.h"
#include "collect/mark_socket.h"
#include "collect/session/session.h"
#include "record/writer.h"

/* epoll's data: what a descriptor is; pidfds of targets count from FS_WAKE_TARGET on. */
enum { FS_WAKE_SIGNALS, FS_WAKE_MARKS, FS_WAKE_GUESTS, FS_WAKE_TARGET };

struct fs_session {
	struct fs_session_opts *o;
	struct fs_bpf *bpf;
	struct fs_rings *rings;
	struct fs_misses *misses;
	struct fsr_writer *w;
	int epoll, signals, marks, kallsyms;
	uint64_t armed_ns, stats_ns;
	struct fs_cpu_time prepared, stopped; /* own CPU time when armed, when stopped */
	struct fs_own_records own;
	struct fs_guests *guests;
	int guests_fd;                       /* that is watched, -1 = none */
	FS_VEC(struct fs_ev_proc_add) found; /* processes that existed; written once META is */
	unsigned int nmarks, refused;
	bool mark_seen, found_lost; /* no memory for one of found */
	size_t targets_left;
	char kept[64];   /* capabilities */
	const char *why; /* the recording ends because of this; NULL = it goes on */
	bool timed_out;
	char err[FS_SENTENCE];
};

/* --- what wakes the recorder (session_wait.c); all return 0 or a negative errno --- */

/*
 * Signals come as descriptors from here on; those that would kill the process at a write are
 * ignored.
 */
int fs_session_catch_signals(struct fs_session *s);

/* Reads the signals that came; returns the name of one that ends the recording, or NULL. */
const char *fs_session_signals(struct fs_session *s);

/* Marks, guests, targets. A sentence is in @s->err. */
int fs_session_watch_all(struct fs_session *s);

/* The process that reads guests, which another may have taken the place of. */
int fs_session_watch_guests(struct fs_session *s);

/* The @i-th target has ended. */
void fs_session_target_ended(struct fs_session *s, size_t i);

/* --- what it writes itself (session_write.c); all return 0 or a negative errno --- */

/* Takes over @o; NULL = there was no memory for it. */
int fs_session_write_json(struct fs_session *s, enum fsr_chunk_type type, json_t *o);
int fs_session_write_stats(struct fs_session *s, bool final);

/* Writes the marks that came, answers those that ask. */
int fs_session_read_marks(struct fs_session *s);

/* --- steps --- */

/* Records until something ends it: @s->why. Returns 0 or a negative errno. */
int fs_session_record(struct fs_session *s);

/* Stops, writes what is left. Returns 0 or a negative errno; @lost: events that are missing. */
int fs_session_finish(struct fs_session *s, uint64_t *lost);

/* Reports on stderr what the recording came to; @ret is the error of writing it. */
enum fs_session_result fs_session_report(struct fs_session *s, int ret, uint64_t lost);

#endif
