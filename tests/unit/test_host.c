// SPDX-License-Identifier: BSD-2-Clause
/* Lists of CPUs as the kernel writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "bpf/knobs.h"
#include "collect/host/host.h"

static void is(const char *list, size_t n, const unsigned int *want)
{
	unsigned int cpus[8] = {0};

	assert_int_equal(fs_host_list(list, cpus, 8), n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(cpus[i], want[i]);
}

static void lists_may_have_holes(void **state)
{
	(void)state;
	is("0\n", 1, (unsigned int[]){0});
	is("0-3\n", 4, (unsigned int[]){0, 1, 2, 3});
	is("0,2\n", 2, (unsigned int[]){0, 2});
	is("0-1,4,6-7\n", 5, (unsigned int[]){0, 1, 4, 6, 7});
	is("3", 1, (unsigned int[]){3});
}

static void what_is_no_list_ends_it(void **state)
{
	(void)state;
	is("", 0, NULL);
	is("\n", 0, NULL);
	is("x", 0, NULL);
	is("1;2", 1, (unsigned int[]){1});
	is("5-3", 0, NULL);
}

static void only_as_many_as_there_is_room_for(void **state)
{
	unsigned int cpus[2] = {7, 7};

	(void)state;
	assert_int_equal(fs_host_list("0-9", cpus, 1), 10);
	assert_int_equal(cpus[0], 0);
	assert_int_equal(cpus[1], 7);
	assert_int_equal(fs_host_list("0-4294967295", NULL, 0), FS_MAX_CPUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_may_have_holes),
		cmocka_unit_test(what_is_no_list_ends_it),
		cmocka_unit_test(only_as_many_as_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
