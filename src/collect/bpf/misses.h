/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of our programs that the kernel skipped: what they would have recorded is lost. Read once in
 * a while and at the end, so that a loss is charged to the CPU and the time in which it happened.
 */
#ifndef FORKSCOPE_MISSES_H
#define FORKSCOPE_MISSES_H

#include <stdbool.h>
#include <stdint.h>
#include "collect/bpf/own_records.h"
#include "collect/bpf/programs.h"
#include "record/writer.h"

#define FS_MISSES_NS (100ull * 1000 * 1000) /* between two readings */

struct fs_misses;

/* From now on; what was skipped before does not count. NULL = no memory. */
struct fs_misses *fs_misses_new(struct fs_bpf *b);
void fs_misses_free(struct fs_misses *m);

/* Can it still be read? For the dropping of privileges. */
bool fs_misses_works(struct fs_misses *m);

/*
 * Writes a MISSED record for each program and CPU with skipped runs since the reading before; @now:
 * CLOCK_MONOTONIC, ns. Of twins only those count that may have lost the event: no more than the
 * one that was skipped less often. Returns 0 or the writer's error.
 */
int fs_misses_read(struct fs_misses *m, struct fsr_writer *w, struct fs_own_records *own,
		   uint64_t now);

uint64_t fs_misses_next(const struct fs_misses *m); /* when to read again, ns */

/* So far: all of them; of those those of @cpu (FS_ANY_CPU: of which the CPU is not known). */
uint64_t fs_misses_runs(const struct fs_misses *m);
uint64_t fs_misses_of(const struct fs_misses *m, uint32_t cpu);

#endif
