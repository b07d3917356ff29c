/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The consumer of the per-CPU BPF ring buffers: moves their bytes into EVENTS chunks and looks at
 * nothing but each record's kind, length and time (records of the kinds that are watched are shown
 * to the watcher). The recording never waits for it; what does not fit into a ring is counted by
 * the programs.
 *
 * Not libbpf's consumer: that calls a function for each record, where this one moves long stretches
 * at once, and before version 1.3 it does not show where the producers stand, on which the horizon
 * rests.
 *
 * The horizon. Once in a while a ROUND chunk promises that every record with ts < horizon stands
 * before it. In a round the clock is read first, then where each producer stands; the round is
 * whole when everything up to there was consumed, busy records included (a producer between
 * reserve and submit stops its ring: then there is no promise in this round). What was reserved
 * before the clock was read is then in the file. A record's ts may be read somewhat before its
 * place in the ring is reserved, so the promise is made FS_RING_SLACK_NS late; a record that breaks
 * it all the same is counted (`late`).
 */
#ifndef FORKSCOPE_RING_H
#define FORKSCOPE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bpf/event.h"
#include "record/writer.h"

#define FS_RING_SLACK_NS (100ull * 1000 * 1000)
#define FS_RING_KINDS    64 /* counted one by one; later ones together in [0] */

struct fs_rings;

struct fs_ring_counts {
	uint64_t events;
	uint64_t kinds[FS_RING_KINDS];
	uint64_t late;      /* records that came after a horizon beyond them */
	uint64_t malformed; /* records that are none: a fault of the programs */
	uint64_t rounds;
	double max_fill; /* how full the fullest ring has been, 0 to 1 */
};

/* For rings of @bytes each. NULL = no memory. */
struct fs_rings *fs_rings_new(size_t bytes);

/* Maps the ring buffer @map_fd (BPF_MAP_TYPE_RINGBUF) of @cpu. Returns 0 or a negative errno. */
int fs_rings_add(struct fs_rings *r, unsigned int cpu, int map_fd);

/*
 * Calls @fn for each record whose kind (below 64) is a bit of @kinds, as it is drained. It must be
 * quick: the rings fill up meanwhile.
 */
void fs_rings_watch(struct fs_rings *r, uint64_t kinds,
		    void (*fn)(const struct fs_ev *ev, void *arg), void *arg);

/*
 * One round over all rings; writes what has been collected when that is much or long ago. @last:
 * the producers have stopped: waits for busy records (at most 1 s) and writes everything.
 * @w NULL: only counts. Returns 0 or the writer's error.
 */
int fs_rings_drain(struct fs_rings *r, struct fsr_writer *w, bool last);

/* How long the next round may wait, in ms: 0 when the rings are filling up. */
int fs_rings_wait_ms(const struct fs_rings *r);

const struct fs_ring_counts *fs_rings_counts(const struct fs_rings *r);
void fs_rings_free(struct fs_rings *r);

#endif
