/* SPDX-License-Identifier: BSD-2-Clause */
/* What all JSON reports are made of: numbers, texts, paths, and how an object is written. */
#ifndef FORKSCOPE_RENDER_JSON_VALUES_H
#define FORKSCOPE_RENDER_JSON_VALUES_H

#include <stdint.h>
#include <stdio.h>
#include <jansson.h>

/* Writes a whole report and gives @o back. 0, -ENOMEM (@o is NULL) or -EIO. */
int fsj_write(json_t *o, FILE *out);

/* A count or a time; what lies beyond a signed 64-bit integer, and "not recorded", is null. */
json_t *fsj_u64(uint64_t x);
/* An address is text: numbers above 2^53 do not survive most JSON readers. 0 is null. */
json_t *fsj_addr(uint64_t x);
/* Any bytes as valid JSON text: what is not printable ASCII is replaced. */
json_t *fsj_text(const char *s);
json_t *fsj_path(const char *s); /* null where there is none; not UTF-8: base/json.h */
json_t *fsj_text_or_null(const char *s);

#endif
