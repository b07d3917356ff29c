/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a recording's guest parts stand: found when it is opened, loaded when they are asked for.
 */
#ifndef FORKSCOPE_GUEST_INDEX_H
#define FORKSCOPE_GUEST_INDEX_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "base/vec.h"
#include "record/chunks.h"
#include "record/inflate.h"

/* What may be held of a guest at most: hostile input. */
#define FSR_MAX_GUEST_SYMBOLS (64u << 20) /* bytes, inflated */
#define FSR_MAX_GUEST_META    (1u << 20)

struct fsr_guest_ref {
	uint32_t vm;
	struct fsr_chunk chunk;
};

struct fsr_guest_blob_ref {
	struct fsr_guest_blob head;
	struct fsr_chunk chunk;
	bool tried;
	struct fsr_text text; /* of SYMBOLS, NUL-terminated, once it was asked for */
	json_t *json;         /* of META */
};

struct fsr_guests {
	FS_VEC(struct fsr_guest_ref) readings;
	FS_VEC(struct fsr_guest_blob_ref) blobs;
	uint64_t inflated; /* bytes of symbols that are held */
};

/*
 * Notes a GUEST or GUEST_BLOB chunk whose payload was read. Of several blobs of one id and kind the
 * first stands. Returns 0, -EBADMSG (shorter than its header) or -ENOMEM.
 */
int fsr_guests_note(struct fsr_guests *g, const struct fsr_chunk *c, const void *payload);
void fsr_guests_free(struct fsr_guests *g);

#endif
