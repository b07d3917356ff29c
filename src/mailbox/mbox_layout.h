/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mailboxes: what lies at which offset of the 4096-byte buffer. Shared by the host's command,
 * which finds and fills one in a snapshot's memory file, and the guest's agent, which owns it.
 *
 *	0            magic and its NUL
 *	             resume-network: token (30 bytes, rest zero)
 *	             fork: name, NUL, token (up to 128 bytes), rest zero
 *	head         u32 LE  sequence: 0 = empty, 1 = payload ready
 *	head + 4     u32 LE  payload length, 1 to 4096 - (head + 8)
 *	head + 8     payload
 *
 * Whoever fills it writes payload, then length, then sequence. Nothing here allocates or calls the
 * kernel.
 */
#ifndef FORKSCOPE_MAILBOX_FORMAT_H
#define FORKSCOPE_MAILBOX_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FS_MBOX_SIZE       4096u /* the buffer; also the page of the guest that one check covers */
#define FS_MBOX_NAME_MAX   64u   /* letters, digits and . _ : - */
#define FS_MBOX_TOKEN_MAX  128u  /* of any kind */
#define FS_MBOX_HEAD_MAX   256u  /* of any kind */

/* Every magic begins with this; it is what a search looks for. */
#define FS_MBOX_PREFIX     "HYPEMAN_"
#define FS_MBOX_PREFIX_LEN 8u

/* X(ID, name on the command line, magic, has a name, longest token, offset of the sequence) */
#define FS_MBOX_KIND_TABLE(X)                                                                   \
	X(RESUME_NETWORK, "resume-network", "HYPEMAN_RESUME_NETWORK_MAILBOX_V1", false, 30, 64) \
	X(FORK, "fork", "HYPEMAN_FORK_MAILBOX_V1", true, 128, 256)

enum fs_mbox_kind {
#define X(id, name, magic, named, token_max, head) FS_MBOX_##id,
	FS_MBOX_KIND_TABLE(X)
#undef X
		FS_MBOX_KINDS
};

#define FS_MBOX_ALL ((1u << FS_MBOX_KINDS) - 1) /* a set of kinds: bit = enum fs_mbox_kind */

struct fs_mbox_layout {
	const char *name;
	const char *magic;
	uint32_t magic_len; /* with its NUL */
	bool named;
	uint32_t token_max;
	uint32_t seq_off, len_off, payload_off;
};

extern const struct fs_mbox_layout fs_mbox_layouts[FS_MBOX_KINDS];

/* A mailbox as its first bytes say; the pointers go into the caller's bytes. */
struct fs_mbox_head {
	enum fs_mbox_kind kind;
	const uint8_t *name; /* FORK only, else NULL */
	uint32_t name_len;
	const uint8_t *token;
	uint32_t
		token_len; /* 1 to the kind's token_max; whatever follows it in the field is zero */
	uint32_t token_end; /* from the magic to the token's last byte: what cannot be chance */
};

/*
 * Reads a head at @p with @avail bytes behind it. Returns 0, or -1 when there is none: no magic, a
 * bad name, an empty token, something other than zeros behind the token, or less than a head's
 * length available. Any bytes are safe to give.
 */
int fs_mbox_parse(const uint8_t *p, size_t avail, struct fs_mbox_head *h);

/* Whether the token is exactly this one: the whole field counts, so "abc" is not "abcdef". */
bool fs_mbox_token_is(const struct fs_mbox_head *h, const char *token, size_t len);

/* Whether @len bytes of @name are a fork mailbox's name. */
bool fs_mbox_name_ok(const uint8_t *name, size_t len);

/*
 * Makes the FS_MBOX_SIZE zeroed bytes of @page an empty mailbox. @name is for FORK (else NULL).
 * Returns 0, or -1 when name or token do not fit the kind.
 */
int fs_mbox_init(uint8_t *page, enum fs_mbox_kind kind, const char *name, const char *token);

/* The most bytes that a payload of this kind can have. */
static inline uint32_t fs_mbox_capacity(enum fs_mbox_kind kind)
{
	return FS_MBOX_SIZE - fs_mbox_layouts[kind].payload_off;
}

/* Little-endian words at any alignment. */
static inline uint32_t fs_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void fs_put_le32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

#endif
