// SPDX-License-Identifier: BSD-2-Clause
/* Marks and queries between processes: datagrams to the sockets of running recorders. */
#include "collect/mark_socket.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define MAGIC          "FSMARK1" /* with its NUL: 8 bytes */
#define QUESTION       "FSREAD1"
#define ANSWER_TIMEOUT ((struct timeval){.tv_sec = 1})

struct msg {
	char magic[8];
	uint64_t ts;
	uint32_t pid;
	uint32_t pad;
	char name[FS_MARK_NAME];
};

int fs_mark_check_name(const char *name)
{
	static const char ok[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";
	size_t n = strnlen(name, FS_MARK_NAME);

	return n && n < FS_MARK_NAME && strspn(name, ok) == n ? 0 : -EINVAL;
}

int fs_mark_parse(const void *msg, size_t bytes, uid_t uid, uid_t me, uint64_t now,
		  struct fs_mark *m, char *err, size_t err_len)
{
	struct msg in;
	bool asks;

	if (uid != 0 && uid != me)
		return fs_errf(err, err_len, -EPERM, "a mark of user %u was refused", uid);
	if (bytes != sizeof(in))
		return fs_errf(err, err_len, -EINVAL, "a datagram of %zu bytes is not a mark",
			       bytes);
	memcpy(&in, msg, sizeof(in));
	asks = !memcmp(in.magic, QUESTION, sizeof(in.magic));
	if ((!asks && memcmp(in.magic, MAGIC, sizeof(in.magic))) ||
	    !memchr(in.name, 0, sizeof(in.name)) || fs_mark_check_name(in.name))
		return fs_errf(err, err_len, -EINVAL, "a malformed mark was refused");
	/* a question is of no moment, and is answered late all the same */
	if (!asks && (in.ts > now || now - in.ts > FS_MARK_AGE_NS))
		return fs_errf(err, err_len, -EINVAL,
			       "mark \"%s\" was refused: its time is not within the last second",
			       in.name);
	memset(m, 0, sizeof(*m));
	m->ts = in.ts;
	m->pid = in.pid;
	m->asks = asks;
	memcpy(m->name, in.name, strlen(in.name));
	return 0;
}

static void own_address(struct sockaddr_un *a, pid_t pid)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	snprintf(a->sun_path, sizeof(a->sun_path), FS_MARK_DIR "/record-%d.sock", (int)pid);
}

int fs_marks_listen(void)
{
	struct sockaddr_un a;
	mode_t mask;
	int fd, ret, on = 1;

	if (mkdir(FS_MARK_DIR, 0755) && errno != EEXIST)
		return -errno;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	own_address(&a, getpid());
	unlink(a.sun_path); /* of a recorder that was killed and had our pid */
	mask = umask(0177);
	ret = setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) ||
			      bind(fd, (struct sockaddr *)&a, sizeof(a))
		      ? -errno
		      : 0;
	umask(mask);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

void fs_marks_close(int fd)
{
	struct sockaddr_un a;

	if (fd < 0)
		return;
	own_address(&a, getpid());
	unlink(a.sun_path);
	close(fd);
}

int fs_marks_next(int fd, struct fs_mark *m, char *err, size_t err_len)
{
	union {
		char buf[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	struct msg in;
	/* One byte more than a mark has, so that a longer datagram is seen to be longer. */
	char extra;
	struct iovec iov[2] = {{&in, sizeof(in)}, {&extra, 1}};
	struct sockaddr_un from = {.sun_family = AF_UNSPEC};
	struct msghdr mh = {.msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = iov,
			    .msg_iovlen = 2,
			    .msg_control = control.buf,
			    .msg_controllen = sizeof(control.buf)};
	struct ucred cred = {.uid = (uid_t)-1};
	ssize_t n;
	int ret;

	memset(&in, 0, sizeof(in));
	n = recvmsg(fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&mh); c; c = CMSG_NXTHDR(&mh, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
	ret = fs_mark_parse(&in, (size_t)n, cred.uid, geteuid(), fs_mono_ns(), m, err, err_len);
	m->from = from;
	return ret ?: 1;
}

void fs_marks_answer(int fd, const struct fs_mark *m, bool yes)
{
	char byte = yes ? 1 : 0;

	/* abstract addresses, which the kernel gave, are NUL and five digits */
	sendto(fd, &byte, 1, MSG_DONTWAIT, (const struct sockaddr *)&m->from,
	       offsetof(struct sockaddr_un, sun_path) + 6);
}

/* Sends @out to every recorder from @fd. Returns how many got it, or a negative errno. */
static int send_all(int fd, const struct msg *out)
{
	int sent = 0, ret = 0;
	struct dirent *e;
	DIR *d = opendir(FS_MARK_DIR);

	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while ((e = readdir(d))) {
		struct sockaddr_un a;
		ssize_t n;
		int pid;

		if (sscanf(e->d_name, "record-%d.sock", &pid) != 1)
			continue;
		own_address(&a, pid);
		do
			n = sendto(fd, out, sizeof(*out), 0, (struct sockaddr *)&a, sizeof(a));
		while (n < 0 && errno == EINTR);
		if (n == sizeof(*out))
			sent++;
		else if (errno == ECONNREFUSED)
			unlink(a.sun_path); /* its recorder was killed */
		else
			ret = -errno;
	}
	closedir(d);
	return sent ? sent : ret;
}

int fs_marks_send(const struct fs_mark *m)
{
	struct timeval timeout = {.tv_usec = 200000};
	struct msg out = {.magic = MAGIC, .ts = m->ts, .pid = m->pid};
	int fd, ret;

	if (fs_clock_shifted())
		return -EXDEV;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memcpy(out.name, m->name, sizeof(out.name));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	ret = send_all(fd, &out);
	close(fd);
	return ret;
}

int fs_marks_query_socket(void)
{
	struct sockaddr_un any = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret;

	/* without a path the kernel chooses an address, to which answers come */
	if (fd >= 0 && !bind(fd, (struct sockaddr *)&any, sizeof(any.sun_family)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &ANSWER_TIMEOUT, sizeof(ANSWER_TIMEOUT)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &ANSWER_TIMEOUT, sizeof(ANSWER_TIMEOUT)))
		return fd;
	ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

int fs_marks_ask(int fd, uint32_t pid)
{
	struct msg out = {.magic = QUESTION, .ts = fs_mono_ns(), .pid = pid, .name = "read"};
	int asked, yes = 1;
	char byte;

	while (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0)
		; /* what came too late for an earlier question */
	asked = send_all(fd, &out);
	for (int i = 0; i < asked && yes; i++) {
		ssize_t n;

		do
			n = recv(fd, &byte, 1, 0);
		while (n < 0 && errno == EINTR);
		yes = n == 1 && byte == 1;
	}
	return asked < 0 ? asked : yes;
}
