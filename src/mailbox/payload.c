// SPDX-License-Identifier: BSD-2-Clause
/* The fields of a payload: their names, what is a good value, what is wrong. */
#include "mailbox/payload_impl.h"
#include <stdio.h>
#include <string.h>

const struct fs_payload_spec fs_payload_specs[FS_PAYLOAD_FIELDS] = {
	[FS_PAYLOAD_INTERFACE] = {"interface_name", FS_PAYLOAD_STRING, true},
	[FS_PAYLOAD_MAC] = {"mac", FS_PAYLOAD_STRING, true},
	[FS_PAYLOAD_IPV4] = {"ipv4", FS_PAYLOAD_STRING, true},
	[FS_PAYLOAD_PREFIX] = {"prefix", FS_PAYLOAD_NUMBER, true},
	[FS_PAYLOAD_GATEWAY] = {"gateway", FS_PAYLOAD_STRING, true},
	[FS_PAYLOAD_ACK_PORT] = {"ack_port", FS_PAYLOAD_NUMBER, false},
};

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
		int high = fs_hex_digit(s[i * 3]), low = fs_hex_digit(s[i * 3 + 1]);

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
		if (fs_payload_specs[f].needed && !(p->have & 1u << f))
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

bool fs_payload_gateway_outside(const struct fs_payload *p)
{
	return p->prefix && p->prefix < 32 && (p->ip ^ p->gateway) >> (32 - p->prefix);
}
