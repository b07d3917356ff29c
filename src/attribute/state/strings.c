// SPDX-License-Identifier: BSD-2-Clause
/*
 * Names (comms, paths) are kept once per recording; index 0 is the empty string. Sentences of the
 * result are as long as they come out.
 */
#include "attribute/state/strings.h"
#include <stdlib.h>
#include <string.h>
#include "attribute/state/at.h"
#include "base/err.h"

#define MAX_STRINGS (1u << 20) /* a hostile recording names no more than this */

static int make_empty(struct at *a)
{
	struct at_str none = {.s = calloc(1, 1)};

	if (!none.s || fs_vec_push(&a->str.v, none)) {
		free(none.s);
		return -ENOMEM;
	}
	return 0;
}

static uint32_t no_memory(struct at *a)
{
	a->no_memory = true;
	return 0;
}

uint32_t at_str(struct at *a, const char *s, size_t max)
{
	size_t n = strnlen(s, max);
	uint64_t h;
	uint32_t i;
	struct at_str add;

	if (!n)
		return 0;
	if (!a->str.v.n && make_empty(a))
		return no_memory(a);
	h = fs_hash(s, n);
	i = (uint32_t)(uintptr_t)fs_hashmap_get(&a->str.map, h);
	for (uint32_t k = i; k; k = a->str.v.v[k].next)
		if (!strncmp(a->str.v.v[k].s, s, n) && !a->str.v.v[k].s[n])
			return k;
	if (a->str.v.n >= MAX_STRINGS)
		return 0;
	add = (struct at_str){.s = strndup(s, n), .next = i};
	if (!add.s)
		return no_memory(a);
	if (fs_vec_push(&a->str.v, add)) {
		free(add.s);
		return no_memory(a);
	}
	i = (uint32_t)a->str.v.n - 1;
	/* without memory for the index the string is merely not found again */
	(void)fs_hashmap_put(&a->str.map, h, (void *)(uintptr_t)i);
	return i;
}

const char *at_str_get(const struct at *a, uint32_t id)
{
	return id < a->str.v.n ? a->str.v.v[id].s : "";
}

void at_str_free(struct at *a)
{
	for (size_t i = 0; i < a->str.v.n; i++)
		free(a->str.v.v[i].s);
	fs_vec_free(&a->str.v);
	fs_hashmap_free(&a->str.map);
	for (size_t i = 0; i < a->texts.n; i++)
		free(a->texts.v[i]);
	fs_vec_free(&a->texts);
}

const char *at_text(struct at *a, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = fs_vsentence(fmt, ap);
	va_end(ap);
	if (text && !fs_vec_push(&a->texts, text))
		return text;
	free(text);
	a->no_memory = true;
	return "";
}
