/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records as lines of text: what `forkscope dump --text` prints and tools/mkrec reads.
 * docs/format.md has the language.
 */
#ifndef FORKSCOPE_TEXT_H
#define FORKSCOPE_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "bpf/event.h"

#define FSR_MAX_LINE 8192u /* bytes of an event's line, terminator included */
#define FSR_MAX_REC  512u  /* bytes of a record of a known kind */

/*
 * "ts=1000 VMEXIT cpu=0 ... gpa=0x1000" of a record as fsr_next() delivers it; fields that are 0
 * are left out. @buf has FSR_MAX_LINE bytes. Returns its length.
 */
size_t fsr_text_print(const struct fs_ev *ev, char *buf);

/* The same as a JSON object (a new reference), numbers as numbers; NULL without memory. */
json_t *fsr_text_json(const struct fs_ev *ev);

#endif
