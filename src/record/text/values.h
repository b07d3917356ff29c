/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of fields (fields.h) as text and as JSON: what all lines of the text form are made of.
 * tools/mkrec/value.h reads them.
 */
#ifndef FORKSCOPE_VALUES_H
#define FORKSCOPE_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "record/text/fields.h"

/* A line that is being printed: cut short at @end, never longer. */
struct fsr_out {
	char *p, *end;
};

void fsr_put(struct fsr_out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* @size bytes without the zeros at their end, escaped; @quote (0 = none) is escaped too. */
void fsr_put_escaped(struct fsr_out *o, const char *p, size_t size, char quote);
void fsr_put_value(struct fsr_out *o, const struct fsr_field *f, const void *p);

/* Is the field at @p what a line that leaves it out means? */
bool fsr_is_default(const struct fsr_field *f, const uint8_t *p);

/* The fields of @rec as members of @obj, numbers as numbers. */
void fsr_json_fields(json_t *obj, const struct fsr_field *f, const uint8_t *rec);

#endif
