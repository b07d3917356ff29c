// SPDX-License-Identifier: BSD-2-Clause
/* Makes JSON strings of bytes that need not be UTF-8. */
#include "base/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the UTF-8 character that @s begins with; 0: it begins none (RFC 3629's table). */
static size_t character(const unsigned char *s)
{
	static const struct {
		unsigned char first, last, low, high; /* of the second byte */
		size_t n;
	} rows[] = {
		{0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t k = 2;

		if (s[0] < rows[i].first || s[0] > rows[i].last)
			continue;
		if (rows[i].n > 1 && (s[1] < rows[i].low || s[1] > rows[i].high))
			return 0;
		while (k < rows[i].n && s[k] >= 0x80 && s[k] <= 0xbf)
			k++;
		return rows[i].n == 1 || k == rows[i].n ? rows[i].n : 0;
	}
	return 0;
}

static json_t *escaped(const unsigned char *s)
{
	char *text = malloc(4 * strlen((const char *)s) + 1), *to = text;
	json_t *json;

	if (!text)
		return NULL;
	while (*s) {
		size_t n = character(s);

		if (!n)
			to += sprintf(to, "\\x%02x", *s);
		else if (*s == '\\')
			to += sprintf(to, "\\\\");
		else
			to = mempcpy(to, s, n);
		s += n ? n : 1;
	}
	*to = 0;
	json = json_string(text);
	free(text);
	return json;
}

json_t *fs_json_text(const char *bytes)
{
	const unsigned char *s = (const unsigned char *)bytes;

	if (!bytes)
		return json_null();
	for (size_t n; *s; s += n) {
		n = character(s);
		if (!n)
			return escaped((const unsigned char *)bytes);
	}
	return json_string(bytes);
}
