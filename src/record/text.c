// SPDX-License-Identifier: BSD-2-Clause
#include "record/text.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/units.h"
#include "record/fields.h"
#include "record/kinds.h"

/* --- printing ------------------------------------------------------------------------------- */

struct out {
	char *p, *end;
};

static void put(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct out *o, const char *fmt, ...)
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
static void put_escaped(struct out *o, const char *p, size_t size, char quote)
{
	size_t n = text_len(p, size);

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == '\\' || (quote && c == (unsigned char)quote))
			put(o, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			put(o, "\\x%02x", c);
		else
			put(o, "%c", c);
	}
}

static void put_named(struct out *o, uint64_t v, const struct fsr_name *names, int flags)
{
	const char *sep = "";

	for (; names->name && v; names++) {
		if (flags ? !(v & names->value) : v != names->value)
			continue;
		put(o, "%s%s", sep, names->name);
		v &= flags ? ~(uint64_t)names->value : 0;
		sep = "|";
	}
	if (v)
		put(o, "%s0x%" PRIx64, sep, v);
}

static void put_value(struct out *o, const struct fsr_field *f, const void *p)
{
	const struct fsr_name *names;
	const uint8_t *b = p;
	int flags;

	switch ((enum fsr_form)f->form) {
	case FSR_FORM_DEC:
	case FSR_FORM_STACK:
		put(o, "%" PRIu64, get_unsigned(p, f->size));
		break;
	case FSR_FORM_HEX:
		put(o, "0x%" PRIx64, get_unsigned(p, f->size));
		break;
	case FSR_FORM_SIGNED:
		put(o, "%" PRId64, get_signed(p, f->size));
		break;
	case FSR_FORM_TEXT:
		put(o, "\"");
		put_escaped(o, p, f->size, '"');
		put(o, "\"");
		break;
	case FSR_FORM_IPV4:
		put(o, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
		break;
	case FSR_FORM_U64S:
		for (uint16_t i = 0; i < f->size; i += 8)
			put(o, "%s0x%" PRIx64, i ? "," : "", get_unsigned(b + i, 8));
		break;
	case FSR_FORM_PAD:
		break;
	default:
		names = fsr_names(f->form, &flags);
		if (names)
			put_named(o, get_unsigned(p, f->size), names, flags);
	}
}

static bool is_default(const struct fsr_field *f, const uint8_t *p)
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

/* Fields whose default is not simply their zero. */
static bool always_shown(const struct fsr_field *f)
{
	return !strcmp(f->name, "cpu") || !strcmp(f->name, "seq") ||
	       !strcmp(f->name, "payload_len");
}

static void put_fields(struct out *o, const struct fsr_field *f, const uint8_t *rec)
{
	for (; f->name; f++) {
		const uint8_t *p = rec + f->offset;

		if (!strcmp(f->name, "ts") || (is_default(f, p) && !always_shown(f)))
			continue;
		put(o, " %s=", f->name);
		put_value(o, f, p);
	}
}

size_t fsr_text_print(const struct fs_ev *ev, char *buf)
{
	struct out o = {buf, buf + FSR_MAX_LINE};
	const struct fsr_field *fields = fsr_fields(ev->kind);

	put(&o, "ts=%" PRIu64 " %s", (uint64_t)ev->ts, fields ? fsr_kind_name(ev->kind) : "?");
	put_fields(&o, fsr_header_fields, (const void *)ev);
	if (fields)
		put_fields(&o, fields, (const void *)ev);
	return (size_t)(o.p - buf);
}

/* --- JSON ----------------------------------------------------------------------------------- */

static json_t *json_value(const struct fsr_field *f, const uint8_t *p)
{
	char text[FSR_MAX_REC * 4 + 3];
	struct out o = {text, text + sizeof(text)};
	json_t *list;

	switch (f->form) {
	case FSR_FORM_SIGNED:
		return json_integer(get_signed(p, f->size));
	case FSR_FORM_TEXT: /* bytes above 0x7f become \xNN: they need not be UTF-8 */
		put_escaped(&o, (const char *)p, f->size, 0);
		return json_stringn(text, (size_t)(o.p - text));
	case FSR_FORM_IPV4:
		put_value(&o, f, p);
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
		put(&o, "0x%" PRIx64, get_unsigned(p, f->size));
		return json_string(text);
	}
}

static void json_fields(json_t *obj, const struct fsr_field *f, const uint8_t *rec)
{
	for (; f->name; f++)
		if (f->form != FSR_FORM_PAD)
			json_object_set_new(obj, f->name, json_value(f, rec + f->offset));
}

json_t *fsr_text_json(const struct fs_ev *ev)
{
	const struct fsr_field *fields = fsr_fields(ev->kind);
	json_t *obj = json_object();

	if (!obj)
		return NULL;
	json_object_set_new(obj, "event", json_string(fields ? fsr_kind_name(ev->kind) : "?"));
	json_fields(obj, fsr_header_fields, (const void *)ev);
	if (fields)
		json_fields(obj, fields, (const void *)ev);
	return obj;
}

/* --- parsing -------------------------------------------------------------------------------- */

/* "10", "0x1f", "-1", and for times "1.5ms". */
static bool parse_number(const char *s, uint64_t *v)
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
		else if (!parse_number(tok, &one))
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
static char *take_value(char **line, size_t *len)
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

static bool set_number(uint8_t *p, const struct fsr_field *f, uint64_t v)
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
		if (at >= size || !parse_number(tok, &v))
			return false;
		memcpy(p + at, &v, 8);
	}
	return true;
}

static bool set_field(uint8_t *rec, const struct fsr_field *f, char *s, size_t len)
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
	case FSR_FORM_U64S:
		return set_u64s(p, f->size, s);
	case FSR_FORM_STACK:
		if (!strcmp(s, "none"))
			return set_number(p, f, FS_NO_STACK);
		break;
	default:
		break;
	}
	names = fsr_names(f->form, &flags);
	if (names ? !parse_named(s, names, &v) : !parse_number(s, &v))
		return false;
	return set_number(p, f, v);
}

static const struct fsr_field *find_field(const struct fsr_field *f, const char *name)
{
	while (f->name && (f->form == FSR_FORM_PAD || strcmp(f->name, name)))
		f++;
	return f->name ? f : NULL;
}

/* The word without '=' names the kind; it may stand anywhere. */
static uint16_t find_kind(const char *line, char *word, size_t size)
{
	const char *p = line;
	bool quoted = false;

	*word = '\0';
	while (*p) {
		const char *start;
		bool plain = true;

		while (isspace((unsigned char)*p))
			p++;
		for (start = p; *p && (quoted || !isspace((unsigned char)*p)); p++) {
			if (*p == '\\' && p[1])
				p++;
			else if (*p == '"')
				quoted = !quoted;
			if (*p == '=')
				plain = false;
		}
		if (plain && p > start) {
			snprintf(word, size, "%.*s", (int)(p - start), start);
			return fsr_kind_by_name(word);
		}
	}
	return FS_EV_NONE;
}

static void set_defaults(uint16_t kind, uint8_t *rec)
{
	const struct fsr_field *f = fsr_fields(kind);
	struct fs_ev *h = (void *)rec;

	h->kind = kind;
	h->len = fsr_kind_bytes(kind);
	if (kind == FS_EV_MARK)
		h->cpu = 0xffff;
	for (; f->name; f++)
		if (f->form == FSR_FORM_STACK)
			set_number(rec + f->offset, f, FS_NO_STACK);
}

/* One "name=value" at *@p. */
static int parse_pair(char **p, uint16_t kind, struct fsr_parsed *out, char *err, size_t err_len)
{
	const struct fsr_field *f;
	char *name = *p, *value;
	size_t len;

	*p = strchr(name, '=');
	*(*p)++ = '\0';
	f = find_field(fsr_header_fields, name);
	if (!f || (f->offset == offsetof(struct fs_ev, len)))
		f = find_field(fsr_fields(kind), name);
	if (!f)
		return fs_errf(err, err_len, -EINVAL, "%s has no field \"%s\"", fsr_kind_name(kind),
			       name);
	value = take_value(p, &len);
	if (!value)
		return fs_errf(err, err_len, -EINVAL, "%s: the text is not closed by a \"", name);
	if (!set_field(out->rec, f, value, len))
		return fs_errf(err, err_len, -EINVAL, "%s: \"%s\" does not fit", name, value);
	if (!strcmp(name, "seq"))
		out->has_seq = true;
	if (kind == FS_EV_NET_TX && !strcmp(name, "payload")) {
		struct fs_ev_net_tx *tx = (void *)out->rec;

		if (!tx->payload_len)
			tx->payload_len = (uint16_t)len;
	}
	return 0;
}

int fsr_text_parse(const char *line, struct fsr_parsed *out, char *err, size_t err_len)
{
	char copy[FSR_MAX_LINE], word[64], *p = copy;
	uint16_t kind;
	int ret;

	if (strlen(line) >= sizeof(copy))
		return fs_errf(err, err_len, -EINVAL, "the line is too long");
	strcpy(copy, line);
	kind = find_kind(copy, word, sizeof(word));
	if (kind == FS_EV_NONE)
		return fs_errf(err, err_len, -EINVAL,
			       *word ? "there is no event kind \"%s\"" : "no event kind%s", word);
	memset(out, 0, sizeof(*out));
	set_defaults(kind, out->rec);
	while (*(p += strspn(p, " \t\r\n"))) {
		size_t n = strcspn(p, "= \t\r\n");

		if (p[n] == '=') {
			ret = parse_pair(&p, kind, out, err, err_len);
			if (ret)
				return ret;
		} else if (n == strlen(word) && !strncmp(p, word, n)) {
			p += n;
		} else {
			return fs_errf(err, err_len, -EINVAL,
				       "\"%.*s\": neither name=value nor a kind", (int)n, p);
		}
	}
	return fsr_kind_bytes(kind);
}
