/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The outer layer of a recording: file header and chunks, in the order of the file. The reader is
 * built on it, and `forkscope dump` lists chunks by it.
 */
#ifndef FORKSCOPE_CHUNKS_H
#define FORKSCOPE_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "record/format.h"

/* A position in a recording. Several may walk one file. */
struct fsr_walk {
	int fd;
	uint64_t next; /* offset of the next chunk's header */
	uint64_t end;  /* bytes of the file that are looked at */
	uint32_t seq;  /* of the next chunk */
	uint64_t buf_off;
	size_t buf_len;
	uint8_t buf[4096]; /* so that small chunks do not cost one read each */
};

struct fsr_chunk {
	uint64_t offset; /* of its header in the file */
	uint64_t data;   /* of its payload */
	uint32_t bytes;  /* of its payload */
	uint32_t crc;
	uint32_t seq;
	uint16_t type, flags;
};

/*
 * Opens @path and checks its file header. Returns the descriptor, with @h and the walk set up, or
 * a negative errno with a sentence in @err.
 */
int fsr_walk_open(const char *path, struct fsr_file_header *h, struct fsr_walk *w, char *err,
		  size_t err_len);

/*
 * The next chunk's header: 1 = *@c is a whole, well-formed chunk (its payload is not checked yet),
 * 0 = the file ends here, a negative errno = cut short or damaged here, with a sentence in @why.
 */
int fsr_walk_next(struct fsr_walk *w, struct fsr_chunk *c, char *why, size_t why_len);

/*
 * Reads the payload of @c into @buf (which has room for its bytes rounded up to 8) and checks it.
 * Returns 0 or a negative errno with a sentence in @why.
 */
int fsr_walk_payload(const struct fsr_walk *w, const struct fsr_chunk *c, void *buf, char *why,
		     size_t why_len);

/* "EVENTS", ... or NULL for a type of a newer minor. */
const char *fsr_chunk_name(uint16_t type);

#endif
