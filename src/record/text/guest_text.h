/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GUEST chunks as lines of text and JSON objects, for `forkscope dump`. docs/format.md has the
 * language; tools/mkrec reads it.
 */
#ifndef FORKSCOPE_GUESTTEXT_H
#define FORKSCOPE_GUESTTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "record/text/fields.h"
#include "record/format.h"

/* "SWITCH", or NULL for a kind of struct fsg_rec that is not known. */
const char *fsr_guest_kind_name(uint16_t kind);

/* How x and a of such a record are shown: a's eight bytes may be a text. */
const struct fsr_field *fsr_guest_rec_x(uint16_t kind);
bool fsr_guest_rec_a_is_text(const struct fsg_rec *rec);

/*
 * The number of a record by its sequence, given the number at which it is expected: as far ahead of
 * it as 32 bits say.
 */
static inline uint64_t fsr_guest_number(uint32_t seq, uint64_t expected)
{
	return expected + (uint32_t)(seq - 1 - (uint32_t)expected);
}

/*
 * Calls @line for every line (valid during the call) of the reading that is the payload of a GUEST
 * chunk. Returns 0, or -EBADMSG when the payload does not add up; what stands before was printed.
 */
int fsr_guest_print(const void *payload, size_t bytes, void (*line)(const char *text, void *arg),
		    void *arg);

/* The same as JSON objects, which remain the callee's. */
int fsr_guest_json(const void *payload, size_t bytes, void (*object)(const json_t *o, void *arg),
		   void *arg);

#endif
