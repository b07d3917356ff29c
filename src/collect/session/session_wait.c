// SPDX-License-Identifier: BSD-2-Clause
/* What wakes the recorder: signals, marks, the process that reads guests, the end of a VMM. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "base/err.h"
#include "base/log.h"
#include "collect/session/session_impl.h"

__attribute__((warn_unused_result)) static int watch(struct fs_session *s, int fd, uint32_t what)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = what};

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

int fs_session_watch_guests(struct fs_session *s)
{
	int fd = fs_guests_fd(s->guests), was = s->guests_fd;

	s->guests_fd = fd;
	return fd != was && fd >= 0 ? watch(s, fd, FS_WAKE_GUESTS) : 0;
}

int fs_session_catch_signals(struct fs_session *s)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->signals < 0 || s->epoll < 0)
		return -errno;
	return watch(s, s->signals, FS_WAKE_SIGNALS);
}

const char *fs_session_signals(struct fs_session *s)
{
	struct signalfd_siginfo si;
	const char *end = NULL;

	while (read(s->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			fs_targets_reap(&s->o->targets);
		else
			end = si.ssi_signo == SIGINT    ? "signal SIGINT"
			      : si.ssi_signo == SIGTERM ? "signal SIGTERM"
			      : si.ssi_signo == SIGHUP  ? "signal SIGHUP"
							: "signal SIGQUIT";
	}
	return end;
}

/* What wakes the recorder. Marks may be missing; without the others it would wait in vain. */
int fs_session_watch_all(struct fs_session *s)
{
	int ret;

	s->marks = fs_marks_listen();
	ret = s->marks < 0 ? s->marks : watch(s, s->marks, FS_WAKE_MARKS);
	if (ret) {
		fs_warn("forkscope mark will not reach this recording: " FS_MARK_DIR ": %s",
			strerror(-ret));
		fs_marks_close(s->marks);
		s->marks = -1;
	}
	ret = fs_session_watch_guests(s);
	for (size_t i = 0; i < s->o->targets.pidfds.n && !ret; i++, s->targets_left++)
		ret = watch(s, s->o->targets.pidfds.v[i], FS_WAKE_TARGET + (uint32_t)i);
	return ret ? fs_errf(s->err, sizeof(s->err), ret,
			     "cannot wait for what is traced (epoll_ctl): %s", strerror(-ret))
		   : 0;
}

void fs_session_target_ended(struct fs_session *s, size_t i)
{
	int *fd = &s->o->targets.pidfds.v[i];

	fs_info("VMM %d has ended", (int)s->o->targets.pids.v[i]);
	epoll_ctl(s->epoll, EPOLL_CTL_DEL, *fd, NULL);
	close(*fd);
	*fd = -1;
	if (!--s->targets_left && !s->o->targets.command)
		s->why = "targets ended";
}
