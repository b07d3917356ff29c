/* SPDX-License-Identifier: BSD-2-Clause */
/* The MISSED records of a recording, known before the first event is read: they lie behind it. */
#ifndef FORKSCOPE_MISSED_H
#define FORKSCOPE_MISSED_H

#include <stddef.h>
#include <stdint.h>
#include "base/vec.h"
#include "bpf/event.h"

#define FSR_MAX_MISSED (1u << 20) /* records: what a hostile file can make us hold */

struct fsr_missed {
	FS_VEC(struct fs_ev_missed) v;
};

/*
 * Adds the MISSED records among the @bytes at @recs, the records of an EVENTS chunk; what is
 * malformed ends it, as it ends the reading of events. Returns 0, -E2BIG (too many) or -ENOMEM.
 */
int fsr_missed_add(struct fsr_missed *t, const void *recs, size_t bytes);
void fsr_missed_free(struct fsr_missed *t);

#endif
