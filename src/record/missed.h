/* SPDX-License-Identifier: BSD-2-Clause */
/* The MISSED records of a recording, known before the first event is read: they lie behind it. */
#ifndef FORKSCOPE_MISSED_H
#define FORKSCOPE_MISSED_H

#include <stddef.h>
#include <stdint.h>
#include "base/vec.h"
#include "bpf/event.h"

#define FSR_MAX_MISSED                                                            \
	(1u << 20) /* records that are held, of a hostile file or a very long one \
		    */

struct fsr_missed {
	FS_VEC(struct fs_ev_missed) v;
	uint64_t left_out; /* more than are held, or ones that end before they begin */
};

/*
 * Adds the MISSED records among the @bytes at @recs, the records of an EVENTS chunk, or counts them
 * as left out; what is malformed ends it, as it ends the reading of events. Returns 0 or -ENOMEM.
 */
int fsr_missed_add(struct fsr_missed *t, const void *recs, size_t bytes);
void fsr_missed_free(struct fsr_missed *t);

#endif
