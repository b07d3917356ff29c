// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/vec.h"

static void grows_and_keeps_its_items(void **state)
{
	FS_VEC(uint32_t) v = {0};

	(void)state;
	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(fs_vec_push(&v, i * 3), 0);
	assert_int_equal(v.n, 100000);
	assert_true(v.cap >= v.n && v.cap < 4 * v.n);
	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(v.v[i], i * 3);
	fs_vec_free(&v);
	assert_null(v.v);
	assert_int_equal(v.n + v.cap, 0);
}

static void takes_structs(void **state)
{
	struct pair {
		int a, b;
	};
	FS_VEC(struct pair) v = {0};

	(void)state;
	assert_int_equal(fs_vec_push(&v, (struct pair){1, 2}), 0);
	assert_int_equal(v.v[0].a, 1);
	assert_int_equal(v.v[0].b, 2);
	fs_vec_free(&v);
}

static void reserves_without_adding(void **state)
{
	FS_VEC(char) v = {0};
	char *was;

	(void)state;
	assert_int_equal(fs_vec_reserve(&v, 0), 0);
	assert_non_null(v.v); /* also nothing is a valid array */
	assert_int_equal(fs_vec_reserve(&v, 1000), 0);
	assert_int_equal(v.n, 0);
	was = v.v;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(fs_vec_push(&v, 'x'), 0);
	assert_ptr_equal(v.v, was);
	fs_vec_free(&v);
}

static void a_failure_changes_nothing(void **state)
{
	FS_VEC(uint64_t) v = {0};
	uint64_t *was;
	volatile size_t huge = SIZE_MAX;

	(void)state;
	assert_int_equal(fs_vec_push(&v, 5), 0);
	was = v.v;
	assert_int_equal(fs_vec_reserve(&v, huge), -ENOMEM);     /* n + extra overflows */
	assert_int_equal(fs_vec_reserve(&v, huge / 2), -ENOMEM); /* times the size overflows */
	assert_ptr_equal(v.v, was);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.v[0], 5);
	fs_vec_free(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_and_keeps_its_items),
		cmocka_unit_test(takes_structs),
		cmocka_unit_test(reserves_without_adding),
		cmocka_unit_test(a_failure_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
