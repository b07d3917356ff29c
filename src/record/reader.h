/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only parser of recordings. Everything in the file is treated as hostile: every length is
 * bounded before use, a bad chunk ends reading there (what stands before it remains usable).
 * Memory does not grow with the recording: events are merged over the CPUs round by round.
 */
#ifndef FORKSCOPE_READER_H
#define FORKSCOPE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "bpf/event.h"
#include "record/format.h"

struct fsr_reader;

struct fsr_info {
	uint16_t major, minor;
	uint64_t created_ns; /* CLOCK_REALTIME */
	bool complete;       /* an END chunk was found */
	bool truncated;      /* cut short or damaged: see why */
	char why[512];       /* what is wrong and at which byte, "" */
	uint64_t chunks;
	uint64_t unknown_chunks; /* of a newer minor: skipped */
	uint64_t unknown_events;
	uint64_t bad_events;  /* malformed records that were dropped, late_events included */
	uint64_t late_events; /* came after a ROUND that said that they had been written */
	uint64_t events;      /* delivered so far */
	uint64_t seq_holes;   /* records missing by the per-CPU sequence numbers */
	json_t *meta;         /* META, or NULL; borrowed */
	json_t *stats;        /* last STATS, or NULL; borrowed */
	json_t *end;          /* END, or NULL; borrowed */
};

/*
 * Opens @path, checks header and chunk headers, loads META, STATS, STACKS, SYMBOLS (wherever they
 * stand). Returns 0, or a negative errno with a sentence in @err ("not a recording: ...", "format
 * 2.0 is newer than this program reads (1.x): use a newer forkscope").
 */
int fsr_open(const char *path, struct fsr_reader **out, char *err, size_t err_len);

/*
 * Next event in the order of (ts, cpu, seq). Returns 1 and *ev (valid until the next call), 0 at
 * the end, or a negative errno. A record is at least as long as this program's struct for its
 * kind (shorter ones of older minors are zero-filled).
 */
int fsr_next(struct fsr_reader *r, const struct fs_ev **ev);

/* Starts again from the first event. */
int fsr_rewind(struct fsr_reader *r);

const struct fsr_info *fsr_info(const struct fsr_reader *r);

/* Addresses of stack @id, innermost first; returns their number, 0 when there is none. */
unsigned int fsr_stack(const struct fsr_reader *r, uint32_t id, const uint64_t **addrs);

/* Name of the kernel symbol that holds @addr, or NULL; *off gets the distance into it. */
const char *fsr_ksym(const struct fsr_reader *r, uint64_t addr, uint64_t *off);

/*
 * The MISSED records, in no order; their number in @n. Those that make no sense, or are more than a
 * million, are only counted, in @left_out.
 */
const struct fs_ev_missed *fsr_missed(const struct fsr_reader *r, size_t *n, uint64_t *left_out);

void fsr_free(struct fsr_reader *r);

#endif
