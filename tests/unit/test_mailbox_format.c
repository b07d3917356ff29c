// SPDX-License-Identifier: BSD-2-Clause
/* Mailbox heads: the offsets of the protocol, written here by hand, and what is no mailbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "mailbox/mbox_layout.h"

#define MAGIC      "HYPEMAN_RESUME_NETWORK_MAILBOX_V1"
#define FORK_MAGIC "HYPEMAN_FORK_MAILBOX_V1"

static void test_offsets(void **state)
{
	const struct fs_mbox_layout *r = &fs_mbox_layouts[FS_MBOX_RESUME_NETWORK];
	const struct fs_mbox_layout *f = &fs_mbox_layouts[FS_MBOX_FORK];

	(void)state;
	assert_int_equal(r->magic_len, 34);
	assert_int_equal(r->seq_off, 64);
	assert_int_equal(r->len_off, 68);
	assert_int_equal(r->payload_off, 72);
	assert_int_equal(r->token_max, 30);
	assert_int_equal(fs_mbox_capacity(FS_MBOX_RESUME_NETWORK), 4024);
	assert_int_equal(f->magic_len, 24);
	assert_int_equal(f->seq_off, 256);
	assert_int_equal(f->len_off, 260);
	assert_int_equal(f->payload_off, 264);
	assert_int_equal(f->token_max, 128);
	assert_int_equal(fs_mbox_capacity(FS_MBOX_FORK), 3832);
}

static void test_init_then_parse(void **state)
{
	uint8_t page[FS_MBOX_SIZE] = {0};
	struct fs_mbox_head h;

	(void)state;
	assert_int_equal(fs_mbox_init(page, FS_MBOX_RESUME_NETWORK, NULL, "abc"), 0);
	assert_memory_equal(page, MAGIC "\0abc\0", 34 + 4);
	assert_int_equal(fs_mbox_parse(page, sizeof(page), &h), 0);
	assert_int_equal(h.kind, FS_MBOX_RESUME_NETWORK);
	assert_int_equal(h.token_end, 37);
	assert_true(fs_mbox_token_is(&h, "abc", 3));
	assert_false(fs_mbox_token_is(&h, "ab", 2));
	assert_false(fs_mbox_token_is(&h, "abcd", 4));

	memset(page, 0, sizeof(page));
	assert_int_equal(fs_mbox_init(page, FS_MBOX_FORK, "net:0", "secret"), 0);
	assert_memory_equal(page, FORK_MAGIC "\0net:0\0secret\0", 24 + 6 + 7);
	assert_int_equal(fs_mbox_parse(page, sizeof(page), &h), 0);
	assert_int_equal(h.kind, FS_MBOX_FORK);
	assert_int_equal(h.name_len, 5);
	assert_memory_equal(h.name, "net:0", 5);
	assert_int_equal(h.token_end, 36);
	assert_true(fs_mbox_token_is(&h, "secret", 6));
}

static void test_longest(void **state)
{
	uint8_t page[FS_MBOX_SIZE] = {0};
	char name[FS_MBOX_NAME_MAX + 2], token[FS_MBOX_TOKEN_MAX + 2];
	struct fs_mbox_head h;

	(void)state;
	memset(name, 'n', sizeof(name));
	memset(token, 't', sizeof(token));
	name[FS_MBOX_NAME_MAX + 1] = token[FS_MBOX_TOKEN_MAX + 1] = 0;
	assert_int_equal(fs_mbox_init(page, FS_MBOX_FORK, name, "t"), -1);
	assert_int_equal(fs_mbox_init(page, FS_MBOX_FORK, "n", token), -1);
	assert_int_equal(fs_mbox_init(page, FS_MBOX_RESUME_NETWORK, NULL, token + 98), -1);
	assert_int_equal(fs_mbox_init(page, FS_MBOX_RESUME_NETWORK, "n", "t"), -1);
	assert_int_equal(fs_mbox_init(page, FS_MBOX_FORK, NULL, "t"), -1);
	assert_int_equal(fs_mbox_init(page, FS_MBOX_RESUME_NETWORK, NULL, ""), -1);
	name[FS_MBOX_NAME_MAX] = token[FS_MBOX_TOKEN_MAX] = 0;
	assert_int_equal(fs_mbox_init(page, FS_MBOX_FORK, name, token), 0);
	assert_int_equal(fs_mbox_parse(page, sizeof(page), &h), 0);
	assert_int_equal(h.name_len, 64);
	assert_int_equal(h.token_len, 128);

	memset(page, 0, sizeof(page));
	assert_int_equal(fs_mbox_init(page, FS_MBOX_RESUME_NETWORK, NULL, token + 98), 0);
	assert_int_equal(fs_mbox_parse(page, sizeof(page), &h), 0);
	assert_int_equal(h.token_len, 30);
}

static void test_no_mailbox(void **state)
{
	uint8_t page[FS_MBOX_SIZE] = {0};
	struct fs_mbox_head h;

	(void)state;
	assert_int_equal(fs_mbox_parse(page, sizeof(page), &h), -1);
	memcpy(page, MAGIC, 34); /* no token */
	assert_int_equal(fs_mbox_parse(page, sizeof(page), &h), -1);
	memcpy(page + 34, "ab\0c", 4); /* more behind the zeros */
	assert_int_equal(fs_mbox_parse(page, sizeof(page), &h), -1);
	memcpy(page + 34, "ab\0\0", 4);
	assert_int_equal(fs_mbox_parse(page, sizeof(page), &h), 0);
	assert_int_equal(fs_mbox_parse(page, 63, &h), -1); /* too short for the head */
	assert_int_equal(fs_mbox_parse(page, 64, &h), 0);
	page[33] = 'X'; /* the magic's NUL belongs to it */
	assert_int_equal(fs_mbox_parse(page, sizeof(page), &h), -1);

	memset(page, 0, sizeof(page));
	memcpy(page, FORK_MAGIC "\0a b\0token", 24 + 4 + 5); /* a blank in the name */
	assert_int_equal(fs_mbox_parse(page, sizeof(page), &h), -1);
	page[25] = '_';
	assert_int_equal(fs_mbox_parse(page, sizeof(page), &h), 0);
	assert_int_equal(fs_mbox_parse(page, 255, &h), -1);
	memcpy(page + 24, "\0token\0", 7); /* an empty name */
	assert_int_equal(fs_mbox_parse(page, sizeof(page), &h), -1);
	memset(page + 24, 'n', 65); /* a name too long */
	assert_int_equal(fs_mbox_parse(page, sizeof(page), &h), -1);
}

static void test_words(void **state)
{
	uint8_t b[5] = {9, 0x78, 0x56, 0x34, 0x12};

	(void)state;
	assert_int_equal(fs_le32(b + 1), 0x12345678);
	fs_put_le32(b + 1, 0xa1b2c3d4);
	assert_memory_equal(b, "\x09\xd4\xc3\xb2\xa1", 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offsets), cmocka_unit_test(test_init_then_parse),
		cmocka_unit_test(test_longest), cmocka_unit_test(test_no_mailbox),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("mailbox_format", tests, NULL, NULL);
}
