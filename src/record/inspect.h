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

#endif
