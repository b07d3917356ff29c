/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload of a GUEST chunk: struct fsr_guest, then parts, made and taken apart. */
#ifndef FORKSCOPE_GUESTCHUNK_H
#define FORKSCOPE_GUESTCHUNK_H

#include <stddef.h>
#include <stdint.h>
#include "record/format.h"

/* A growing payload, to be used with the macros of base/vec.h. */
struct fsr_bytes {
	uint8_t *v;
	size_t n, cap;
};

/* Begins a reading in the empty @b. Returns 0 or -ENOMEM. */
int fsr_guest_begin(struct fsr_bytes *b, const struct fsr_guest *head);

/*
 * Appends a part with @part->bytes of @data, padded. Returns 0, -ENOMEM, or -EMSGSIZE where the
 * chunk would be longer than one may be.
 */
int fsr_guest_add(struct fsr_bytes *b, const struct fsr_guest_part *part, const void *data);

/*
 * The part at *@at (0 at first) of a payload: 1 and *@part, *@data (aligned as the payload is), 0
 * after the last one, -EBADMSG where they do not add up.
 */
int fsr_guest_next(const void *payload, size_t bytes, size_t *at, struct fsr_guest_part *part,
		   const void **data);

#endif
