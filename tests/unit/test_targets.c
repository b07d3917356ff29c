// SPDX-License-Identifier: BSD-2-Clause
/* Is the command's program there, before anything is made for it (src/collect/host/targets.c)? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <cmocka.h>
#include "collect/host/privs.h"
#include "collect/host/targets.h"
#include "tmp.h"

/* The real one belongs to another part. */
void fs_privs_child(void)
{
}

static int check(const char *name)
{
	char *command[] = {(char *)name, NULL}, err[300] = "";
	struct fs_targets t;
	int ret;

	fs_targets_init(&t);
	t.command = command;
	ret = fs_targets_check(&t, err, sizeof(err));
	assert_int_equal(!ret, !*err);
	if (ret)
		assert_non_null(strstr(err, name));
	fs_targets_close(&t);
	return ret;
}

static void make(const char *name, mode_t mode)
{
	tmp_write(tmp_path(name), "#!/bin/sh\n", 10);
	assert_int_equal(chmod(tmp_path(name), mode), 0);
}

static void by_path(void **state)
{
	(void)state;
	make("program", 0755);
	make("text", 0644);
	assert_int_equal(check(tmp_path("program")), 0);
	assert_int_equal(check(tmp_path("none")), -ENOENT);
	assert_int_equal(check(tmp_path("program/of")), -ENOTDIR);
	assert_int_equal(check(tmp_path("text")), -EACCES);
	assert_int_equal(check(tmp_dir), -EACCES);
}

static void by_name(void **state)
{
	char path[400];

	(void)state;
	assert_int_equal(mkdir(tmp_path("first"), 0755), 0);
	assert_int_equal(mkdir(tmp_path("last"), 0755), 0);
	make("first/both", 0644);
	make("last/both", 0755);
	make("last/text", 0644);
	snprintf(path, sizeof(path), "/none:%s:%s", tmp_path("first"), tmp_path("last"));
	assert_int_equal(setenv("PATH", path, 1), 0);
	assert_int_equal(check("both"), 0); /* as execvp() goes on behind what it may not execute */
	assert_int_equal(check("text"), -EACCES);
	assert_int_equal(check("none"), -ENOENT);
	assert_int_equal(check(""), -ENOENT);
	/* an empty folder is the one we are in */
	assert_int_equal(chdir(tmp_path("last")), 0);
	assert_int_equal(setenv("PATH", "/none:", 1), 0);
	assert_int_equal(check("both"), 0);
	assert_int_equal(unsetenv("PATH"), 0);
	assert_int_equal(check("sh"), 0);
	assert_int_equal(check("both"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_path),
		cmocka_unit_test(by_name),
	};

	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
