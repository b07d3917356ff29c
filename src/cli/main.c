// SPDX-License-Identifier: BSD-2-Clause
/* forkscope: the table of subcommands. Nothing else in the program exits. */
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "cli/cmds.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *doc;
} commands[] = {
#define X(name, doc) {#name, cmd_##name, doc},
	FS_COMMANDS(X)
#undef X
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *to)
{
	fprintf(to,
		"usage: forkscope [-v] COMMAND [ARGUMENTS...]\n\n"
		"Traces forks of VMs restored from one memory snapshot and says where their time\n"
		"went: vCPU progress, memory faults, or signal delivery.\n\n");
	for (size_t i = 0; i < NCOMMANDS; i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].doc);
	fprintf(to,
		"\n  -v, --verbose  say more on stderr (also what libbpf says)\n"
		"  --version      print the version\n"
		"  -h, --help     print this; forkscope help COMMAND describes a command\n\n"
		"exit status: 0 done, 1 failed, 2 wrong usage, 3 done but incomplete (events were\n"
		"lost, or forks have no end), 4 the answer is no, 5 there is no answer\n");
}

static int run(int argc, char **argv)
{
	for (size_t c = 0; c < NCOMMANDS; c++)
		if (!strcmp(argv[0], commands[c].name))
			return commands[c].run(argc, argv);
	fs_error("unknown command \"%s\" (see forkscope --help)", argv[0]);
	return FS_EXIT_USAGE;
}

/* help [COMMAND...]: what COMMAND... --help says. */
static int help(int argc, char **argv)
{
	static char flag[] = "--help";
	char *asked[4] = {NULL};

	if (argc == 1) {
		print_help(stdout);
		return FS_EXIT_OK;
	}
	if (argc > 3) {
		fs_error("help does not know what to do with \"%s\" (see forkscope --help)",
			 argv[3]);
		return FS_EXIT_USAGE;
	}
	for (int i = 1; i < argc; i++)
		asked[i - 1] = argv[i];
	asked[argc - 1] = flag;
	return run(argc, asked);
}

int main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--version")) {
			printf("forkscope %s\n", FORKSCOPE_VERSION);
			return FS_EXIT_OK;
		}
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			print_help(stdout);
			return FS_EXIT_OK;
		}
		if (strcmp(argv[i], "-v") && strcmp(argv[i], "--verbose")) {
			fs_error("unknown option %s (see forkscope --help)", argv[i]);
			return FS_EXIT_USAGE;
		}
		fs_log_level = FS_LOG_DEBUG;
	}
	if (i == argc) {
		print_help(stderr);
		return FS_EXIT_USAGE;
	}
	return strcmp(argv[i], "help") ? run(argc - i, argv + i) : help(argc - i, argv + i);
}
