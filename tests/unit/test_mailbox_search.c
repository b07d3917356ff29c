// SPDX-License-Identifier: BSD-2-Clause
/* Searching memory and files: every alignment and edge, holes, files that are cut meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "mailbox/locate.h"
#include "mailbox/magic_scan.h"

static const struct fs_mbox_query any_kind = {.kinds = FS_MBOX_ALL, .token = "tok"};

static const uint8_t *naive(const uint8_t *from, const uint8_t *end)
{
	for (; end - from >= 8; from++)
		if (!memcmp(from, "HYPEMAN_", 8))
			return from;
	return NULL;
}

/* All ways find what the naive one finds, at each place of each length, and read nothing else. */
static void test_ways_agree(void **state)
{
	enum { LONGEST = 400 };

	(void)state;
	for (const struct fs_scan_method *w = fs_scan_methods; w->name; w++) {
		if (!w->usable())
			continue;
		for (size_t len = 0; len < LONGEST; len += len < 20 ? 1 : 7) {
			uint8_t *m = malloc(len + 1); /* the sanitizer guards its end */

			assert_non_null(m);
			memset(m, 'Y', len); /* each place is a candidate by its first byte */
			assert_null(w->find(m, m + len));
			for (size_t at = 0; at + 8 <= len; at++) {
				memcpy(m + at, "HYPEMAN_", 8);
				assert_ptr_equal(w->find(m, m + len), m + at);
				assert_null(w->find(m + at + 1, m + len));
				assert_null(w->find(m, m + at + 7));
				memset(m + at, 'Y', 8);
			}
			free(m);
		}
	}
}

static void test_ways_agree_on_noise(void **state)
{
	static const char letters[] = "HYPEMAN_";
	uint8_t m[8192];
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < sizeof(m); i++) {
			seed = seed * 1664525 + 1013904223;
			m[i] = (uint8_t)letters[seed >> 29];
		}
		for (int k = 0; k < 3; k++) {
			seed = seed * 1664525 + 1013904223;
			memcpy(m + (seed >> 8) % (sizeof(m) - 8), "HYPEMAN_", 8);
		}
		for (const struct fs_scan_method *w = fs_scan_methods; w->name; w++) {
			const uint8_t *a = m, *b = m;

			while (w->usable() && a) {
				a = w->find(a, m + sizeof(m));
				b = naive(b, m + sizeof(m));
				assert_ptr_equal(a, b);
				if (a)
					a = b = a + 1;
			}
		}
	}
}

static int make_file(uint64_t size)
{
	int fd = memfd_create("memory", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static void put_mailbox(int fd, uint64_t at, enum fs_mbox_kind kind, const char *name,
			const char *token)
{
	uint8_t page[FS_MBOX_SIZE] = {0};

	assert_int_equal(fs_mbox_init(page, kind, name, token), 0);
	assert_int_equal(pwrite(fd, page, sizeof(page), (off_t)at), sizeof(page));
}

static void search(int fd, const struct fs_mbox_query *q, struct fs_mbox_found *found)
{
	char err[256] = "";

	assert_int_equal(
		fs_mbox_search(fd, (uint64_t)lseek(fd, 0, SEEK_END), q, found, err, sizeof(err)),
		0);
}

static void test_kinds_names_tokens(void **state)
{
	struct fs_mbox_query q = any_kind;
	struct fs_mbox_found f;
	int fd = make_file(64 << 20);

	(void)state;
	put_mailbox(fd, 0x100003, FS_MBOX_RESUME_NETWORK, NULL, "tok");
	put_mailbox(fd, 0x200000, FS_MBOX_RESUME_NETWORK, NULL, "token");
	put_mailbox(fd, 0x1ffffff, FS_MBOX_FORK, "a", "tok");
	put_mailbox(fd, 0x3000000, FS_MBOX_FORK, "b", "tok");
	search(fd, &q, &f);
	assert_int_equal(f.hits.n, 3);
	assert_int_equal(f.hits.v[0].offset, 0x100003);
	assert_int_equal(f.hits.v[1].offset, 0x1ffffff);
	assert_string_equal(f.hits.v[1].name, "a");
	assert_int_equal(f.others, 1);
	assert_int_equal(f.other_at[0], 0x200000);
	assert_true(f.searched < 1 << 20); /* holes were skipped */
	fs_mbox_found_free(&f);
	q.name = "b";
	search(fd, &q, &f);
	assert_int_equal(f.hits.n, 1);
	assert_int_equal(f.hits.v[0].offset, 0x3000000);
	fs_mbox_found_free(&f);
	q = (struct fs_mbox_query){.kinds = 1u << FS_MBOX_RESUME_NETWORK, .token = "token"};
	search(fd, &q, &f);
	assert_int_equal(f.hits.n, 1);
	assert_int_equal(f.hits.v[0].offset, 0x200000);
	fs_mbox_found_free(&f);
	close(fd);
}

/* Pieces are searched one by one: a match across their border counts once. */
static void test_borders_of_pieces(void **state)
{
	const uint64_t piece = 8 << 20;
	uint8_t *ones = malloc(3 * piece);
	struct fs_mbox_found f;

	(void)state;
	assert_non_null(ones);
	memset(ones, 1, 3 * piece);
	for (int64_t shift = -70; shift <= 70; shift++) {
		static int fd = -1;
		uint64_t at = (uint64_t)((int64_t)piece + shift);
		uint8_t ones_again[FS_MBOX_SIZE];

		if ((shift < -9 || shift > 2) && shift % 10)
			continue;
		if (fd < 0) {
			fd = make_file(3 * piece);
			assert_int_equal(pwrite(fd, ones, 3 * piece, 0), 3 * piece);
		}
		put_mailbox(fd, at, FS_MBOX_RESUME_NETWORK, NULL, "tok");
		search(fd, &any_kind, &f);
		assert_int_equal(f.hits.n, 1);
		assert_int_equal(f.hits.v[0].offset, at);
		assert_int_equal(f.searched, 3 * piece);
		fs_mbox_found_free(&f);
		memset(ones_again, 1, sizeof(ones_again));
		assert_int_equal(pwrite(fd, ones_again, sizeof(ones_again), (off_t)at),
				 sizeof(ones_again));
	}
	free(ones);
}

static void test_ends_of_file(void **state)
{
	struct fs_mbox_found f;
	uint8_t page[FS_MBOX_SIZE] = {0};
	int fd = make_file(0);

	(void)state;
	search(fd, &any_kind, &f); /* an empty file */
	assert_int_equal(f.hits.n, 0);
	fs_mbox_init(page, FS_MBOX_RESUME_NETWORK, NULL, "tok");
	for (size_t len = 1; len <= 80; len++) { /* the head must be there whole */
		assert_int_equal(pwrite(fd, page, len, 0), len);
		search(fd, &any_kind, &f);
		assert_int_equal(f.hits.n, len >= 64);
		fs_mbox_found_free(&f);
	}
	close(fd);
}

static void test_proof(void **state)
{
	struct fs_mbox_verified p;
	char err[256];
	int fd = make_file(1 << 20);

	(void)state;
	put_mailbox(fd, 0x4000, FS_MBOX_RESUME_NETWORK, NULL, "tok");
	assert_int_equal(fs_mbox_verify(fd, 1 << 20, &any_kind, 0x4000, &p, err, sizeof(err)), 0);
	assert_int_equal(p.room, 4024);
	assert_int_equal(p.hit.verified_end, 0x5000);
	assert_int_equal(fs_mbox_verify(fd, 1 << 20, &any_kind, 0x4001, &p, err, sizeof(err)),
			 -ENOENT);
	assert_int_equal(fs_mbox_verify(fd, 1 << 20, &any_kind, 2 << 20, &p, err, sizeof(err)),
			 -ENOENT);
	/* room ends with the page of the token's last byte */
	put_mailbox(fd, 0x8e00, FS_MBOX_RESUME_NETWORK, NULL, "tok");
	assert_int_equal(fs_mbox_verify(fd, 1 << 20, &any_kind, 0x8e00, &p, err, sizeof(err)), 0);
	assert_int_equal(p.room, 0x200 - 72);
	/* its sequence is on a page of which nothing is known */
	put_mailbox(fd, 0xcfd0, FS_MBOX_RESUME_NETWORK, NULL, "tok");
	assert_int_equal(fs_mbox_verify(fd, 1 << 20, &any_kind, 0xcfd0, &p, err, sizeof(err)),
			 -ERANGE);
	assert_non_null(strstr(err, "next page"));
	/* the token itself reaches into the second page, so that one is proven too */
	put_mailbox(fd, 0xffdd, FS_MBOX_RESUME_NETWORK, NULL, "tok");
	assert_int_equal(fs_mbox_verify(fd, 1 << 20, &any_kind, 0xffdd, &p, err, sizeof(err)), 0);
	assert_int_equal(p.hit.verified_end, 0x11000);
	assert_int_equal(p.room, 4024);
	close(fd);
}

static void test_wrong_length(void **state)
{
	struct fs_mbox_verified p;
	char err[256];
	uint8_t huge[4] = {0xff, 0xff, 0xff, 0xff};
	int fd = make_file(1 << 16);

	(void)state;
	put_mailbox(fd, 0, FS_MBOX_RESUME_NETWORK, NULL, "tok");
	assert_int_equal(pwrite(fd, huge, 4, 68), 4);
	assert_int_equal(fs_mbox_verify(fd, 1 << 16, &any_kind, 0, &p, err, sizeof(err)), 0);
	assert_int_equal(p.payload_len, 0xffffffff);
	assert_null(p.payload);
	close(fd);
}

/* Given a size that the file no longer has. */
static void test_shorter_than_said(void **state)
{
	struct fs_mbox_found f;
	char err[256] = "";
	int fd = make_file(0);

	(void)state;
	for (int i = 0; i < 16; i++)
		put_mailbox(fd, (uint64_t)i * 4096, FS_MBOX_RESUME_NETWORK, NULL, "tok");
	assert_int_equal(fs_mbox_search(fd, 1 << 20, &any_kind, &f, err, sizeof(err)), 0);
	assert_int_equal(f.hits.n, 16);
	fs_mbox_found_free(&f);
	close(fd);
}

struct cutter {
	int fd;
	size_t size;
	char *bytes;
	atomic_bool end;
};

/* Cuts the file and fills it again, as fast as it goes. */
static void *cut_and_fill(void *arg)
{
	struct cutter *c = arg;

	while (!c->end) {
		if (pwrite(c->fd, c->bytes, c->size, 0) < 0)
			return NULL;
		usleep(1000);
		if (ftruncate(c->fd, 4096))
			return NULL;
	}
	return NULL;
}

/* Cut under the search: an error, not a death. */
static void test_cut_while_searched(void **state)
{
	struct cutter c = {.fd = make_file(0), .size = 16 << 20};
	time_t stop = time(NULL) + 20;
	pthread_t thread;
	bool seen = false;

	(void)state;
	c.bytes = calloc(1, c.size);
	assert_non_null(c.bytes);
	assert_int_equal(pthread_create(&thread, NULL, cut_and_fill, &c), 0);
	while (!seen && time(NULL) < stop) {
		struct fs_mbox_found f;
		char err[256] = "";
		int ret = fs_mbox_search(c.fd, c.size, &any_kind, &f, err, sizeof(err));

		assert_true(ret == 0 || ret == -ESTALE);
		seen = ret == -ESTALE;
		if (seen)
			assert_non_null(strstr(err, "cut short"));
		else
			fs_mbox_found_free(&f);
	}
	c.end = true;
	pthread_join(thread, NULL);
	free(c.bytes);
	close(c.fd);
	assert_true(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways_agree),
		cmocka_unit_test(test_ways_agree_on_noise),
		cmocka_unit_test(test_kinds_names_tokens),
		cmocka_unit_test(test_borders_of_pieces),
		cmocka_unit_test(test_ends_of_file),
		cmocka_unit_test(test_proof),
		cmocka_unit_test(test_wrong_length),
		cmocka_unit_test(test_shorter_than_said),
		cmocka_unit_test(test_cut_while_searched),
	};

	return cmocka_run_group_tests_name("mailbox_search", tests, NULL, NULL);
}
