// SPDX-License-Identifier: BSD-2-Clause
/* forkscope prefetch: what a prefetch could gain, what it would have to bring, whether it did. */
#include <stdio.h>
#include <signal.h>
#include <string.h>
#include "base/log.h"
#include "cli/cmds.h"
#include "cli/prefetch/prefetch_verbs.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{"ceiling", prefetch_ceiling},
	{"export", prefetch_export},
	{"test", prefetch_test},
};

static void print_help(FILE *to)
{
	fprintf(to,
		"usage: forkscope prefetch ceiling | export | test [OPTIONS...]\n\n"
		"Answers questions about prefetching the memory of forks.\n\n"
		"  ceiling  the most that a prefetch could gain, before anyone builds it\n"
		"  export   the pages that forks touch, in the order in which they do\n"
		"  test     forks with a prefetch against forks without: supported or refuted\n\n"
		"forkscope prefetch ceiling --help, and so on, describes each.\n");
}

int cmd_prefetch(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "--help") || !strcmp(what, "-h")) {
		print_help(stdout);
		return FS_EXIT_OK;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(what, verbs[i].name)) {
			/* a reader that leaves is an error of write(), not the end of this process
			 */
			signal(SIGPIPE, SIG_IGN);
			return verbs[i].run(argc - 1, argv + 1);
		}
	if (*what)
		fs_error("prefetch: \"%s\" is none of ceiling, export, test", what);
	print_help(stderr);
	return FS_EXIT_USAGE;
}
