/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds a mailbox in a memory file, and verifies that one is where it was found. */
#ifndef FORKSCOPE_MAILBOX_LOCATE_H
#define FORKSCOPE_MAILBOX_LOCATE_H

#include <stddef.h>
#include <stdint.h>
#include "base/vec.h"
#include "mailbox/mbox_layout.h"

struct fs_mbox_query {
	unsigned int kinds; /* bits of enum fs_mbox_kind */
	const char *name;   /* of a fork mailbox; NULL = any */
	const char *token;
};

/* A mailbox that the query asks for, at @offset of the file. */
struct fs_mbox_hit {
	uint64_t offset;
	enum fs_mbox_kind kind;
	char name[FS_MBOX_NAME_MAX + 1]; /* fork mailbox, else empty */
	/*
	 * Nothing is known beyond this offset: the end of the page in which the token's last byte
	 * stands. The guest's next page need not be next in the file.
	 */
	uint64_t verified_end;
};

struct fs_mbox_found {
	FS_VEC(struct fs_mbox_hit) hits; /* rising offsets */
	uint64_t others;                 /* mailboxes of other tokens, kinds or names */
	uint64_t other_at[8];            /* the first of them */
	uint64_t searched;               /* bytes of the file that are not holes */
	const char *method;              /* how it was searched: "avx2" */
};

/*
 * Searches the @size bytes of the regular file @fd, holes skipped (on hugetlbfs they are read as
 * zeros, and stay holes). Returns 0 with all matches in
 * @found (free with fs_mbox_found_free), or a negative errno with a sentence in @err. A file that
 * shrinks meanwhile is such an error (-ESTALE), and so is a page that cannot be read (-EIO).
 */
int fs_mbox_search(int fd, uint64_t size, const struct fs_mbox_query *q,
		   struct fs_mbox_found *found, char *err, size_t err_len);
void fs_mbox_found_free(struct fs_mbox_found *found);

/* The bytes of the page (two where the head lies across them) in which a mailbox was verified. */
struct fs_mbox_verified {
	struct fs_mbox_hit hit;
	uint8_t bytes[FS_MBOX_SIZE + FS_MBOX_HEAD_MAX]; /* from hit.offset on */
	size_t len;                                     /* to hit.verified_end or the file's end */
	uint32_t seq, payload_len;
	const uint8_t *payload; /* in bytes; NULL when length and page do not go together */
	uint32_t room;          /* the largest payload that stays inside of the verified page */
};

/*
 * Reads the page at @offset and verifies that the mailbox of @q begins there. Returns 0, -ENOENT
 * (it does not), -ERANGE (it does, but its sequence and length lie beyond what can be verified), or
 * another negative errno; with a sentence in @err.
 */
int fs_mbox_verify(int fd, uint64_t size, const struct fs_mbox_query *q, uint64_t offset,
		   struct fs_mbox_verified *page, char *err, size_t err_len);

#endif
