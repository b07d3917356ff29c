/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guests' part of a recording: sees VMs and their ends pass by, has their recorders read by a
 * process of its own when they are due, and writes what comes of it. Nothing here waits during a
 * recording.
 */
#ifndef FORKSCOPE_GUESTS_H
#define FORKSCOPE_GUESTS_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "base/vec.h"
#include "collect/bpf/own_records.h"
#include "collect/bpf/ring.h"
#include "collect/guest/guestwatch.h"

struct fs_guest_opts {
	bool off;                      /* no reader: the recording is of the host alone */
	FS_VEC(const char *) memfiles; /* of snapshots whose recorders are to be found in them */
	bool warm;                     /* read the recorders' pages into the page cache */
	struct fs_guest_end end;
};

struct fs_guests;

/*
 * Opens and searches the memory files, and starts the reading process. To be called before
 * privileges are dropped. NULL in *out when it is off. Returns 0 or a negative errno and a
 * sentence.
 */
int fs_guests_start(const struct fs_guest_opts *o, struct fs_guests **out, char *err, size_t len);

/* From here on the records that @r drains are seen. */
void fs_guests_watch(struct fs_guests *g, struct fs_rings *r);

/* A mark, which does not come out of a ring. */
void fs_guests_mark(struct fs_guests *g, const struct fs_ev_mark *m);

/* Readable when an answer of the reading process is there; -1 = there is none. */
int fs_guests_fd(const struct fs_guests *g);

/* ms until fs_guests_work() has something to do, at most @ms. */
int fs_guests_wait_ms(const struct fs_guests *g, uint64_t now, int ms);

/* Takes answers, asks for the next reading. Returns 0 or the writer's error. */
int fs_guests_work(struct fs_guests *g, struct fsr_writer *w, struct fs_own_records *own);

/* Was the guest of @tgid read, or will it not be? Then its VMM may go. */
bool fs_guests_idle(const struct fs_guests *g, uint32_t tgid);

/*
 * The recording stops: reads every VM that lives once more, and reports which could not be read.
 * Waits for that, some seconds at most. Returns 0 or the writer's error.
 */
int fs_guests_finish(struct fs_guests *g, struct fsr_writer *w, struct fs_own_records *own);

json_t *fs_guests_meta(const struct fs_guests *g); /* how they are read */
json_t *fs_guests_json(const struct fs_guests *g); /* what became of them */
void fs_guests_report(const struct fs_guests *g);  /* the same in words, on stderr */
void fs_guests_free(struct fs_guests *g);

/* Writes a CLOCK record, where this machine has a TSC. Returns 0 or the writer's error. */
int fs_guests_clock(struct fsr_writer *w, struct fs_own_records *own);

#endif
