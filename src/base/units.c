// SPDX-License-Identifier: BSD-2-Clause
/* Parses and prints durations and sizes. */
#include "base/units.h"
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
	bool print; /* used by the formatters; others are only read */
};

/* From small to large: the formatters walk upwards. */
static const struct unit ns_units[] = {
	{"ns", 1, true},         {"us", 1000, true},          {"ms", 1000000, true},
	{"s", 1000000000, true}, {"min", 60000000000, false}, {"h", 3600000000000, false},
	{NULL, 0, false},
};

static const struct unit byte_units[] = {
	{"B", 1, true},           {"KiB", 1ull << 10, true},
	{"K", 1ull << 10, false}, {"MiB", 1ull << 20, true},
	{"M", 1ull << 20, false}, {"GiB", 1ull << 30, true},
	{"G", 1ull << 30, false}, {"TiB", 1ull << 40, true},
	{"T", 1ull << 40, false}, {NULL, 0, false},
};

/* "12", "12.5", ".5" as @num / @den. Advances *@s. The fraction is read to 15 digits. */
static int parse_number(const char **s, unsigned __int128 *num, uint64_t *den)
{
	const char *p = *s;
	bool any = false;

	*num = 0;
	*den = 1;
	for (; isdigit((unsigned char)*p); p++, any = true) {
		*num = *num * 10 + (unsigned)(*p - '0');
		if (*num > UINT64_MAX)
			return -ERANGE;
	}
	if (*p == '.') {
		for (p++; isdigit((unsigned char)*p); p++, any = true) {
			if (*den >= 1000000000000000u)
				continue;
			*num = *num * 10 + (unsigned)(*p - '0');
			*den *= 10;
		}
	}
	*s = p;
	return any ? 0 : -EINVAL;
}

static int parse(const char *s, const struct unit *u, uint64_t *out)
{
	unsigned __int128 num;
	uint64_t den;
	int ret;

	ret = parse_number(&s, &num, &den);
	if (ret)
		return ret;
	if (*s == ' ')
		s++;
	while (u->name && strcmp(u->name, s))
		u++;
	if (!u->name)
		return -EINVAL;
	/* num < 2^64 * 10^15 < 2^114 and a fraction only shrinks the value: look at the whole part
	 * first so that the product cannot overflow 128 bits. */
	if (num / den > UINT64_MAX / u->factor)
		return -ERANGE;
	num = num / den * u->factor + ((num % den) * u->factor + den / 2) / den;
	if (num > UINT64_MAX)
		return -ERANGE;
	*out = (uint64_t)num;
	return 0;
}

/* One decimal; in the largest unit three when @fine, since no larger one shows its digits. */
static char *format(uint64_t x, const struct unit *u, bool fine, char *buf, size_t n)
{
	const struct unit *use = u, *next;
	unsigned __int128 scaled;
	unsigned int parts;

	for (;;) {
		for (next = use + 1; next->name && !next->print; next++)
			;
		/* 999.96 us would be printed as 1000.0 us: use the next unit */
		if (!next->name || x < next->factor - (use == u ? 0 : use->factor / 20))
			break;
		use = next;
	}
	if (use == u) {
		snprintf(buf, n, "%llu %s", (unsigned long long)x, use->name);
		return buf;
	}
	fine = fine && !next->name;
	parts = fine ? 1000 : 10;
	scaled = ((unsigned __int128)x * parts + use->factor / 2) / use->factor;
	snprintf(buf, n, fine ? "%llu.%03u %s" : "%llu.%u %s", (unsigned long long)(scaled / parts),
		 (unsigned int)(scaled % parts), use->name);
	return buf;
}

static char *format_exact(uint64_t x, const struct unit *u, char *buf, size_t n)
{
	const struct unit *use = u;

	for (; u->name; u++)
		if (u->print && x && x % u->factor == 0)
			use = u;
	snprintf(buf, n, "%llu%s", (unsigned long long)(x / use->factor), use->name);
	return buf;
}

int fs_parse_ns(const char *s, uint64_t *ns)
{
	return parse(s, ns_units, ns);
}

int fs_parse_duration(const char *s, uint64_t *ns)
{
	uint64_t x;
	int ret = fs_parse_ns(s, &x);

	if (!ret && x > FS_DURATION_MAX)
		ret = -ERANGE;
	if (!ret)
		*ns = x;
	return ret;
}

int fs_parse_bytes(const char *s, uint64_t *bytes)
{
	return parse(s, byte_units, bytes);
}

char *fs_fmt_ns(uint64_t ns, char *buf, size_t n)
{
	return format(ns, ns_units, true, buf, n);
}

char *fs_fmt_bytes(uint64_t bytes, char *buf, size_t n)
{
	return format(bytes, byte_units, false, buf, n);
}

char *fs_fmt_ns_exact(uint64_t ns, char *buf, size_t n)
{
	return format_exact(ns, ns_units, buf, n);
}

char *fs_fmt_bytes_exact(uint64_t bytes, char *buf, size_t n)
{
	return format_exact(bytes, byte_units, buf, n);
}
