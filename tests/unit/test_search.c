// SPDX-License-Identifier: BSD-2-Clause
/* Binary search (base/search.h) against a search one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/search.h"

#define MOST 40

static void agrees_with_one_by_one(void **state)
{
	int v[MOST];

	(void)state;
	for (size_t n = 0; n <= MOST; n++) {
		for (size_t i = 0; i < n; i++)
			v[i] = (int)(i / 3) * 2; /* 0 0 0 2 2 2 4 ...: several alike, and gaps */
		for (int x = -1; x <= MOST; x++) {
			size_t at_least = 0, above = 0;

			while (at_least < n && v[at_least] < x)
				at_least++;
			while (above < n && v[above] <= x)
				above++;
			assert_int_equal(fs_first_where(n, i, v[i] >= x), at_least);
			assert_int_equal(fs_first_where(n, i, v[i] > x), above);
		}
	}
}

static void looks_at_few_and_never_beyond(void **state)
{
	const size_t huge = SIZE_MAX;
	size_t looks = 0;

	(void)state;
	assert_int_equal(fs_first_where(huge, i, (looks++, i >= huge - 1)), huge - 1);
	assert_in_range(looks, 1, 64);
	looks = 0;
	assert_int_equal(fs_first_where(0, i, (looks++, i < huge)), 0);
	assert_int_equal(looks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_one_by_one),
		cmocka_unit_test(looks_at_few_and_never_beyond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
