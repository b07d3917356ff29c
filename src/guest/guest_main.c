// SPDX-License-Identifier: BSD-2-Clause
/* forkscope-guest: the part of forkscope that runs in a guest, before and after the snapshot. */
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "guest/commands.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *doc;
} commands[] = {
#define X(name, doc) {#name, guest_cmd_##name, doc},
	GUEST_COMMANDS(X)
#undef X
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *to)
{
	fprintf(to, "usage: forkscope-guest COMMAND [OPTIONS...]\n\n"
		    "Runs in a guest that is to be snapshot and forked.\n\n");
	for (size_t i = 0; i < NCOMMANDS; i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].doc);
	fprintf(to, "\n  --version  print the version\n"
		    "  --help     print this; forkscope-guest help COMMAND explains a command\n\n"
		    "exit status: 0 done, 1 failed, 2 wrong usage\n");
}

static int run(int argc, char **argv)
{
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (!strcmp(argv[0], commands[i].name))
			return commands[i].run(argc, argv);
	fs_error("unknown command \"%s\" (see forkscope-guest --help)", argv[0]);
	return GUEST_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	static char flag[] = "--help";

	fs_log_program = "forkscope-guest";
	if (argc == 3 && !strcmp(argv[1], "help"))
		return run(2, (char *[]){argv[2], flag, NULL});
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("forkscope-guest %s\n", FORKSCOPE_VERSION);
		return GUEST_EXIT_OK;
	}
	if (argc > 1 &&
	    (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))) {
		print_help(stdout);
		return GUEST_EXIT_OK;
	}
	if (argc < 2) {
		print_help(stderr);
		return GUEST_EXIT_USAGE;
	}
	return run(argc - 1, argv + 1);
}
