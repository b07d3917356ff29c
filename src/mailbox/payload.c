// SPDX-License-Identifier: BSD-2-Clause
#include "mailbox/payload.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MAX_DEPTH 16
#define MAX_TEXT  40 /* longer than any good value: what does not fit is cut and then refused */

enum { TYPE_STRING, TYPE_NUMBER };

static const struct {
	const char *key;
	int type;
	bool needed;
} fields[FS_PAYLOAD_FIELDS] = {
	[FS_PAYLOAD_INTERFACE] = {"interface_name", TYPE_STRING, true},
	[FS_PAYLOAD_MAC] = {"mac", TYPE_STRING, true},
	[FS_PAYLOAD_IPV4] = {"ipv4", TYPE_STRING, true},
	[FS_PAYLOAD_PREFIX] = {"prefix", TYPE_NUMBER, true},
	[FS_PAYLOAD_GATEWAY] = {"gateway", TYPE_STRING, true},
	[FS_PAYLOAD_ACK_PORT] = {"ack_port", TYPE_NUMBER, false},
};

const char *fs_payload_key(enum fs_payload_field f)
{
	return fields[f].key;
}

const char *fs_payload_error_word(enum fs_payload_error e)
{
	switch (e) {
#define X(id, word, text)         \
	case FS_PAYLOAD_ERR_##id: \
		return word;
		FS_PAYLOAD_ERROR_TABLE(X)
#undef X
	}
	return "?";
}

const char *fs_payload_error_text(enum fs_payload_error e)
{
	switch (e) {
#define X(id, word, text)         \
	case FS_PAYLOAD_ERR_##id: \
		return text;
		FS_PAYLOAD_ERROR_TABLE(X)
#undef X
	}
	return "?";
}

/* --- values --------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* A whole number up to @max, in decimal without a sign or a leading zero. */
static int parse_number(const char *s, size_t len, uint32_t max, uint32_t *value)
{
	uint32_t v = 0;

	if (len < 1 || len > 9 || (len > 1 && s[0] == '0'))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (uint32_t)(s[i] - '0');
	}
	*value = v;
	return v <= max ? 0 : -1;
}

/* Dotted decimal, four parts. */
static int parse_ipv4(const char *s, size_t len, uint32_t *ip)
{
	uint32_t v = 0, part;
	size_t at = 0;

	for (int i = 0; i < 4; i++) {
		size_t n = 0;

		while (at + n < len && s[at + n] != '.')
			n++;
		if (parse_number(s + at, n, 255, &part))
			return -1;
		v = v << 8 | part;
		at += n;
		if (i < 3 && at++ >= len)
			return -1;
	}
	*ip = v;
	return at == len ? 0 : -1;
}

/* The address of one host: not this network, loopback, a group or the limited broadcast. */
static bool is_host(uint32_t ip)
{
	uint32_t first = ip >> 24;

	return first != 0 && first != 127 && first < 224;
}

static int parse_mac(const char *s, size_t len, uint8_t mac[6])
{
	uint8_t any = 0;

	if (len != 17)
		return -1;
	for (int i = 0; i < 6; i++) {
		int high = hex_digit(s[i * 3]), low = hex_digit(s[i * 3 + 1]);

		if (high < 0 || low < 0 || (i < 5 && s[i * 3 + 2] != ':'))
			return -1;
		mac[i] = (uint8_t)(high << 4 | low);
		any |= mac[i];
	}
	return any && !(mac[0] & 1) ? 0 : -1;
}

static void copy_text(char *to, const char *from, size_t len)
{
	memcpy(to, from, len);
	to[len] = 0;
}

static int parse_interface(const char *s, size_t len, char *to)
{
	if (len < 1 || len > 15 || (len == 1 && s[0] == '.') || (len == 2 && !memcmp(s, "..", 2)))
		return -1;
	for (size_t i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] > '~' || s[i] == '/' || s[i] == ':')
			return -1;
	copy_text(to, s, len);
	return 0;
}

static enum fs_payload_error set_ip(const char *s, size_t len, uint32_t *ip, char *text,
				    enum fs_payload_error bad)
{
	if (len > 15 || parse_ipv4(s, len, ip) || !is_host(*ip))
		return bad;
	copy_text(text, s, len);
	return FS_PAYLOAD_ERR_OK;
}

static enum fs_payload_error set_value(struct fs_payload *p, enum fs_payload_field f, const char *s,
				       size_t len)
{
	uint32_t n;

	switch (f) {
	case FS_PAYLOAD_INTERFACE:
		return parse_interface(s, len, p->interface) ? FS_PAYLOAD_ERR_INTERFACE
							     : FS_PAYLOAD_ERR_OK;
	case FS_PAYLOAD_MAC:
		if (parse_mac(s, len, p->mac))
			return FS_PAYLOAD_ERR_MAC;
		copy_text(p->mac_text, s, len);
		return FS_PAYLOAD_ERR_OK;
	case FS_PAYLOAD_IPV4:
		return set_ip(s, len, &p->ip, p->ip_text, FS_PAYLOAD_ERR_IPV4);
	case FS_PAYLOAD_GATEWAY:
		return set_ip(s, len, &p->gateway, p->gateway_text, FS_PAYLOAD_ERR_GATEWAY);
	case FS_PAYLOAD_PREFIX:
		if (parse_number(s, len, 32, &n) || n < 1)
			return FS_PAYLOAD_ERR_PREFIX;
		p->prefix = (uint8_t)n;
		return FS_PAYLOAD_ERR_OK;
	case FS_PAYLOAD_ACK_PORT:
		if (parse_number(s, len, 65535, &n))
			return FS_PAYLOAD_ERR_ACK_PORT;
		p->ack_port = (uint16_t)n;
		return FS_PAYLOAD_ERR_OK;
	case FS_PAYLOAD_FIELDS:
		break;
	}
	return FS_PAYLOAD_ERR_TYPE;
}

enum fs_payload_error fs_payload_set(struct fs_payload *p, enum fs_payload_field f,
				     const char *text, size_t len)
{
	enum fs_payload_error e = set_value(p, f, text, len);

	if (e == FS_PAYLOAD_ERR_OK)
		p->have |= 1u << f;
	else
		p->have &= ~(1u << f);
	return e;
}

enum fs_payload_error fs_payload_check(const struct fs_payload *p)
{
	uint32_t host_bits;

	for (int f = 0; f < FS_PAYLOAD_FIELDS; f++)
		if (fields[f].needed && !(p->have & 1u << f))
			return FS_PAYLOAD_ERR_MISSING;
	if (p->ip == p->gateway)
		return FS_PAYLOAD_ERR_GATEWAY;
	/* the first and the last address of a network are no host's, unless it has but one or two
	 */
	host_bits = p->prefix < 31 ? ~0u >> p->prefix : 0;
	if (host_bits && ((p->ip & host_bits) == 0 || (p->ip & host_bits) == host_bits))
		return FS_PAYLOAD_ERR_IPV4;
	return FS_PAYLOAD_ERR_OK;
}

/* --- JSON ----------------------------------------------------------------------------------- */

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
			int digit = hex_digit(j->at[i]);

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
		if (strlen(fields[f].key) == j->text_len &&
		    !memcmp(fields[f].key, j->text, j->text_len))
			return f;
	return -1;
}

/*
 * The value of a known key. A bad value is put into *@bad (the first one stays) and does not stop
 * the decoding; the return value tells only whether it is JSON.
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
		if (string == (fields[f].type == TYPE_STRING))
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
	len = snprintf(buf, room,
		       "{\"interface_name\":\"%s\",\"mac\":\"%s\",\"ipv4\":\"%s\",\"prefix\":%u,"
		       "\"gateway\":\"%s\"%s}",
		       name, p->mac_text, p->ip_text, p->prefix, p->gateway_text, port);
	return len < 0 || (size_t)len >= room ? -1 : len;
}
