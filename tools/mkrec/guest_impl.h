/* SPDX-License-Identifier: BSD-2-Clause */
/* What guest.c gathers from lines and guest_chunks.c writes. */
#ifndef FORKSCOPE_MKREC_GUEST_IMPL_H
#define FORKSCOPE_MKREC_GUEST_IMPL_H

#include <stdbool.h>
#include <stdint.h>
#include "base/vec.h"
#include "bpf/guest_ring.h"
#include "record/guest/guest_chunk.h"
#include "tools/mkrec/guest.h"

struct ring {
	struct fsr_guest_part part;
	struct fsr_bytes recs;
	uint64_t next; /* number of the next record */
};

struct fsr_guest_text {
	bool open, has_dir;
	struct fsr_guest head;
	_Alignas(8) union {
		struct fsg_dir d;
		uint8_t page[FSG_PAGE];
	} dir;
	FS_VEC(struct ring) rings;
	struct fsr_bytes frames, syms;
	uint8_t id[16]; /* of the blobs that follow */
	char *err;
	size_t err_len;
};

/* Returns -ENOMEM after it has written the sentence to t->err. */
int fsr_guest_text_no_memory(struct fsr_guest_text *t);
int fsr_guest_text_append(struct fsr_guest_text *t, struct fsr_bytes *b, const void *data,
			  size_t n);

/*
 * Each writes one chunk, the first two only if something was gathered for it. Returns 0 or a
 * negative errno.
 */
int fsr_guest_text_reading(struct fsr_guest_text *t, struct fsr_writer *w);
int fsr_guest_text_symbols(struct fsr_guest_text *t, struct fsr_writer *w);
int fsr_guest_text_blob(struct fsr_guest_text *t, struct fsr_writer *w, uint32_t kind,
			const struct fsr_bytes *data, uint64_t raw_bytes);

#endif
