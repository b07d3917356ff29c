// SPDX-License-Identifier: BSD-2-Clause
/*
 * forkscope-guest arm: makes the recorder in this guest's memory (arming.c), and stays as a process
 * that does nothing but keep it alive.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "base/opts.h"
#include "base/units.h"
#include "guest/arming.h"
#include "guest/commands.h"
#include "guest/recorder/armed.h"

static const struct fs_usage usage = {
	.program = "forkscope-guest",
	.command = "arm",
	.synopsis = "[OPTIONS...]",
	.what = "Loads the recorder's programs into the kernel and lays out its memory, so that every fork of a snapshot that is taken from now on records what its guest does. Prints one line on stdout (\"armed ...\") when the snapshot may be taken, and stays in the background; SIGTERM ends it and removes everything.",
	.notes =
		"exit status: 0 armed (with --foreground: ended by SIGTERM or SIGINT); 1 failed, or armed already; 2 wrong usage",
};

static int parse_ring_size(const char *text, void *dst, char *why, size_t len)
{
	uint64_t n = 0;

	if (fs_parse_bytes(text, &n) || n < FSG_PAGE || (n & (n - 1)) || n > (64u << 20)) {
		snprintf(why, len, "is not a power of two from 4KiB to 64MiB, as 1MiB is");
		return -1;
	}
	*(uint64_t *)dst = n;
	return 0;
}

static int parse_without(const char *text, void *dst, char *why, size_t len)
{
	if (!fs_plan_known(&guest_hooks, text)) {
		snprintf(why, len, "are not all hooks (forkscope-guest status names them)");
		return -1;
	}
	*(const char **)dst = text;
	return 0;
}

/* Returns -1 to go on, or the exit code to end with. */
static int parse(struct guest_arm_opts *o, int argc, char **argv)
{
	struct fs_opt opts[] = {
		FS_OPT("--ring-size", NULL, "SIZE", parse_ring_size, &o->ring_bytes,
		       "records of each CPU, a power of two (1MiB, less in a small guest)"),
		FS_OPT("--without", NULL, "HOOKS", parse_without, &o->without,
		       "leave these out: names of `status`, divided by commas"),
		FS_OPT("--no-symbols", NULL, NULL, fs_opt_flag, &o->no_symbols,
		       "without the symbols of the kernel"),
		FS_OPT("--no-bpf", NULL, NULL, fs_opt_flag, &o->no_bpf,
		       "without programs: the agent's own stages alone"),
		FS_OPT("--foreground", NULL, NULL, fs_opt_flag, &o->foreground,
		       "do not go into the background"),
		FS_OPT("--run-dir", NULL, "DIR", fs_opt_string, &o->run_dir,
		       "where the agent and `status` find it (" GUEST_RUN_DIR ")"),
		FS_OPT_END,
	};
	struct fs_args args;

	*o = (struct guest_arm_opts){.run_dir = GUEST_RUN_DIR};
	return fs_opts_parse(&usage, opts, argc, argv, &args);
}

/* ---- the process that stays ---- */

static void wait_for_end(void)
{
	sigset_t end;
	int sig;

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	sigwait(&end, &sig);
}

static void block_end(void)
{
	sigset_t end;

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	sigprocmask(SIG_BLOCK, &end, NULL);
}

static void let_go_of_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (chdir("/"))
		return;
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

static void print_armed(const struct guest_arming *a, size_t symbols)
{
	char size[FS_UNITS_LEN];

	fs_fmt_bytes_exact(a->ring_bytes, size, sizeof(size));
	if (a->rec.programs)
		dprintf(STDOUT_FILENO,
			"armed directory=0x%llx pid=%d programs=%u rings=%ux%s symbols=%zu\n",
			(unsigned long long)a->layout.dir_gfn * FSG_PAGE, (int)getpid(),
			a->rec.programs, a->cpus, size, symbols);
	else
		dprintf(STDOUT_FILENO,
			"armed directory=0x%llx pid=%d programs=0 rings=0 symbols=%zu\n",
			(unsigned long long)a->layout.dir_gfn * FSG_PAGE, (int)getpid(), symbols);
}

/* Arms, reports that to @done (a pipe, or -1), and stays until a signal ends it. */
static int stay(const struct guest_arm_opts *o, int done)
{
	static struct guest_arming a;
	char err[GUEST_ARMING_SENTENCE] = "out of memory";
	size_t symbols;

	a.o = o;
	a.layout.dir.fd = a.layout.store.fd = -1;
	block_end();
	if (guest_arming_start(&a, err)) {
		fs_error("%s", err);
		if (!a.other)
			guest_arming_stop(&a);
		return GUEST_EXIT_FAILED;
	}
	symbols = a.symbols.count;
	guest_arming_finalize(&a);
	print_armed(&a, symbols);
	if (done >= 0)
		let_go_of_terminal();
	if (done >= 0 && write(done, "", 1) == 1)
		close(done);
	wait_for_end();
	guest_arming_stop(&a);
	return GUEST_EXIT_OK;
}

int guest_cmd_arm(int argc, char **argv)
{
	static struct guest_arm_opts o; /* what is armed refers to it */
	int ret = parse(&o, argc, argv), done[2], status;
	pid_t pid;
	char byte;

	if (ret >= 0)
		return ret;
	if (o.foreground)
		return stay(&o, -1);
	pid = pipe2(done, O_CLOEXEC) ? -1 : fork();
	if (pid < 0) {
		fs_error("going into the background: %m");
		return GUEST_EXIT_FAILED;
	}
	if (!pid) {
		close(done[0]);
		return stay(&o, done[1]);
	}
	close(done[1]);
	if (read(done[0], &byte, 1) == 1)
		return GUEST_EXIT_OK;
	waitpid(pid, &status, 0);
	return GUEST_EXIT_FAILED;
}
