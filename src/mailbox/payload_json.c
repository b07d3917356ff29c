// SPDX-License-Identifier: BSD-2-Clause
/* A payload from JSON and as JSON. */
#include "mailbox/payload_impl.h"
#include <stdio.h>
#include <string.h>

#define MAX_DEPTH 16
#define MAX_TEXT  40 /* longer than any good value: what does not fit is cut and then refused */

struct json {
	const char *at, *end;
	char text[MAX_TEXT]; /* the string last read, cut to this size */
	size_t text_len;
};

static void skip_blanks(struct json *j)
{
	while (j->at < j->end &&
	       (*j->at == ' ' || *j->at == '\t' || *j->at == '\n' || *j->at == '\r'))
		j->at++;
}

static bool take(struct json *j, char c)
{
	skip_blanks(j);
	if (j->at == j->end || *j->at != c)
		return false;
	j->at++;
	return true;
}

static void put(struct json *j, char c)
{
	if (j->text_len < sizeof(j->text))
		j->text[j->text_len++] = c;
}

/*
 * What follows a backslash. A \u that is not ASCII becomes one byte that no good value has: no
 * key and no value of this payload needs more.
 */
static int take_escape(struct json *j)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *known;
	unsigned int code = 0;

	if (j->at == j->end)
		return -1;
	if (*j->at == 'u') {
		if (j->end - j->at < 5)
			return -1;
		for (int i = 1; i <= 4; i++) {
			int digit = fs_hex_digit(j->at[i]);

			if (digit < 0)
				return -1;
			code = code << 4 | (unsigned int)digit;
		}
		j->at += 5;
		put(j, code && code < 128 ? (char)code : '\x7f');
		return 0;
	}
	known = *j->at ? strchr(from, *j->at) : NULL;
	if (!known)
		return -1;
	put(j, to[known - from]);
	j->at++;
	return 0;
}

/* A string into j->text; its opening quote has been taken. */
static int take_string(struct json *j)
{
	j->text_len = 0;
	while (j->at < j->end) {
		char c = *j->at++;

		if (c == '"')
			return 0;
		if (c == '\\') {
			if (take_escape(j))
				return -1;
		} else if ((unsigned char)c < ' ') {
			return -1;
		} else {
			put(j, c);
		}
	}
	return -1;
}

static size_t take_digits(struct json *j)
{
	const char *from = j->at;

	while (j->at < j->end && *j->at >= '0' && *j->at <= '9')
		j->at++;
	return (size_t)(j->at - from);
}

/* A number as JSON writes it, into j->text. */
static int take_number(struct json *j)
{
	const char *from = j->at, *whole;

	if (j->at < j->end && *j->at == '-')
		j->at++;
	whole = j->at;
	if (!take_digits(j) || (*whole == '0' && j->at - whole > 1))
		return -1;
	if (j->at < j->end && *j->at == '.') {
		j->at++;
		if (!take_digits(j))
			return -1;
	}
	if (j->at < j->end && (*j->at == 'e' || *j->at == 'E')) {
		j->at++;
		if (j->at < j->end && (*j->at == '+' || *j->at == '-'))
			j->at++;
		if (!take_digits(j))
			return -1;
	}
	j->text_len = 0;
	for (; from < j->at; from++)
		put(j, *from);
	return 0;
}

static bool take_word(struct json *j, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(j->end - j->at) < n || memcmp(j->at, word, n) != 0)
		return false;
	j->at += n;
	return true;
}

/* Anything that is neither an object nor an array. */
static int skip_scalar(struct json *j)
{
	if (take(j, '"'))
		return take_string(j);
	if (take_word(j, "true") || take_word(j, "false") || take_word(j, "null"))
		return 0;
	return take_number(j);
}

/*
 * The value of a key that nobody knows, however deep. @shut holds the brackets that are still to
 * be closed, so that nothing recurses.
 */
static enum fs_payload_error skip_value(struct json *j)
{
	char shut[MAX_DEPTH];
	int depth = 0;

	for (;;) {
		bool opened = false;

		if (take(j, '{') || take(j, '[')) {
			if (depth == MAX_DEPTH)
				return FS_PAYLOAD_ERR_DEPTH;
			shut[depth++] = j->at[-1] == '{' ? '}' : ']';
			opened = true;
		} else if (skip_scalar(j)) {
			return FS_PAYLOAD_ERR_SYNTAX;
		}
		while (depth && take(j, shut[depth - 1])) {
			depth--;
			opened = false;
		}
		if (!depth)
			return FS_PAYLOAD_ERR_OK;
		if (!opened && !take(j, ','))
			return FS_PAYLOAD_ERR_SYNTAX;
		if (shut[depth - 1] == '}' && (!take(j, '"') || take_string(j) || !take(j, ':')))
			return FS_PAYLOAD_ERR_SYNTAX;
	}
}

static int field_of(const struct json *j)
{
	for (int f = 0; f < FS_PAYLOAD_FIELDS; f++)
		if (strlen(fs_payload_specs[f].key) == j->text_len &&
		    !memcmp(fs_payload_specs[f].key, j->text, j->text_len))
			return f;
	return -1;
}

/*
 * The value of a known key. A bad value is put into *@bad (the first one stays) and does not stop
 * the decoding; the return value is only whether it is JSON.
 */
static enum fs_payload_error take_field(struct json *j, struct fs_payload *p,
					enum fs_payload_field f, enum fs_payload_error *bad)
{
	enum fs_payload_error e = FS_PAYLOAD_ERR_TYPE;
	bool string;

	skip_blanks(j);
	if (j->at == j->end)
		return FS_PAYLOAD_ERR_SYNTAX;
	string = *j->at == '"';
	p->have &= ~(1u << f);
	if (take_word(j, "null")) /* the same as absent */
		return FS_PAYLOAD_ERR_OK;
	if (string || *j->at == '-' || (*j->at >= '0' && *j->at <= '9')) {
		if (skip_scalar(j))
			return FS_PAYLOAD_ERR_SYNTAX;
		if (string == (fs_payload_specs[f].type == FS_PAYLOAD_STRING))
			e = fs_payload_set(p, f, j->text, j->text_len);
	} else if ((e = skip_value(j)) != FS_PAYLOAD_ERR_OK) {
		return e;
	} else {
		e = FS_PAYLOAD_ERR_TYPE;
	}
	if (*bad == FS_PAYLOAD_ERR_OK)
		*bad = e;
	return FS_PAYLOAD_ERR_OK;
}

static enum fs_payload_error take_member(struct json *j, struct fs_payload *p,
					 enum fs_payload_error *bad)
{
	int f;

	if (!take(j, '"') || take_string(j))
		return FS_PAYLOAD_ERR_SYNTAX;
	f = field_of(j);
	if (!take(j, ':'))
		return FS_PAYLOAD_ERR_SYNTAX;
	skip_blanks(j);
	return f < 0 ? skip_value(j) : take_field(j, p, (enum fs_payload_field)f, bad);
}

enum fs_payload_error fs_payload_decode(const char *json, size_t len, struct fs_payload *p)
{
	struct json j = {.at = json, .end = json + len};
	enum fs_payload_error bad = FS_PAYLOAD_ERR_OK, e;

	memset(p, 0, sizeof(*p));
	if (!take(&j, '{'))
		return FS_PAYLOAD_ERR_SYNTAX;
	if (!take(&j, '}')) {
		do {
			e = take_member(&j, p, &bad);
			if (e != FS_PAYLOAD_ERR_OK)
				return e;
		} while (take(&j, ','));
		if (!take(&j, '}'))
			return FS_PAYLOAD_ERR_SYNTAX;
	}
	skip_blanks(&j);
	if (j.at != j.end)
		return FS_PAYLOAD_ERR_SYNTAX;
	return bad != FS_PAYLOAD_ERR_OK ? bad : fs_payload_check(p);
}

int fs_payload_encode(const struct fs_payload *p, char *buf, size_t room)
{
	char name[2 * sizeof(p->interface)], port[32] = "";
	size_t n = 0;
	int len;

	for (const char *c = p->interface; *c; c++) {
		if (*c == '"' || *c == '\\')
			name[n++] = '\\';
		name[n++] = *c;
	}
	name[n] = 0;
	if (p->have & 1u << FS_PAYLOAD_ACK_PORT)
		snprintf(port, sizeof(port), ",\"ack_port\":%u", p->ack_port);
	len = snprintf(
		buf, room,
		"{\"interface_name\":\"%s\",\"mac\":\"%s\",\"ipv4\":\"%s\",\"prefix\":%u,\"gateway\":\"%s\"%s}",
		name, p->mac_text, p->ip_text, p->prefix, p->gateway_text, port);
	return len < 0 || (size_t)len >= room ? -1 : len;
}
