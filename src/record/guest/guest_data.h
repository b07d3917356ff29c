/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest parts of a recording: what was read out of the forks' memory (bpf/guest_ring.h). Every
 * byte of it was written by a guest: lengths, counts and numbers are bounded here, and what does
 * not fit is left out and counted, so that it spoils nothing but that fork's guest recording.
 */
#ifndef FORKSCOPE_RECORD_GUEST_H
#define FORKSCOPE_RECORD_GUEST_H

#include <stddef.h>
#include <stdint.h>
#include "bpf/guest_ring.h"
#include "record/reader.h"

struct fsr_guest_ring {
	uint16_t kind;              /* FSR_GP_RING or FSR_GP_AGENT */
	uint16_t index;             /* the guest's CPU */
	uint64_t first;             /* number of recs[0]; later ones follow, but for partial ones */
	const struct fsg_rec *recs; /* in the order of their numbers (seq - 1), without WRAP */
	size_t n;
	uint64_t lost, partial;
};

struct fsr_guest_data {
	uint32_t vm, tgid;
	uint32_t state;   /* enum fsr_guest_state of the last reading; READ once one was READ */
	char why[96];     /* why it is not READ, or why there is no more of it; "" */
	uint64_t read_ns; /* host CLOCK_MONOTONIC at which the last reading began */
	uint64_t done_ns; /* and ended */
	uint64_t dir_gpa;
	struct fsg_dir dir; /* zero unless state is READ */
	struct fsr_guest_ring *rings;
	size_t nrings;
	uint64_t *frames; /* ascending guest frame numbers of the recorder's own pages */
	size_t nframes;
	uint64_t lost, partial; /* sums over the rings */
};

/*
 * All readings of VM @vm, joined. Returns 1 and *out (free with fsr_guest_free()), 0 when the
 * recording has none, or a negative errno.
 */
int fsr_guest_load(struct fsr_reader *r, uint32_t vm, struct fsr_guest_data **out);
void fsr_guest_free(struct fsr_guest_data *g);

/*
 * Text of the guest's kernel symbols ("addr type name [module]" lines, NUL-terminated), inflated;
 * NULL when the recording has none for that id or they are damaged. Belongs to the reader.
 */
const char *fsr_guest_symbols(struct fsr_reader *r, const uint8_t id[16], size_t *len);

/* META of the arming, borrowed; NULL when there is none. */
const json_t *fsr_guest_meta(struct fsr_reader *r, const uint8_t id[16]);

#endif
