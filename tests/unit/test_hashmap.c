// SPDX-License-Identifier: BSD-2-Clause
/* The hash table (base/hashmap.h) against an array, and that nobody can choose keys that meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/hashmap.h"

static void agrees_with_an_array(void **state)
{
	struct fs_hashmap m = {0};
	static int x[4096];
	static bool has[4096];
	uint64_t rng = 1;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t k;

		rng = rng * 6364136223846793005ull + 1442695040888963407ull;
		k = rng >> 40 & 4095;
		assert_ptr_equal(fs_hashmap_get(&m, k << 32), has[k] ? &x[k] : NULL);
		if (rng >> 60 & 1) {
			assert_int_equal(fs_hashmap_put(&m, k << 32, &x[k]), 0);
			n += !has[k];
			has[k] = true;
		} else {
			fs_hashmap_del(&m, k << 32);
			n -= has[k];
			has[k] = false;
		}
		assert_int_equal(m.n, n);
	}
	fs_hashmap_free(&m);
}

/*
 * Keys that all begin at place 0 when they are multiplied by a known factor: as many as these would
 * take minutes to put in. The inverse of the factor, modulo 2^64, makes them.
 */
static void chosen_keys_do_not_meet(void **state)
{
	const uint64_t factor = 0x9e3779b97f4a7c15ull;
	struct fs_hashmap m = {0};
	uint64_t inverse = 1;

	(void)state;
	for (int i = 0; i < 6; i++)
		inverse *= 2 - factor * inverse;
	assert_int_equal(inverse * factor, 1);
	for (uint64_t i = 1; i <= 1 << 19; i++)
		assert_int_equal(fs_hashmap_put(&m, i * inverse, &m), 0);
	assert_int_equal(m.n, 1 << 19);
	assert_ptr_equal(fs_hashmap_get(&m, 77 * inverse), &m);
	assert_null(fs_hashmap_get(&m, 77));
	fs_hashmap_free(&m);
}

static void hashes_all_bytes(void **state)
{
	char text[] = "a name of some length, and more", other[sizeof(text)];

	(void)state;
	memcpy(other, text, sizeof(text));
	assert_true(fs_hash(text, sizeof(text)) == fs_hash(other, sizeof(text)));
	for (size_t i = 0; i < sizeof(text); i++) {
		other[i] ^= 1;
		assert_true(fs_hash(text, sizeof(text)) != fs_hash(other, sizeof(text)));
		other[i] ^= 1;
	}
	for (size_t n = 0; n < sizeof(text); n++)
		assert_true(fs_hash(text, n) != fs_hash(text, n + 1));
	assert_true(fs_hash("\0", 1) != fs_hash("\0\0", 2));
}

static const char *program;

/* The hash of a word in another process of this program. */
static uint64_t hash_elsewhere(void)
{
	char command[4096];
	unsigned long long h = 0;
	FILE *f;

	snprintf(command, sizeof(command), "'%s' hash", program);
	f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%llx", &h), 1);
	assert_int_equal(pclose(f), 0);
	return h;
}

static void every_process_has_its_own(void **state)
{
	(void)state;
	assert_true(hash_elsewhere() != hash_elsewhere());
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_an_array),
		cmocka_unit_test(chosen_keys_do_not_meet),
		cmocka_unit_test(hashes_all_bytes),
		cmocka_unit_test(every_process_has_its_own),
	};

	program = argv[0];
	if (argc > 1)
		return printf("%llx\n", (unsigned long long)fs_hash(argv[1], strlen(argv[1]))) < 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
