// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/opts.h"
#include "cli/cmds.h"

static const struct fs_usage usage = {
	.command = "thing",
	.synopsis = "[OPTIONS] FILE",
	.what = "Does it.",
	.max_pos = 1,
	.takes_command = true,
};

struct got {
	bool all;
	uint64_t time, size;
	unsigned int count;
	const char *name;
	char *argv[32]; /* here, for args points into it after parse() has returned */
	struct fs_args args;
	json_t *asked;
	int rc;
};

/* Parses a line of words, the first of which stands for the command. */
static void parse(struct got *g, const char *line)
{
	static char words[512];
	int argc = 0;
	struct fs_opt opts[] = {
		FS_OPT("--all", "-a", NULL, fs_opt_flag, &g->all, "all"),
		FS_OPT("--time", "-t", "TIME", fs_opt_ns, &g->time, "time"),
		FS_OPT("--size", NULL, "SIZE", fs_opt_bytes, &g->size, "size"),
		FS_OPT("--count", "-c", "N", fs_opt_uint, &g->count, "count"),
		FS_OPT("--name", NULL, "NAME", fs_opt_string, &g->name, "name"),
		FS_OPT_END,
	};

	memset(g, 0, sizeof(*g));
	snprintf(words, sizeof(words), "thing %s", line);
	for (char *w = strtok(words, " "); w; w = strtok(NULL, " "))
		g->argv[argc++] = w;
	g->rc = fs_opts_parse(&usage, opts, argc, g->argv, &g->args);
	g->asked = fs_opts_asked(opts);
}

static void takes_every_form(void **state)
{
	struct got g;

	(void)state;
	parse(&g, "--time 250ms -c 3 --size=64MiB file --name x -a");
	assert_int_equal(g.rc, -1);
	assert_int_equal(g.time, 250000000);
	assert_int_equal(g.size, 64 << 20);
	assert_int_equal(g.count, 3);
	assert_string_equal(g.name, "x");
	assert_true(g.all);
	assert_int_equal(g.args.npos, 1);
	assert_string_equal(g.args.pos[0], "file");
	assert_null(g.args.after);
	json_decref(g.asked);
}

static void the_command_is_left_alone(void **state)
{
	struct got g;

	(void)state;
	parse(&g, "-a -- qemu -a --time");
	assert_int_equal(g.rc, -1);
	assert_int_equal(g.args.nafter, 3);
	assert_string_equal(g.args.after[0], "qemu");
	assert_string_equal(g.args.after[2], "--time");
	assert_null(g.args.after[3]);
	assert_int_equal(g.time, 0);
	json_decref(g.asked);
}

static void says_what_was_asked(void **state)
{
	struct got g;

	(void)state;
	parse(&g, "--time 250ms --all");
	assert_int_equal(json_object_size(g.asked), 2);
	assert_string_equal(json_string_value(json_object_get(g.asked, "time")), "250ms");
	assert_true(json_is_true(json_object_get(g.asked, "all")));
	json_decref(g.asked);
}

static void refuses(const char *line)
{
	struct got g;

	parse(&g, line);
	if (g.rc != FS_EXIT_USAGE)
		fail_msg("\"%s\" was taken", line);
	json_decref(g.asked);
}

static void refuses_what_it_does_not_understand(void **state)
{
	static const char *const bad[] = {
		"--unknown",  "--tim 1s",
		"--time",     "--time 250",
		"--time x",   "--size 3MB",
		"--count",    "--count -1",
		"--count 3x", "--all=yes",
		"a b",        "--count=",
		"--name=",    "--count 99999999999",
		"-z",         "--time=1s --time=",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refuses(bad[i]);
}

/* Help goes to stdout and names every option. */
static void help_comes_from_the_table(void **state)
{
	int out = dup(STDOUT_FILENO), p[2];
	char text[4096];
	struct got g;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(p), 0);
	fflush(stdout);
	dup2(p[1], STDOUT_FILENO);
	parse(&g, "--help --unknown");
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(p[1]);
	n = read(p[0], text, sizeof(text) - 1);
	close(p[0]);
	close(out);
	assert_true(n > 0);
	text[n] = '\0';
	assert_int_equal(g.rc, FS_EXIT_OK);
	assert_non_null(strstr(text, "usage: forkscope thing [OPTIONS] FILE"));
	assert_non_null(strstr(text, "-t, --time TIME"));
	assert_non_null(strstr(text, "--name NAME"));
	json_decref(g.asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_every_form),
		cmocka_unit_test(the_command_is_left_alone),
		cmocka_unit_test(says_what_was_asked),
		cmocka_unit_test(refuses_what_it_does_not_understand),
		cmocka_unit_test(help_comes_from_the_table),
	};

	fs_log_level = FS_LOG_ERROR;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
