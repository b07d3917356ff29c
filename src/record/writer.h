/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes a recording (format.h). Nothing is parsed or copied more than once. */
#ifndef FORKSCOPE_WRITER_H
#define FORKSCOPE_WRITER_H

#include <stddef.h>
#include <stdint.h>
#include "record/format.h"

struct fsr_writer;

/*
 * Creates @path with mode 0600 and writes the file header. A recording that is there, or an empty
 * file, is replaced; anything else is refused. Returns 0 or a negative errno (fs_fresh_why()).
 */
int fsr_create(const char *path, struct fsr_writer **out);

/* Would it be refused because of what is there? Returns 0 or the same errno. */
int fsr_may_create(const char *path);

/*
 * Appends one chunk. @data is @bytes long (at most FSR_MAX_CHUNK). After the first failure (disk
 * full) the file is cut back to its last whole chunk and every later call returns that same error.
 */
int fsr_write(struct fsr_writer *w, enum fsr_chunk_type type, const void *data, size_t bytes);

/* Appends an EVENTS chunk: @count whole records of @cpu, @bytes long. */
int fsr_write_events(struct fsr_writer *w, uint32_t cpu, const void *recs, size_t bytes,
		     uint32_t count);

/* Appends a ROUND chunk: all records with ts < @horizon_ns have been written. */
int fsr_write_round(struct fsr_writer *w, uint64_t horizon_ns);

uint64_t fsr_written(const struct fsr_writer *w); /* bytes so far */

/* Syncs, closes and frees. Returns 0 or the first error of the file's life. */
int fsr_close(struct fsr_writer *w);

#endif
