/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Brings the records of all CPUs into one order, (ts, cpu, seq), a part of the file at a time.
 *
 * Each EVENTS chunk becomes a part of a stream: one stream per CPU, and a further one where a part
 * begins before its CPU's last one ended (a record whose time was taken just before an interrupt
 * may stand after those of the interrupt). A heap over the streams yields the order. Parts beyond
 * the memory budget are not held but read again, window by window, when their turn comes.
 */
#ifndef FORKSCOPE_MERGE_H
#define FORKSCOPE_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bpf/event.h"
#include "record/buf_pool.h"
#include "record/reader.h"

#define FSR_MERGE_BUDGET (64u << 20) /* bytes of parts held in memory */

struct fsr_merge;

/* @info: its event counters are kept up to date; @fd: where parts beyond the budget are re-read. */
struct fsr_merge *fsr_merge_new(int fd, struct fsr_info *info, size_t budget);

/* A buffer for the payload of the next chunk, to be given to fsr_merge_add(). */
struct fsr_buf *fsr_merge_buf(struct fsr_merge *m, size_t bytes);
void fsr_merge_drop(struct fsr_merge *m, struct fsr_buf *b);

/*
 * Adds the records at @recs (inside @b, which now belongs to the merge; @bytes long; standing at
 * byte @file_off of the file) of @cpu; @count: how many the chunk claims, for the count of what a
 * malformed one hides. Returns 0 or -ENOMEM.
 */
int fsr_merge_add(struct fsr_merge *m, uint32_t cpu, struct fsr_buf *b, const void *recs,
		  size_t bytes, uint64_t file_off, uint32_t count);

/* Records with ts < @horizon may be delivered; UINT64_MAX = all. */
void fsr_merge_horizon(struct fsr_merge *m, uint64_t horizon);

/* The next record: 1, 0 = none below the horizon, or a negative errno. */
int fsr_merge_next(struct fsr_merge *m, const struct fs_ev **ev);

/* Most bytes of buffers that were in use at one time. */
size_t fsr_merge_peak(const struct fsr_merge *m);

void fsr_merge_reset(struct fsr_merge *m);
void fsr_merge_free(struct fsr_merge *m);

#endif
