/* SPDX-License-Identifier: BSD-2-Clause */
/* Records from lines of text, the opposite of record/text/event_text.h. */
#ifndef FORKSCOPE_MKREC_EVENT_H
#define FORKSCOPE_MKREC_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "record/text/event_text.h"

struct fsr_parsed {
	_Alignas(8) uint8_t rec[FSR_MAX_REC];
	bool has_seq;         /* seq= was given */
	bool has_payload_len; /* payload_len= was given */
};

/*
 * Parses such a line. What is not given is 0, but for stack (none), for cpu of a MARK (0xffff) and
 * for payload_len (that of payload). Returns the record's bytes, or a negative errno with a
 * sentence in @err.
 */
int fsr_text_parse(const char *line, struct fsr_parsed *out, char *err, size_t err_len);

#endif
