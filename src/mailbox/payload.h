/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The payload of a resume-network mailbox: one flat JSON object
 *
 *	{"interface_name":"eth0","mac":"06:00:ac:10:00:22","ipv4":"172.16.0.2","prefix":29,
 *	 "gateway":"172.16.0.1","ack_port":9797}
 *
 * ack_port may be absent or 0 (no acks); unknown keys are skipped; of a key given twice the last
 * one counts.
 *
 * Why a decoder of its own and no JSON library: in the guest it runs between the resume and the
 * first ack, where each page that is touched for the first time costs a fault that may have to be
 * read from a disk. It allocates nothing, looks at each byte once, touches one page of code and
 * the caller's struct, and cannot be made to recurse. The host checks with the same decoder what
 * it is about to write, so it never hands out what the agent will refuse.
 */
#ifndef FORKSCOPE_MAILBOX_PAYLOAD_H
#define FORKSCOPE_MAILBOX_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fs_payload_field {
	FS_PAYLOAD_INTERFACE,
	FS_PAYLOAD_MAC,
	FS_PAYLOAD_IPV4,
	FS_PAYLOAD_PREFIX,
	FS_PAYLOAD_GATEWAY,
	FS_PAYLOAD_ACK_PORT,
	FS_PAYLOAD_FIELDS,
};

struct fs_payload {
	char interface[16]; /* IFNAMSIZ */
	char mac_text[18];  /* as it was given; acks repeat it */
	char ip_text[16];
	char gateway_text[16];
	uint8_t mac[6];
	uint8_t prefix;       /* 1 to 32 */
	uint16_t ack_port;    /* 0 = send none */
	uint32_t ip, gateway; /* host byte order */
	uint32_t have;        /* bit = enum fs_payload_field: given, and good by itself */
};

/* X(ID, word for acks, sentence): what is wrong with a payload. */
#define FS_PAYLOAD_ERROR_TABLE(X)                                                       \
	X(OK, "ok", "nothing is wrong")                                                 \
	X(SYNTAX, "syntax", "it is not one JSON object")                                \
	X(DEPTH, "depth", "it is nested deeper than 16 levels")                         \
	X(MISSING, "missing", "a needed key is missing")                                \
	X(TYPE, "type", "a value is of the wrong type")                                 \
	X(INTERFACE, "interface_name",                                                  \
	  "interface_name is not 1 to 15 characters without blanks, colons or slashes") \
	X(MAC, "mac", "mac is not a unicast address such as 06:00:ac:10:00:22")         \
	X(IPV4, "ipv4", "ipv4 is not the address of one host")                          \
	X(PREFIX, "prefix", "prefix is not a whole number from 1 to 32")                \
	X(GATEWAY, "gateway", "gateway is not the address of another host")             \
	X(ACK_PORT, "ack_port", "ack_port is not a whole number from 0 to 65535")

enum fs_payload_error {
#define X(id, word, text) FS_PAYLOAD_ERR_##id,
	FS_PAYLOAD_ERROR_TABLE(X)
#undef X
};

/*
 * Decodes @len bytes of @json; any bytes are safe to give. Returns the first thing that is wrong.
 * Decoding goes on behind a bad value, so that @p->have has what is known all the same (where
 * to send the complaint).
 */
enum fs_payload_error fs_payload_decode(const char *json, size_t len, struct fs_payload *p);

const char *fs_payload_error_word(enum fs_payload_error e); /* "mac": no blanks */
const char *fs_payload_error_text(enum fs_payload_error e); /* a sentence for people */

/*
 * Sets one field from text (numbers in decimal). Returns FS_PAYLOAD_ERR_OK or what is wrong.
 */
enum fs_payload_error fs_payload_set(struct fs_payload *p, enum fs_payload_field f,
				     const char *text, size_t len);

/* What is wrong with the fields taken together: one is missing, or the gateway is the host. */
enum fs_payload_error fs_payload_check(const struct fs_payload *p);

/*
 * Is the gateway outside of the host's network, which is of more than the host itself? The agent
 * then reaches it on the link all the same; so it may be meant, or a slip.
 */
bool fs_payload_gateway_outside(const struct fs_payload *p);

/*
 * Writes @p as JSON, with its NUL, into the @room bytes of @buf. Returns the length without the
 * NUL, or -1 when the room does not suffice. The fields must have passed fs_payload_check.
 */
int fs_payload_encode(const struct fs_payload *p, char *buf, size_t room);

#endif
