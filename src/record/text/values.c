// SPDX-License-Identifier: BSD-2-Clause
#include "record/text/values.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "record/text/event_text.h"

/* --- printing ------------------------------------------------------------------------------- */

void fsr_put(struct fsr_out *o, const char *fmt, ...)
{
	size_t room = (size_t)(o->end - o->p);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(o->p, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		o->p += (size_t)n < room ? (size_t)n : room - 1;
}

static uint64_t get_unsigned(const void *p, uint16_t size)
{
	uint64_t v = 0;

	memcpy(&v, p, size < sizeof(v) ? size : sizeof(v)); /* little endian, as the record is */
	return v;
}

static int64_t get_signed(const void *p, uint16_t size)
{
	uint64_t v = get_unsigned(p, size);
	unsigned int shift = size < 8 ? 64 - 8u * size : 0;

	return (int64_t)(v << shift) >> shift;
}

/* Length of a text field: its zeros at the end are not part of it. */
static size_t text_len(const char *p, size_t size)
{
	while (size && !p[size - 1])
		size--;
	return size;
}

/* With the escapes of the text language; @quote is escaped too. */
void fsr_put_escaped(struct fsr_out *o, const char *p, size_t size, char quote)
{
	size_t n = text_len(p, size);

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == '\\' || (quote && c == (unsigned char)quote))
			fsr_put(o, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fsr_put(o, "\\x%02x", c);
		else
			fsr_put(o, "%c", c);
	}
}

static void put_named(struct fsr_out *o, uint64_t v, const struct fsr_name *names, int flags)
{
	const char *sep = "";

	for (; names->name && v; names++) {
		if (flags ? !(v & names->value) : v != names->value)
			continue;
		fsr_put(o, "%s%s", sep, names->name);
		v &= flags ? ~(uint64_t)names->value : 0;
		sep = "|";
	}
	if (v)
		fsr_put(o, "%s0x%" PRIx64, sep, v);
}

void fsr_put_value(struct fsr_out *o, const struct fsr_field *f, const void *p)
{
	const struct fsr_name *names;
	const uint8_t *b = p;
	int flags;

	switch ((enum fsr_form)f->form) {
	case FSR_FORM_DEC:
	case FSR_FORM_STACK:
		fsr_put(o, "%" PRIu64, get_unsigned(p, f->size));
		break;
	case FSR_FORM_HEX:
		fsr_put(o, "0x%" PRIx64, get_unsigned(p, f->size));
		break;
	case FSR_FORM_SIGNED:
		fsr_put(o, "%" PRId64, get_signed(p, f->size));
		break;
	case FSR_FORM_TEXT:
		fsr_put(o, "\"");
		fsr_put_escaped(o, p, f->size, '"');
		fsr_put(o, "\"");
		break;
	case FSR_FORM_IPV4:
		fsr_put(o, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
		break;
	case FSR_FORM_BYTES:
		for (uint16_t i = 0; i < f->size; i++)
			fsr_put(o, "%02x", b[i]);
		break;
	case FSR_FORM_U64S:
		for (uint16_t i = 0; i < f->size; i += 8)
			fsr_put(o, "%s0x%" PRIx64, i ? "," : "", get_unsigned(b + i, 8));
		break;
	case FSR_FORM_PAD:
		break;
	default:
		names = fsr_names(f->form, &flags);
		if (names)
			put_named(o, get_unsigned(p, f->size), names, flags);
	}
}

bool fsr_is_default(const struct fsr_field *f, const uint8_t *p)
{
	if (f->form == FSR_FORM_PAD)
		return true;
	if (f->form == FSR_FORM_STACK)
		return get_unsigned(p, f->size) == FS_NO_STACK;
	for (uint16_t i = 0; i < f->size; i++)
		if (p[i])
			return false;
	return true;
}

/* --- JSON ----------------------------------------------------------------------------------- */

static json_t *json_value(const struct fsr_field *f, const uint8_t *p)
{
	char text[FSR_MAX_REC * 4 + 3];
	struct fsr_out o = {text, text + sizeof(text)};
	json_t *list;

	switch (f->form) {
	case FSR_FORM_SIGNED:
		return json_integer(get_signed(p, f->size));
	case FSR_FORM_TEXT: /* bytes above 0x7f become \xNN: they need not be UTF-8 */
		fsr_put_escaped(&o, (const char *)p, f->size, 0);
		return json_stringn(text, (size_t)(o.p - text));
	case FSR_FORM_IPV4:
	case FSR_FORM_BYTES:
		fsr_put_value(&o, f, p);
		return json_string(text);
	case FSR_FORM_U64S:
		list = json_array();
		for (uint16_t i = 0; i < f->size; i += 8)
			json_array_append_new(list,
					      json_integer((json_int_t)get_unsigned(p + i, 8)));
		return list;
	default: /* an address above 2^63 becomes negative: JSON's numbers are signed here */
		if (get_unsigned(p, f->size) <= INT64_MAX)
			return json_integer((json_int_t)get_unsigned(p, f->size));
		fsr_put(&o, "0x%" PRIx64, get_unsigned(p, f->size));
		return json_string(text);
	}
}

void fsr_json_fields(json_t *obj, const struct fsr_field *f, const uint8_t *rec)
{
	for (; f->name; f++)
		if (f->form != FSR_FORM_PAD)
			json_object_set_new(obj, f->name, json_value(f, rec + f->offset));
}

/* --- parsing -------------------------------------------------------------------------------- */

/* "10", "0x1f", "-1", and for times "1.5ms". */
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

/* Takes one value off the line: a word, or a quoted text whose escapes are resolved in place. */
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
	return !negative || get_signed(p, f->size) == (int64_t)v;
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
