/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of fields from text, the opposite of record/text/values.h. */
#ifndef FORKSCOPE_MKREC_VALUE_H
#define FORKSCOPE_MKREC_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "record/text/fields.h"

/* "10", "0x1f", "-1", and for times "1.5ms". */
bool fsr_parse_number(const char *s, uint64_t *v);

/*
 * Takes one value off the line: a word, or a quoted text, whose escapes are resolved in place.
 * Returns it, its length in *@len, the line behind it in *@line; NULL: the text is not closed.
 */
char *fsr_take_value(char **line, size_t *len);

/* Sets the field of @rec from text; false: that does not fit. Changes @s. */
bool fsr_set_field(uint8_t *rec, const struct fsr_field *f, char *s, size_t len);
bool fsr_set_number(uint8_t *p, const struct fsr_field *f, uint64_t v);

/* The field @name, padding left out, or NULL. */
const struct fsr_field *fsr_find_field(const struct fsr_field *f, const char *name);

#endif
