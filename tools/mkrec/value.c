// SPDX-License-Identifier: BSD-2-Clause
/* Reads the value of a field from text. */
#include "tools/mkrec/value.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"

bool fsr_parse_number(const char *s, uint64_t *v)
{
	char *rest;

	if (!*s || isspace((unsigned char)*s))
		return false;
	errno = 0;
	*v = *s == '-' ? (uint64_t)strtoll(s, &rest, 0) : strtoull(s, &rest, 0);
	if (!errno && !*rest)
		return true;
	return !fs_parse_ns(s, v);
}

static bool parse_named(char *s, const struct fsr_name *names, uint64_t *v)
{
	char *save, *tok;

	*v = 0;
	for (tok = strtok_r(s, "|", &save); tok; tok = strtok_r(NULL, "|", &save)) {
		const struct fsr_name *n = names;
		uint64_t one;

		while (n->name && strcmp(n->name, tok))
			n++;
		if (n->name)
			one = n->value;
		else if (!fsr_parse_number(tok, &one))
			return false;
		*v |= one;
	}
	return true;
}

/* The byte that two hexadecimal digits make, or -1. */
static int hex_byte(const char *p)
{
	static const char digits[] = "0123456789abcdef";
	const char *high = *p ? strchr(digits, tolower((unsigned char)p[0])) : NULL;
	const char *low = high && p[1] ? strchr(digits, tolower((unsigned char)p[1])) : NULL;

	return low ? (int)((high - digits) * 16 + (low - digits)) : -1;
}

char *fsr_take_value(char **line, size_t *len)
{
	char *p = *line, *out = p, *start = p;
	int byte;

	if (*p != '"') {
		while (*p && *p != ' ' && *p != '\t')
			p++;
		*len = (size_t)(p - start);
		if (*p)
			*p++ = '\0';
		*line = p;
		return start;
	}
	for (p++; *p && *p != '"'; p++) {
		if (*p != '\\') {
			*out++ = *p;
		} else if (p[1] == 'x' && (byte = hex_byte(p + 2)) >= 0) {
			*out++ = (char)byte;
			p += 3;
		} else if (p[1] == 'n') {
			*out++ = '\n';
			p++;
		} else if (p[1]) {
			*out++ = *++p;
		}
	}
	if (*p != '"')
		return NULL;
	p++;
	*len = (size_t)(out - start);
	*out = '\0';
	*line = p;
	return start;
}

bool fsr_set_number(uint8_t *p, const struct fsr_field *f, uint64_t v)
{
	unsigned int bits = 8u * f->size;
	bool negative = (int64_t)v < 0 && f->form == FSR_FORM_SIGNED;

	if (bits < 64 && !negative && v >> bits)
		return false;
	memcpy(p, &v, f->size);
	return !negative || (int64_t)(v << (64 - bits)) >> (64 - bits) == (int64_t)v;
}

static bool set_u64s(uint8_t *p, uint16_t size, char *s)
{
	char *save, *tok;
	uint16_t at = 0;
	uint64_t v;

	for (tok = strtok_r(s, ",", &save); tok; tok = strtok_r(NULL, ",", &save), at += 8) {
		if (at >= size || !fsr_parse_number(tok, &v))
			return false;
		memcpy(p + at, &v, 8);
	}
	return true;
}

static bool set_bytes(uint8_t *p, uint16_t size, const char *s)
{
	for (uint16_t i = 0; i < size; i++, s += 2) {
		int byte = hex_byte(s);

		if (byte < 0)
			return false;
		p[i] = (uint8_t)byte;
	}
	return !*s;
}

bool fsr_set_field(uint8_t *rec, const struct fsr_field *f, char *s, size_t len)
{
	uint8_t *p = rec + f->offset;
	const struct fsr_name *names;
	uint64_t v;
	int flags;

	switch ((enum fsr_form)f->form) {
	case FSR_FORM_PAD:
		return false;
	case FSR_FORM_TEXT:
		if (len > f->size)
			return false;
		memset(p, 0, f->size);
		memcpy(p, s, len);
		return true;
	case FSR_FORM_IPV4:
		return inet_pton(AF_INET, s, p) == 1;
	case FSR_FORM_BYTES:
		return set_bytes(p, f->size, s);
	case FSR_FORM_U64S:
		return set_u64s(p, f->size, s);
	case FSR_FORM_STACK:
		if (!strcmp(s, "none"))
			return fsr_set_number(p, f, FS_NO_STACK);
		break;
	default:
		break;
	}
	names = fsr_names(f->form, &flags);
	if (names ? !parse_named(s, names, &v) : !fsr_parse_number(s, &v))
		return false;
	return fsr_set_number(p, f, v);
}

const struct fsr_field *fsr_find_field(const struct fsr_field *f, const char *name)
{
	while (f->name && (f->form == FSR_FORM_PAD || strcmp(f->name, name)))
		f++;
	return f->name ? f : NULL;
}
