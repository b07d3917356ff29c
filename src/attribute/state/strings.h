/* SPDX-License-Identifier: BSD-2-Clause */
/* Names are kept once for the whole recording; sentences live as long as the result does. */
#ifndef FORKSCOPE_ATTR_STRINGS_H
#define FORKSCOPE_ATTR_STRINGS_H

#include "base/hashmap.h"
#include "base/vec.h"

struct at_strings {
	struct fs_hashmap map; /* hash to index chain */
	FS_VEC(struct at_str {
		char *s;
		uint32_t next;
	})
	v;
};

struct at;

uint32_t at_str(struct at *a, const char *s, size_t max); /* stops at NUL or @max; 0 if no memory */
const char *at_str_get(const struct at *a, uint32_t id);
void at_str_free(struct at *a);
/* A sentence that lives as long as the result does, never cut; "" if no memory (a->no_memory). */
const char *at_text(struct at *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
