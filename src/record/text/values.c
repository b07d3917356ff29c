// SPDX-License-Identifier: BSD-2-Clause
/* Prints the value of a field as the text form has it, or as JSON. */
#include "record/text/values.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "record/text/event_text.h"

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
