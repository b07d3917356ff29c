// SPDX-License-Identifier: BSD-2-Clause
/* Which files are replaced by new ones, and which stay (src/base/fresh.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <cmocka.h>
#include "base/fresh.h"
#include "tmp.h"

static const char *const pictures[] = {"<?xml ", "<svg ", NULL};

/* Makes the file anew, and sees that it is empty and another than the one before; or that one. */
static int make(const char *path, const char *const *begins)
{
	unsigned char *before, *after;
	size_t size[2];
	int fd;

	before = tmp_read(path, &size[0]);
	fd = fs_fresh_file(path, O_WRONLY, begins);
	after = tmp_read(path, &size[1]);
	if (fd >= 0) {
		assert_int_equal(size[1], 0);
		assert_int_equal(close(fd), 0);
	} else {
		assert_int_equal(size[0], size[1]);
		assert_memory_equal(before, after, size[0]);
	}
	free(before);
	free(after);
	return fd < 0 ? fd : 0;
}

static int of_content(const void *content, size_t size, const char *const *begins)
{
	int ret;

	tmp_write(tmp_path("file"), content, size);
	ret = fs_fresh_check(tmp_path("file"), begins);
	assert_int_equal(make(tmp_path("file"), begins), ret);
	return ret;
}

static void replaces_what_begins_so(void **state)
{
	(void)state;
	assert_int_equal(of_content("", 0, pictures), 0);
	assert_int_equal(of_content("<?xml version", 13, pictures), 0);
	assert_int_equal(of_content("<svg ", 5, pictures), 0);
	assert_int_equal(of_content("<svg", 4, pictures), -EMEDIUMTYPE);
	assert_int_equal(of_content(" <svg ", 6, pictures), -EMEDIUMTYPE);
	assert_int_equal(of_content("\0\0\0\0\0\0\0\0", 8, pictures), -EMEDIUMTYPE);
	assert_non_null(strstr(fs_fresh_why(-EMEDIUMTYPE), "a file of another kind is there"));
}

/* A log may say anything, but it is no memory, which has zeros. */
static void replaces_any_text(void **state)
{
	static char memory[3 * 4096];

	(void)state;
	assert_int_equal(of_content("anything\n", 9, NULL), 0);
	assert_int_equal(of_content("any\0thing", 9, NULL), -EMEDIUMTYPE);
	assert_int_equal(of_content(memory, sizeof(memory), NULL), -EMEDIUMTYPE);
	memset(memory, 'x', 4095);
	assert_int_equal(of_content(memory, sizeof(memory), NULL), -EMEDIUMTYPE);
}

static void leaves_what_is_not_a_file(void **state)
{
	const char *path = tmp_path("other");

	(void)state;
	assert_int_equal(fs_fresh_check(path, pictures), 0); /* nothing is there */
	assert_int_equal(symlink(tmp_path("file"), path), 0);
	assert_int_equal(fs_fresh_file(path, O_WRONLY, NULL), -ELOOP);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0); /* nor does it hang */
	assert_int_equal(fs_fresh_file(path, O_WRONLY, NULL), -EEXIST);
	assert_int_equal(fs_fresh_file(tmp_dir, O_WRONLY, NULL), -EISDIR);
	assert_int_equal(fs_fresh_file(tmp_path("no/such"), O_WRONLY, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaces_what_begins_so),
		cmocka_unit_test(replaces_any_text),
		cmocka_unit_test(leaves_what_is_not_a_file),
	};

	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
