// SPDX-License-Identifier: BSD-2-Clause
/* The process that reads guests' memory: started, asked, listened to, and its own end of that. */
#include "collect/guest/guestproc.h"
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/err.h"
#include "base/vec.h"
#include "collect/host/privs.h"

enum { MSG_HELLO = 1, MSG_CHUNK, MSG_DONE };

/* What stands before every answer. */
struct msg {
	uint32_t what;
	uint32_t type;  /* of MSG_CHUNK: enum fsr_chunk_type */
	uint32_t bytes; /* that follow: a payload, or struct fs_guest_result, or a text */
	uint32_t pad;
};

struct fs_guestproc {
	pid_t pid;
	int fd;
	char rights[128];
	struct fsr_bytes in; /* of the answer that is coming */
};

/* --- inside the process --- */

static int send_all(int fd, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -EPIPE;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static int answer(int fd, uint32_t what, uint32_t type, const void *data, size_t bytes)
{
	struct msg m = {.what = what, .type = type, .bytes = (uint32_t)bytes};
	int ret = send_all(fd, &m, sizeof(m));

	return ret ? ret : send_all(fd, data, bytes);
}

static int put_chunk(enum fsr_chunk_type type, const void *data, size_t bytes, void *arg)
{
	return bytes > FSR_MAX_CHUNK ? 0 : answer(*(int *)arg, MSG_CHUNK, type, data, bytes);
}

static bool receive(int fd, void *to, size_t n)
{
	return recv(fd, to, n, MSG_WAITALL) == (ssize_t)n;
}

static void serve(int fd, struct fs_guestring *r)
{
	static struct fs_slot slots[FS_MAX_SLOTS];
	struct fs_guest_result res;
	struct fs_guest_req req;

	while (receive(fd, &req, sizeof(req)) && req.nslots <= FS_MAX_SLOTS &&
	       (!req.nslots || receive(fd, slots, req.nslots * sizeof(slots[0]))))
		if (fs_guestring_read(r, &req, slots, put_chunk, &fd, &res) ||
		    answer(fd, MSG_DONE, 0, &res, sizeof(res)))
			return;
}

/* The lowest descriptor from @from on that stays open: UINT_MAX = none. */
static unsigned int next_kept(unsigned int from, int fd, const struct fs_memfile *files, size_t n)
{
	const int kept[] = {fd, STDERR_FILENO};
	unsigned int next = UINT_MAX;

	for (size_t i = 0; i < n + 2; i++) {
		unsigned int one = (unsigned int)(i < 2 ? kept[i] : files[i - 2].fd);

		if (one >= from && one < next)
			next = one;
	}
	return next;
}

/*
 * Everything but the socket, standard error and the memory files is closed: nothing leaks. Returns
 * 0 or a negative errno.
 */
static int close_others(int fd, const struct fs_memfile *files, size_t n)
{
	unsigned int from = 0, next;

	do {
		next = next_kept(from, fd, files, n);
		if (next > from && close_range(from, next == UINT_MAX ? next : next - 1, 0))
			return -errno;
		from = next + 1;
	} while (next != UINT_MAX);
	return 0;
}

__attribute__((noreturn)) static void run(int fd, pid_t parent, const struct fs_memfile *files,
					  size_t n)
{
	struct fs_guestring *r = fs_guestring_new(files, n);
	char rights[128] = "";

	signal(SIGINT, SIG_IGN); /* of the terminal: the recorder has a last request then */
	signal(SIGQUIT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "forkscope-guest");
	if (!close_others(fd, files, n) && getppid() == parent && r &&
	    !fs_privs_reader(rights, sizeof(rights)) &&
	    !answer(fd, MSG_HELLO, 0, rights, strlen(rights)))
		serve(fd, r);
	_exit(0);
}

/* --- the recorder's end --- */

int fs_guestproc_fd(const struct fs_guestproc *p)
{
	return p->fd;
}

const char *fs_guestproc_rights(const struct fs_guestproc *p)
{
	return p->rights;
}

uint64_t fs_guestproc_cpu_ns(const struct fs_guestproc *p)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(p->pid, &clock) || clock_gettime(clock, &t))
		return 0;
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The first answer: which rights it was left with. */
static int read_hello(struct fs_guestproc *p)
{
	struct msg m;

	if (!receive(p->fd, &m, sizeof(m)) || m.what != MSG_HELLO || m.bytes >= sizeof(p->rights) ||
	    (m.bytes && !receive(p->fd, p->rights, m.bytes)))
		return -EPIPE;
	return 0;
}

int fs_guestproc_start(const struct fs_memfile *files, size_t nfiles, struct fs_guestproc **out,
		       char *err, size_t len)
{
	struct fs_guestproc *p = calloc(1, sizeof(*p));
	pid_t parent = getpid();
	int fd[2], ret;

	if (!p)
		return fs_errf(err, len, -ENOMEM, "out of memory");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) {
		ret = -errno;
		free(p);
		return fs_errf(err, len, ret, "socketpair: %s", strerror(-ret));
	}
	/*
	 * A child that sends no SIGCHLD at its end is not waited for by waitpid(-1), which shows
	 * when all that the command started has ended.
	 */
	p->pid = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (!p->pid) {
		close(fd[0]);
		run(fd[1], parent, files, nfiles);
	}
	ret = p->pid < 0 ? fs_errf(err, len, -errno, "clone: %m") : 0;
	close(fd[1]);
	p->fd = fd[0];
	if (!ret && read_hello(p))
		ret = fs_errf(err, len, -EPIPE, "it ended before it was ready");
	if (ret) {
		fs_guestproc_stop(p);
		return ret;
	}
	*out = p;
	return 0;
}

int fs_guestproc_ask(struct fs_guestproc *p, const struct fs_guest_req *req,
		     const struct fs_slot *slots)
{
	size_t bytes = req->nslots * sizeof(*slots);
	uint8_t m[sizeof(*req) + FS_MAX_SLOTS * sizeof(*slots)];

	memcpy(m, req, sizeof(*req));
	if (bytes)
		memcpy(m + sizeof(*req), slots, bytes);
	/* it waits for this: there is room */
	return send(p->fd, m, sizeof(*req) + bytes, MSG_NOSIGNAL | MSG_DONTWAIT) ==
			       (ssize_t)(sizeof(*req) + bytes)
		       ? 0
		       : -EPIPE;
}

/* Writes the answer that has come whole. Returns as fs_guestproc_take(). */
static int take_whole(const struct msg *m, const uint8_t *data, struct fsr_writer *w,
		      struct fs_guest_result *res)
{
	if (m->what == MSG_DONE && m->bytes == sizeof(*res)) {
		memcpy(res, data, sizeof(*res));
		return 1;
	}
	if (m->what == MSG_CHUNK && (m->type == FSR_GUEST || m->type == FSR_GUEST_BLOB))
		return fsr_write(w, (enum fsr_chunk_type)m->type, data, m->bytes);
	return -EPIPE;
}

/* The bytes that are wanted next: of the head, or of what follows it. 0 = it is whole. */
static ssize_t wanted(const struct fs_guestproc *p, struct msg *m)
{
	if (p->in.n < sizeof(*m))
		return (ssize_t)(sizeof(*m) - p->in.n);
	memcpy(m, p->in.v, sizeof(*m));
	if (m->bytes > FSR_MAX_CHUNK)
		return -EPIPE;
	return (ssize_t)(sizeof(*m) + m->bytes - p->in.n);
}

int fs_guestproc_take(struct fs_guestproc *p, struct fsr_writer *w, struct fs_guest_result *res)
{
	for (;;) {
		struct msg m = {0};
		ssize_t want = wanted(p, &m), got;
		int done;

		if (want < 0)
			return (int)want;
		if (want > 0) {
			if (fs_vec_reserve(&p->in, (size_t)want))
				return -ENOMEM;
			got = recv(p->fd, p->in.v + p->in.n, (size_t)want, MSG_DONTWAIT);
			if (got < 0 && errno == EINTR)
				continue;
			if (got < 0 && errno == EAGAIN)
				return 0;
			if (got <= 0)
				return -EPIPE;
			p->in.n += (size_t)got;
			continue;
		}
		done = take_whole(&m, p->in.v + sizeof(m), w, res);
		p->in.n = 0;
		if (p->in.cap > 1u << 20)
			fs_vec_free(&p->in); /* it is locked memory */
		if (done)
			return done;
	}
}

void fs_guestproc_stop(struct fs_guestproc *p)
{
	if (!p)
		return;
	if (p->fd >= 0)
		close(p->fd);
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, __WCLONE);
	}
	fs_vec_free(&p->in);
	free(p);
}
