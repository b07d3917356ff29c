// SPDX-License-Identifier: BSD-2-Clause
/* Parses the head of a mailbox. */
#include "mailbox/mbox_layout.h"
#include <string.h>

const struct fs_mbox_layout fs_mbox_layouts[FS_MBOX_KINDS] = {
#define X(id, n, m, is_named, t, head)     \
	[FS_MBOX_##id] = {                 \
		.name = (n),               \
		.magic = (m),              \
		.magic_len = sizeof(m),    \
		.named = (is_named),       \
		.token_max = (t),          \
		.seq_off = (head),         \
		.len_off = (head) + 4,     \
		.payload_off = (head) + 8, \
	},
	FS_MBOX_KIND_TABLE(X)
#undef X
};

#define X(id, n, m, is_named, t, head)                                                          \
	_Static_assert(sizeof(m) + ((is_named) ? FS_MBOX_NAME_MAX + 1 : 0) + (t) <= (head),     \
		       "the head of " n " holds its longest name and token");                   \
	_Static_assert((t) <= FS_MBOX_TOKEN_MAX && (head) <= FS_MBOX_HEAD_MAX, "limits of " n); \
	_Static_assert(!(is_named) || (head) == FS_MBOX_HEAD_MAX, "a named head is the longest");
FS_MBOX_KIND_TABLE(X)
#undef X

bool fs_mbox_name_ok(const uint8_t *name, size_t len)
{
	if (len < 1 || len > FS_MBOX_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = name[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '_' || c == ':' || c == '-'))
			return false;
	}
	return true;
}

/* The token is what stands before the zeros that fill its field. */
static int parse_token(const uint8_t *p, uint32_t from, const struct fs_mbox_layout *l,
		       struct fs_mbox_head *h)
{
	uint32_t room = l->seq_off - from, len = 0;

	while (len < room && p[from + len])
		len++;
	for (uint32_t i = len; i < room; i++)
		if (p[from + i])
			return -1;
	if (len < 1 || len > l->token_max)
		return -1;
	h->token = p + from;
	h->token_len = len;
	h->token_end = from + len;
	return 0;
}

int fs_mbox_parse(const uint8_t *p, size_t avail, struct fs_mbox_head *h)
{
	for (unsigned int kind = 0; kind < FS_MBOX_KINDS; kind++) {
		const struct fs_mbox_layout *l = &fs_mbox_layouts[kind];
		uint32_t from = l->magic_len;

		if (avail < l->seq_off || memcmp(p, l->magic, l->magic_len) != 0)
			continue;
		*h = (struct fs_mbox_head){.kind = (enum fs_mbox_kind)kind};
		if (l->named) {
			const uint8_t *end = memchr(p + from, 0, FS_MBOX_NAME_MAX + 1);

			if (!end || !fs_mbox_name_ok(p + from, (size_t)(end - (p + from))))
				return -1;
			h->name = p + from;
			h->name_len = (uint32_t)(end - h->name);
			from += h->name_len + 1;
		}
		return parse_token(p, from, l, h);
	}
	return -1;
}

bool fs_mbox_token_is(const struct fs_mbox_head *h, const char *token, size_t len)
{
	return h->token_len == len && memcmp(h->token, token, len) == 0;
}

int fs_mbox_init(uint8_t *page, enum fs_mbox_kind kind, const char *name, const char *token)
{
	const struct fs_mbox_layout *l = &fs_mbox_layouts[kind];
	size_t len = strlen(token), at = l->magic_len;

	if (len < 1 || len > l->token_max || l->named != (name != NULL))
		return -1;
	if (name && !fs_mbox_name_ok((const uint8_t *)name, strlen(name)))
		return -1;
	memcpy(page, l->magic, l->magic_len);
	if (name) {
		memcpy(page + at, name, strlen(name) + 1);
		at += strlen(name) + 1;
	}
	memcpy(page + at, token, len);
	return 0;
}
