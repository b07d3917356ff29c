/* SPDX-License-Identifier: BSD-2-Clause */
/* What is left in the programs' maps when a recording ends, and what that needs to be read. */
#ifndef FORKSCOPE_DRAIN_H
#define FORKSCOPE_DRAIN_H

#include <stdint.h>
#include "collect/bpf/own_records.h"
#include "collect/bpf/programs.h"
#include "record/writer.h"

/* Writes a FLUSH record for each thread that is in the middle of something at @now. */
int fs_drain_flush(const struct fs_bpf *b, struct fsr_writer *w, struct fs_own_records *o,
		   uint64_t now);

/*
 * Writes the stacks that were taken, and the kernel symbols that they need from the descriptor
 * @kallsyms (-1 = none). Returns 0, -EACCES when only the symbols are missing because addresses
 * are hidden, or the error of the writer or of the maps.
 */
int fs_drain_stacks(const struct fs_bpf *b, struct fsr_writer *w, int kallsyms);

#endif
