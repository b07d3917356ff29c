/* SPDX-License-Identifier: BSD-2-Clause */
/* What the values of a payload and its JSON share. */
#ifndef FORKSCOPE_MAILBOX_PAYLOAD_IMPL_H
#define FORKSCOPE_MAILBOX_PAYLOAD_IMPL_H

#include <stdbool.h>
#include "mailbox/payload.h"

enum fs_payload_type { FS_PAYLOAD_STRING, FS_PAYLOAD_NUMBER };

struct fs_payload_spec {
	const char *key;
	enum fs_payload_type type;
	bool needed;
};
extern const struct fs_payload_spec fs_payload_specs[FS_PAYLOAD_FIELDS];

/* The value of a hexadecimal digit, or -1. */
static inline int fs_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

#endif
