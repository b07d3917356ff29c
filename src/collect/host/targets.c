// SPDX-License-Identifier: BSD-2-Clause
/* The processes that are traced: found, described, started, waited for. */
#include "collect/host/targets.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"
#include "collect/host/privs.h"

void fs_targets_init(struct fs_targets *t)
{
	memset(t, 0, sizeof(*t));
	t->hold = t->report = -1;
}

/* Returns 0 if there is a program at @path that we may execute, or a negative errno. */
static int may_execute(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES; /* as execve() says */
	return access(path, X_OK) ? -errno : 0;
}

/* The same for a name without a slash, in the folders of PATH, as execvp() looks for it. */
static int may_execute_by_name(const char *name)
{
	const char *folders = getenv("PATH") ?: "/bin:/usr/bin";
	char path[PATH_MAX];
	int ret = -ENOENT;

	for (const char *at = folders; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
		int n = (int)strcspn(at, ":"), e;

		if (snprintf(path, sizeof(path), "%.*s%s%s", n, at, n ? "/" : "", name) >=
		    (int)sizeof(path))
			continue;
		e = may_execute(path);
		if (!e)
			return 0;
		if (e == -EACCES)
			ret = e; /* unless another folder has one */
	}
	return ret;
}

static int check_command(const char *name, char *err, size_t len)
{
	int ret = strchr(name, '/') ? may_execute(name) : may_execute_by_name(name);

	if (!*name)
		ret = -ENOENT;
	return ret ? fs_errf(err, len, ret, "cannot run %s: %s", name, strerror(-ret)) : 0;
}

int fs_targets_check(struct fs_targets *t, char *err, size_t len)
{
	int ret = t->command ? check_command(t->command[0], err, len) : 0;

	if (ret)
		return ret;
	for (size_t i = 0; i < t->pids.n; i++) {
		pid_t pid = t->pids.v[i];
		struct pollfd p = {.events = POLLIN};
		int e;

		p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
		e = errno;
		if (p.fd < 0 && !kill(pid, 0))
			return fs_errf(err, len, -EINVAL,
				       "cannot trace VMM %d: it is a thread, give its process",
				       pid);
		if (p.fd < 0)
			return fs_errf(err, len, -e, "cannot trace VMM %d: %s", pid,
				       e == ESRCH ? "no such process" : strerror(e));
		if (fs_vec_push(&t->pidfds, p.fd))
			return fs_errf(err, len, -ENOMEM, "out of memory");
		if (poll(&p, 1, 0) > 0)
			return fs_errf(err, len, -ESRCH, "cannot trace VMM %d: it has ended", pid);
	}
	return 0;
}

/* In the child: waits until it is let go, then becomes the command. */
static void run_child(char **command, int hold, int report)
{
	char go;
	int e;

	fs_privs_child();
	if (read(hold, &go, 1) != 1)
		_exit(127); /* the recorder gave up: never run */
	execvp(command[0], command);
	e = errno;
	if (write(report, &e, sizeof(e)) < 0)
		_exit(126);
	_exit(127);
}

int fs_targets_spawn(struct fs_targets *t, char *err, size_t len)
{
	int hold[2], report[2];

	/* Orphans of the command become our children: their end is the recording's end. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) || pipe2(hold, O_CLOEXEC))
		return fs_errf(err, len, -errno, "cannot start %s: %m", t->command[0]);
	if (pipe2(report, O_CLOEXEC)) {
		close(hold[0]);
		close(hold[1]);
		return fs_errf(err, len, -errno, "cannot start %s: %m", t->command[0]);
	}
	t->child_ns = fs_mono_ns();
	t->child = fork();
	if (!t->child) {
		close(hold[1]);
		close(report[0]);
		run_child(t->command, hold[0], report[1]);
	}
	close(hold[0]);
	close(report[1]);
	t->hold = hold[1];
	t->report = report[0];
	if (t->child < 0) {
		t->child = 0;
		return fs_errf(err, len, -errno, "cannot start %s: %m", t->command[0]);
	}
	return 0;
}

int fs_targets_release(struct fs_targets *t)
{
	int e = 0;

	if (write(t->hold, "g", 1) != 1)
		e = errno;
	close(t->hold);
	t->hold = -1;
	/* End of file: the exec closed it. */
	if (!e && read(t->report, &e, sizeof(e)) != sizeof(e))
		e = 0;
	close(t->report);
	t->report = -1;
	return -e;
}

void fs_targets_reap(struct fs_targets *t)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != t->child)
			continue;
		t->child_ended = true;
		t->child_status = status;
	}
	t->all_ended = t->child_ended && pid < 0 && errno == ECHILD;
}

/* Has the process a VM open? */
static bool has_vm(pid_t pid)
{
	char path[64], to[64];
	struct dirent *e;
	bool found = false;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	while (d && !found && (e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, to, sizeof(to) - 1);

		to[n > 0 ? n : 0] = '\0';
		found = !strncmp(to, "anon_inode:kvm-v", 16); /* kvm-vm, kvm-vcpu:0 */
	}
	if (d)
		closedir(d);
	return found;
}

static bool has_comm(pid_t pid, const char *comm)
{
	char path[64], line[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return !strncmp(line, comm, FS_COMM_LEN - 1);
}

void fs_targets_scan(const struct fs_targets *t,
		     void (*add)(pid_t tgid, enum fs_why why, void *arg), void *arg)
{
	struct dirent *e;
	DIR *d;

	for (size_t i = 0; i < t->pids.n; i++)
		add(t->pids.v[i], FS_WHY_PID, arg);
	if (t->child)
		add(t->child, FS_WHY_COMMAND, arg);
	if (!t->all && !t->comm)
		return;
	d = opendir("/proc");
	while (d && (e = readdir(d))) {
		pid_t pid = isdigit((unsigned char)e->d_name[0]) ? atoi(e->d_name) : 0;

		if (pid <= 0 || pid == getpid())
			continue;
		if (t->comm && has_comm(pid, t->comm))
			add(pid, FS_WHY_COMM, arg);
		else if (t->all && has_vm(pid))
			add(pid, FS_WHY_KVM, arg);
	}
	if (d)
		closedir(d);
}

/* How far CLOCK_BOOTTIME, in which /proc gives starts, is ahead of CLOCK_MONOTONIC. */
static uint64_t suspended_ns(void)
{
	struct timespec b = {0}, m = {0};

	clock_gettime(CLOCK_MONOTONIC, &m);
	clock_gettime(CLOCK_BOOTTIME, &b);
	return (uint64_t)(b.tv_sec - m.tv_sec) * 1000000000ull + (uint64_t)(b.tv_nsec - m.tv_nsec);
}

int fs_targets_describe(const struct fs_targets *t, pid_t tgid, __u64 *start_ns, __u32 *ppid,
			char comm[FS_COMM_LEN])
{
	unsigned long long ticks = 0;
	char path[64], line[1024];
	char *name, *rest;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", tgid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	if (fd >= 0)
		close(fd);
	line[n > 0 ? n : 0] = '\0';
	/* "pid (name) state ppid ..." with the start as field 22; the name may hold anything */
	name = strchr(line, '(');
	rest = strrchr(line, ')');
	if (!name || !rest || sscanf(rest + 2, "%*c %u", ppid) != 1)
		return -ESRCH;
	*rest++ = '\0';
	memset(comm, 0, FS_COMM_LEN);
	memcpy(comm, name + 1, strnlen(name + 1, FS_COMM_LEN - 1));
	for (int field = 3; field < 22 && rest; field++)
		rest = strchr(rest + 1, ' ');
	if (rest)
		ticks = strtoull(rest, NULL, 10);
	*start_ns = ticks * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK)) - suspended_ns();
	if (tgid == t->child)
		*start_ns = t->child_ns;
	return 0;
}

void fs_targets_close(struct fs_targets *t)
{
	for (size_t i = 0; i < t->pidfds.n; i++)
		if (t->pidfds.v[i] >= 0)
			close(t->pidfds.v[i]);
	if (t->hold >= 0)
		close(t->hold);
	if (t->report >= 0)
		close(t->report);
	fs_vec_free(&t->pidfds);
	fs_vec_free(&t->pids);
	fs_targets_init(t);
}
