// SPDX-License-Identifier: BSD-2-Clause
/* Parses a VMM's answer as JSON, and makes one fit to be shown. */
#include "vmm/answer.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Brackets outside of strings; the parser recurses once for each level. */
static bool too_deep(const char *text, size_t len)
{
	unsigned int depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++;
		else if (!quoted && (c == '}' || c == ']') && depth)
			depth--;
		if (depth > FS_ANSWER_DEPTH)
			return true;
	}
	return false;
}

json_t *fs_answer_parse(const char *text, size_t len, char *err, size_t err_len)
{
	json_error_t e;
	json_t *o;

	if (len > FS_ANSWER_MAX || too_deep(text, len)) {
		snprintf(err, err_len, "it is longer than %u bytes or deeper than %u levels",
			 FS_ANSWER_MAX, FS_ANSWER_DEPTH);
		return NULL;
	}
	o = json_loadb(text, len, 0, &e);
	if (json_is_object(o))
		return o;
	snprintf(err, err_len, "it is not a JSON object%s%s", o ? "" : ": ", o ? "" : e.text);
	json_decref(o);
	return NULL;
}

const char *fs_answer_string(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

const char *fs_answer_show(const char *text, size_t len, char *buf, size_t size)
{
	size_t n = 0;

	while (len && (unsigned char)text[len - 1] <= ' ')
		len--;
	for (size_t i = 0; i < len && n + 1 < size; i++) {
		unsigned char c = (unsigned char)text[i];

		buf[n++] = c == '\n' ? '|' : c < ' ' || c == 0x7f ? '?' : (char)c;
	}
	buf[n] = '\0';
	return buf;
}
