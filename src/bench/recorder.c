// SPDX-License-Identifier: BSD-2-Clause
/* Runs `forkscope record` as a child for the time of a bench. */
#include "bench/recorder.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"

#define PROGRAM  "/proc/self/exe"
#define ARMED    "forkscope: recording to" /* collect/session/session.h promises it */
#define SECOND   (1000ull * 1000 * 1000)
#define ARM_NS   (120 * SECOND)
#define END_NS   (120 * SECOND)
#define NAP_NS   (SECOND / 100)
#define MAX_ARGS 64

static int is_armed(const struct fs_recorder *r)
{
	char text[16384];
	int fd = open(r->log, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	if (fd >= 0)
		close(fd);
	return n > 0 && memmem(text, (size_t)n, ARMED, strlen(ARMED));
}

int fs_recorder_start(struct fs_recorder *r, const char *path, char *const *more, char *err,
		      size_t len)
{
	char program[PATH_MAX], text[600], how[64];
	char *argv[MAX_ARGS] = {program, (char *)"record", (char *)"-o", (char *)path,
				(char *)"--all"};
	ssize_t n = readlink(PROGRAM, program, sizeof(program) - 1);
	uint64_t until = fs_mono_ns() + ARM_NS;
	size_t argc = 5;
	int ret;

	fs_process_init(&r->process);
	if (n < 0)
		return fs_errf(err, len, -errno, "starting the recorder: %s: %m", PROGRAM);
	program[n] = '\0';
	for (; more && *more && argc < MAX_ARGS - 1; more++)
		argv[argc++] = *more;
	snprintf(r->log, sizeof(r->log), "%s.log", path);
	ret = fs_process_start(&r->process, argv, r->log, err, len);
	while (!ret && !is_armed(r)) {
		if (!fs_process_wait(&r->process, NAP_NS))
			ret = fs_errf(err, len, -ECHILD,
				      "the recorder %s before it recorded. Its last output: %s",
				      fs_process_how(&r->process, how, sizeof(how)),
				      fs_log_tail(r->log, text, sizeof(text)));
		else if (fs_mono_ns() > until)
			ret = fs_errf(err, len, -ETIMEDOUT,
				      "the recorder was not armed in time. Its last output: %s",
				      fs_log_tail(r->log, text, sizeof(text)));
	}
	if (ret)
		fs_process_end(&r->process);
	return ret;
}

int fs_recorder_stop(struct fs_recorder *r, char *err, size_t len)
{
	char text[600], how[64];
	int st, ret = 0;

	fs_process_signal(&r->process, SIGINT);
	if (fs_process_wait(&r->process, END_NS))
		ret = fs_errf(err, len, -ETIMEDOUT,
			      "the recorder did not end in time. Its last output: %s",
			      fs_log_tail(r->log, text, sizeof(text)));
	fs_process_end(&r->process);
	st = r->process.status;
	r->status = !ret && WIFEXITED(st) ? WEXITSTATUS(st) : -1;
	if (!ret && r->status != 0 && r->status != 3)
		ret = fs_errf(err, len, -ECHILD, "the recorder %s. Its last output: %s",
			      fs_process_how(&r->process, how, sizeof(how)),
			      fs_log_tail(r->log, text, sizeof(text)));
	return ret;
}
