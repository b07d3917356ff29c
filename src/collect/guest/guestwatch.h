/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which guest is to be read, and when: by the records that pass by. Pure, no clock of its own.
 *
 * A recorder is read when its fork has come to an end, not before: a `stage=applied` or
 * `stage=error` or the end that was asked for is followed by a reading FS_READ_SOON_NS later; a
 * `stage=mailbox` alone by one FS_READ_LATE_NS later; and whoever lives when the recording stops is
 * read once more.
 */
#ifndef FORKSCOPE_GUESTWATCH_H
#define FORKSCOPE_GUESTWATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bpf/event.h"
#include "collect/guest/guestring.h"

#define FS_READ_SOON_NS (30ull * 1000 * 1000)
#define FS_READ_LATE_NS (1000ull * 1000 * 1000)
#define FS_READ_MOST    16 /* readings of one VM before the last one */

/* Kinds of records that it wants to see, as bits. */
#define FS_GUESTWATCH_KINDS                                                          \
	(1ull << FS_EV_VM_CREATE | 1ull << FS_EV_MEMSLOT | 1ull << FS_EV_FIRST_RUN | \
	 1ull << FS_EV_NET_TX | 1ull << FS_EV_PIO | 1ull << FS_EV_EXIT_TASK | 1ull << FS_EV_MARK)

/* The end that was asked for, in addition to the stages that always count. */
enum fs_guest_end_kind {
	FS_GUEST_END_ACK, /* text: the stage */
	FS_GUEST_END_FIRST_TX,
	FS_GUEST_END_TCP,   /* number: port */
	FS_GUEST_END_PIO,   /* number: port */
	FS_GUEST_END_MARK,  /* text */
	FS_GUEST_END_AFTER, /* number: ns after the first entry */
};

struct fs_guest_end {
	enum fs_guest_end_kind kind;
	uint64_t number;
	const char *text;
};

struct fs_guestwatch;

struct fs_guestwatch *fs_guestwatch_new(const struct fs_guest_end *end);
void fs_guestwatch_free(struct fs_guestwatch *w);

/* A record that passed by at @now (CLOCK_MONOTONIC ns). */
void fs_guestwatch_see(struct fs_guestwatch *w, const struct fs_ev *ev, uint64_t now);

/* The recording stops: every VM that lives is due for the last time. */
void fs_guestwatch_stop(struct fs_guestwatch *w);

/* When the next VM is due, UINT64_MAX = none. */
uint64_t fs_guestwatch_due(const struct fs_guestwatch *w);

/*
 * The VM that is due at @now: fills in @req and @slots (FS_MAX_SLOTS of them) and returns true; it
 * is due no more. False: none is.
 */
bool fs_guestwatch_next(struct fs_guestwatch *w, uint64_t now, struct fs_guest_req *req,
			struct fs_slot *slots);

/* What the reading came to. */
void fs_guestwatch_done(struct fs_guestwatch *w, const struct fs_guest_result *res);

/*
 * The process that read is gone with a reading on its way, and with it how far VMs had been read:
 * the VM of that reading, and those read before, are not read any more; others are. Whether that
 * VM is to be reported as not read: then its numbers are filled in.
 */
bool fs_guestwatch_lost(struct fs_guestwatch *w, uint32_t *vm, uint32_t *tgid);

/*
 * A VM that ended before it was ever read, reported once: true and its numbers. Also after
 * fs_guestwatch_stop() those that could not be read in time, where @all.
 */
bool fs_guestwatch_unread(struct fs_guestwatch *w, bool all, uint32_t *vm, uint32_t *tgid,
			  bool *lives);

struct fs_guest_counts {
	unsigned int vms, read, absent, gone, denied, bad, no_snapshot;
	uint64_t records, lost, partial, readings, read_ns;
	uint64_t stalled;      /* readings that were given up with their process */
	uint64_t blobs_failed; /* META and SYMBOLS that could not be read in one VM */
};

/* Is no reading due, or going on, of any VM of @tgid, and was there one (or has it ended)? */
bool fs_guestwatch_idle(const struct fs_guestwatch *w, uint32_t tgid);

void fs_guestwatch_counts(const struct fs_guestwatch *w, struct fs_guest_counts *c);

#endif
