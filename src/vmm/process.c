// SPDX-License-Identifier: BSD-2-Clause
/* Starts, adopts, watches and ends a process by its pidfd. */
#include "vmm/process.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/close_range.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/fresh.h"

#define END_NS (10ull * 1000 * 1000 * 1000) /* for a killed process to be gone */

void fs_process_init(struct fs_process *p)
{
	memset(p, 0, sizeof(*p));
	p->pidfd = p->input = -1;
}

/* In the child, between fork and exec: only calls that are safe in a copy of a threaded process. */
static void become(char *const argv[], pid_t parent, int in, int out, int report)
{
	sigset_t none;
	int e;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(127);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(127);
	/* Whatever a library has opened without O_CLOEXEC is not for the VMM. */
	syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
	execvp(argv[0], argv);
	e = errno;
	if (write(report, &e, sizeof(e)) < 0)
		_exit(126);
	_exit(127);
}

static int fork_it(struct fs_process *p, char *const argv[], int in, int out, int *why)
{
	int report[2];
	pid_t parent = getpid();

	if (pipe2(report, O_CLOEXEC))
		return -errno;
	p->pid = fork();
	if (!p->pid) {
		close(report[0]);
		become(argv, parent, in, out, report[1]);
	}
	close(report[1]);
	if (p->pid < 0) {
		int e = errno;

		close(report[0]);
		p->pid = 0;
		return -e;
	}
	/* End of file: the exec closed it. */
	if (read(report[0], why, sizeof(*why)) != sizeof(*why))
		*why = 0;
	close(report[0]);
	return 0;
}

int fs_process_start(struct fs_process *p, char *const argv[], const char *log, char *err,
		     size_t len)
{
	int in[2] = {-1, -1}, out, why = 0, ret = 0;

	fs_process_init(p);
	out = fs_fresh_file(log, O_WRONLY | O_APPEND, NULL);
	if (out < 0)
		return fs_errf(err, len, out, "starting %s: its log %s: %s", argv[0], log,
			       fs_fresh_why(out));
	if (pipe2(in, O_CLOEXEC))
		ret = -errno;
	if (!ret)
		ret = fork_it(p, argv, in[0], out, &why);
	close(out);
	if (in[0] >= 0)
		close(in[0]);
	p->input = in[1];
	if (ret) {
		fs_process_end(p);
		return fs_errf(err, len, ret, "starting %s: %s", argv[0], strerror(-ret));
	}
	p->ours = true;
	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	if (why || p->pidfd < 0) {
		ret = why ? -why : -errno;
		fs_process_end(p);
		return fs_errf(err, len, ret, "starting %s: %s", argv[0], strerror(-ret));
	}
	return 0;
}

int fs_process_adopt(struct fs_process *p, pid_t pid, char *err, size_t len)
{
	fs_process_init(p);
	p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p->pidfd < 0)
		return fs_errf(err, len, -errno, "process %d cannot be watched: %m", (int)pid);
	p->pid = pid;
	return 0;
}

static void reap(struct fs_process *p)
{
	p->ended = true;
	if (p->ours && waitpid(p->pid, &p->status, WNOHANG) != p->pid)
		p->status = -1;
}

int fs_process_wait(struct fs_process *p, uint64_t ns)
{
	struct pollfd fd = {.fd = p->pidfd, .events = POLLIN};
	uint64_t until = fs_mono_ns() + ns;

	while (!p->ended && p->pidfd >= 0) {
		uint64_t now = fs_mono_ns();
		int n = poll(&fd, 1, now < until ? fs_poll_ms(until - now) : 0);

		if (n > 0)
			reap(p);
		else if (now >= until)
			return -ETIMEDOUT;
	}
	return 0;
}

bool fs_process_ended(struct fs_process *p)
{
	return p->pid && !fs_process_wait(p, 0);
}

void fs_process_signal(const struct fs_process *p, int sig)
{
	if (p->ours && !p->ended && p->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, p->pidfd, sig, NULL, 0);
}

void fs_process_end(struct fs_process *p)
{
	if (p->ours && !p->ended) {
		/* Not reaped yet, so its number is still its own, and its group's. */
		kill(-p->pid, SIGKILL);
		kill(p->pid, SIGKILL);
		if (p->pidfd < 0) {
			waitpid(p->pid, &p->status, 0);
			p->ended = true;
		} else {
			fs_process_wait(p, END_NS);
		}
	}
	if (p->pidfd >= 0)
		close(p->pidfd);
	if (p->input >= 0)
		close(p->input);
	p->pidfd = p->input = -1;
}

const char *fs_process_how(const struct fs_process *p, char *buf, size_t len)
{
	if (!p->ours || p->status == -1)
		snprintf(buf, len, "has ended");
	else if (WIFSIGNALED(p->status))
		snprintf(buf, len, "was killed by signal %d", WTERMSIG(p->status));
	else
		snprintf(buf, len, "ended with status %d", WEXITSTATUS(p->status));
	return buf;
}

const char *fs_log_tail(const char *log, char *buf, size_t len)
{
	int fd = *log ? open(log, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	off_t from = end > (off_t)len - 1 ? end - (off_t)len + 1 : 0;
	ssize_t n = end > 0 ? pread(fd, buf, len - 1, from) : 0;

	if (fd >= 0)
		close(fd);
	while (n > 0 && (unsigned char)buf[n - 1] <= ' ')
		n--;
	if (n <= 0) {
		snprintf(buf, len, "(nothing)");
		return buf;
	}
	buf[n] = '\0';
	for (ssize_t i = 0; i < n; i++)
		if ((unsigned char)buf[i] < ' ' || buf[i] == 0x7f)
			buf[i] = buf[i] == '\n' ? '|' : ' ';
	return buf;
}
