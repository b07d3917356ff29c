/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a reader: for src/record, and for tests that set its limits. */
#ifndef FORKSCOPE_READER_IMPL_H
#define FORKSCOPE_READER_IMPL_H

#include "record/chunks.h"
#include "record/guest/guest_index.h"
#include "record/merge.h"
#include "record/missed.h"
#include "record/reader.h"
#include "record/tables.h"

struct fsr_reader {
	struct fsr_file_header header;
	struct fsr_walk walk;
	uint64_t end; /* of the last chunk that is used */
	struct fsr_info info;
	struct fsr_merge *merge;
	struct fsr_stacks stacks;
	struct fsr_symbols symbols;
	struct fsr_guests guests;
	struct fsr_missed missed;
	uint64_t horizon; /* of the last ROUND that was passed */
	bool drained;     /* all chunks are in the merge */
};

/* As fsr_open(), with @budget bytes of events held in memory at most (FSR_MERGE_BUDGET). */
int fsr_open_budget(const char *path, size_t budget, struct fsr_reader **out, char *err,
		    size_t err_len);

#endif
