// SPDX-License-Identifier: BSD-2-Clause
/* forkscope mark: a moment named by the user, into every running recording of this host. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/opts.h"
#include "cli/cmds.h"
#include "collect/mark_socket.h"

static const struct fs_usage usage = {
	.command = "mark",
	.synopsis = "NAME [--pid VMM]",
	.what = "Puts a moment into every forkscope recording that runs on this host. The time is taken when this command starts. A report can end its window there: --end mark:NAME.",
	.notes =
		"NAME is 1 to 63 letters, digits, dots, colons, dashes or underscores. Names of an experiment's\nown: arm:NAME, prefetch:DURATION, resident:PAGES (see forkscope prefetch test). Exit status 1:\nno recorder is running, or none could be reached.",
	.min_pos = 1,
	.max_pos = 1,
};

int cmd_mark(int argc, char **argv)
{
	struct fs_mark mark = {.ts = fs_mono_ns()};
	unsigned int pid = 0;
	struct fs_opt opts[] = {
		FS_OPT("--pid", "-p", "VMM", fs_opt_uint, &pid,
		       "the mark is for the forks of this VMM process only"),
		FS_OPT_END,
	};
	struct fs_args args;
	int ret = fs_opts_parse(&usage, opts, argc, argv, &args);

	if (ret >= 0)
		return ret;
	if (fs_mark_check_name(args.pos[0]))
		return fs_opts_bad(&usage, "\"%s\" is not a name for a mark", args.pos[0]);
	if (opts[0].given && (!pid || (kill((pid_t)pid, 0) && errno == ESRCH))) {
		fs_error("cannot mark VMM %u: no such process", pid);
		return FS_EXIT_FAILED;
	}
	mark.pid = pid;
	snprintf(mark.name, sizeof(mark.name), "%s", args.pos[0]);
	ret = fs_marks_send(&mark);
	if (ret > 0)
		return FS_EXIT_OK;
	if (ret == -EXDEV)
		fs_error(
			"cannot mark a moment from inside a time namespace with an offset: its clock is not that of the recordings. Run forkscope mark in the host's");
	else if (ret == 0)
		fs_error("no recorder is running on this host: start forkscope record first");
	else
		fs_error("cannot reach the recorder in " FS_MARK_DIR ": %s%s", strerror(-ret),
			 ret == -EACCES ? " (marks are heard from root and the recorder's user)"
					: "");
	return FS_EXIT_FAILED;
}
