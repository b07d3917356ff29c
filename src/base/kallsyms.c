// SPDX-License-Identifier: BSD-2-Clause
/* Parses lines of /proc/kallsyms and System.map, which may come out of a guest. */
#include "base/kallsyms.h"
#include <string.h>

#define MOST_DIGITS 16

/* Returns how many digits there are, more than MOST_DIGITS for too many. */
static unsigned int parse_hex(const char *p, const char *end, uint64_t *value)
{
	unsigned int digits = 0;

	*value = 0;
	for (; p < end && digits <= MOST_DIGITS; p++, digits++) {
		int d = *p >= '0' && *p <= '9'   ? *p - '0'
			: *p >= 'a' && *p <= 'f' ? *p - 'a' + 10
						 : -1;

		if (d < 0)
			break;
		*value = *value << 4 | (unsigned int)d;
	}
	return digits;
}

bool fs_kallsym_parse(const char *line, const char *end, struct fs_kallsym *s)
{
	unsigned int digits = parse_hex(line, end, &s->addr);
	const char *p = line + digits;

	if (!digits || digits > MOST_DIGITS || end - p < 4 || p[0] != ' ' || p[2] != ' ')
		return false;
	s->type = p[1];
	s->name = p + 3;
	for (p = s->name; p < end && *p != '\t' && *p != ' ' && *p != '\r'; p++)
		;
	s->len = (size_t)(p - s->name);
	s->module = p < end && memchr(p, '[', (size_t)(end - p));
	return s->len > 0;
}

bool fs_kallsym_is_text(const struct fs_kallsym *s)
{
	return s->type && strchr("tTwW", s->type);
}
