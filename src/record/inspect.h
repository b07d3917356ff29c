/* SPDX-License-Identifier: BSD-2-Clause */
/* What a recording is made of, for `forkscope dump` and tests: chunks and whole tables. */
#ifndef FORKSCOPE_INSPECT_H
#define FORKSCOPE_INSPECT_H

#include <stddef.h>
#include <stdint.h>
#include "record/chunks.h"
#include "record/reader.h"

struct fsr_chunk_info {
	struct fsr_chunk chunk;
	const char *name;         /* NULL for a type of a newer minor */
	struct fsr_events events; /* of EVENTS */
	struct fsr_round round;   /* of ROUND */
};

/*
 * Calls @fn for each whole chunk that the reader uses, until it returns something else than 0,
 * which is then returned. Payloads are not checked. Does not disturb fsr_next().
 */
int fsr_each_chunk(const struct fsr_reader *r,
		   int (*fn)(const struct fsr_chunk_info *info, void *arg), void *arg);

/* The @i-th stack in the order of ids: its depth and *@id, *@addrs; -1 past the last one. */
int fsr_stack_at(const struct fsr_reader *r, size_t i, uint32_t *id, const uint64_t **addrs);

/* The @i-th symbol in the order of addresses: its name, or NULL past the last; *@module "" or
 * "[kvm]". */
const char *fsr_symbol_at(const struct fsr_reader *r, size_t i, uint64_t *addr,
			  const char **module);

/* How many GUEST chunks there are, in the order of the file, and of which VM the @i-th is. */
size_t fsr_guest_readings(const struct fsr_reader *r);
uint32_t fsr_guest_reading_vm(const struct fsr_reader *r, size_t i);

/* The @i-th one's payload (guest/guest_chunk.h takes it apart), to be freed; NULL and errno: not
 * readable.
 */
void *fsr_guest_payload(const struct fsr_reader *r, size_t i, size_t *bytes);

/* The @i-th of the blobs of guests (symbols, META), NULL past the last one. */
const struct fsr_guest_blob *fsr_guest_blob_at(const struct fsr_reader *r, size_t i);

#endif
