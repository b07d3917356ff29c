/* SPDX-License-Identifier: BSD-2-Clause */
/* What is left in the programs' maps when a recording ends, and what that needs to be read. */
#ifndef FORKSCOPE_REMAINS_H
#define FORKSCOPE_REMAINS_H

#include <stdint.h>
#include "bpf/event.h"
#include "collect/bpf/load.h"
#include "record/writer.h"

/* Records that user space makes itself: of no CPU, with a sequence of their own. */
struct fs_own_records {
	uint32_t seq;
	uint64_t events;
};

#define FS_OWN_CPU 0xffff

/* Fills in the header but for tgid, tid and vm. */
void fs_own_head(struct fs_own_records *o, struct fs_ev *h, enum fs_ev_kind kind, uint16_t len,
		 uint64_t ts);

/* Writes a FLUSH record for each thread that is in the middle of something at @now. */
int fs_remains_flush(const struct fs_bpf *b, struct fsr_writer *w, struct fs_own_records *o,
		     uint64_t now);

/*
 * Writes the stacks that were taken, and the kernel symbols that they need from the descriptor
 * @kallsyms (-1 = none). Returns 0, -EACCES when only the symbols are missing because addresses
 * are hidden, or the error of the writer or of the maps.
 */
int fs_remains_stacks(const struct fs_bpf *b, struct fsr_writer *w, int kallsyms);

#endif
