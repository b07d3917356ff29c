// SPDX-License-Identifier: BSD-2-Clause
/*
 * A page server for Firecracker's Uffd backend that waits before each answer and notes its
 * intervals: [t0, t1) from the read of the fault to just before the copy.
 *
 * uffd_handler SOCKET MEMFILE        UFFD_DELAY_US, UFFD_LOG in the environment
 *
 * Protocol: the VMM connects and sends one message, a JSON array of regions, with the userfaultfd
 * as SCM_RIGHTS. Regions hold base_host_virt_addr, size, offset.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "inject.h"

#define MAX_REGIONS 16
#define PAGE        4096u

struct region {
	uint64_t base, size, offset;
};

struct server {
	int uffd;
	struct region region[MAX_REGIONS];
	unsigned int nregions;
	const uint8_t *mem;
	uint64_t bytes, delay_ns, pid;
	FILE *log;
};

static int listen_on(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(addr.sun_path))
		fail("socket");
	strcpy(addr.sun_path, path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1))
		fail(path);
	return fd;
}

/* The number after "key": in one object of the JSON text. */
static uint64_t member(const char *object, const char *key)
{
	const char *at = strstr(object, key);

	if (!at || !(at = strchr(at, ':')))
		fail("a region lacks a member");
	return strtoull(at + 1, NULL, 10);
}

static void parse_regions(struct server *s, char *text)
{
	char *save, *object = strtok_r(text, "}", &save);

	for (; object && strchr(object, '{'); object = strtok_r(NULL, "}", &save)) {
		if (s->nregions == MAX_REGIONS)
			fail("too many regions");
		s->region[s->nregions++] = (struct region){
			member(object, "\"base_host_virt_addr\""),
			member(object, "\"size\""),
			member(object, "\"offset\""),
		};
	}
	if (!s->nregions)
		fail("no region was sent");
}

static void handshake(struct server *s, const char *path)
{
	static char text[65536];
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {text, sizeof(text) - 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	int listener = listen_on(path), fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);
	struct cmsghdr *c;

	if (fd < 0 || recvmsg(fd, &msg, 0) <= 0)
		fail("the VMM's message");
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		fail("no userfaultfd came with the message");
	memcpy(&s->uffd, CMSG_DATA(c), sizeof(int));
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		s->pid = (uint64_t)peer.pid;
	parse_regions(s, text);
}

static void map_memory(struct server *s, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		fail(path);
	s->bytes = (uint64_t)st.st_size;
	s->mem = mmap(NULL, s->bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (s->mem == MAP_FAILED)
		fail(path);
}

static void answer(struct server *s, uint64_t addr)
{
	uint64_t t0 = now_ns(), t1;
	struct uffdio_copy copy = {.len = PAGE};

	addr &= ~(uint64_t)(PAGE - 1);
	for (unsigned int i = 0; i < s->nregions; i++) {
		const struct region *r = &s->region[i];

		if (addr < r->base || addr - r->base >= r->size)
			continue;
		copy.dst = addr;
		copy.src = (uintptr_t)s->mem + r->offset + (addr - r->base);
		/* Read the page first: the wait for our own file is no part of the interval's end.
		 */
		(void)*(const volatile uint8_t *)(uintptr_t)copy.src;
		if (s->delay_ns)
			sleep_ns(s->delay_ns);
		t1 = now_ns();
		while (ioctl(s->uffd, UFFDIO_COPY, &copy)) {
			if (errno == ESRCH)
				exit(0); /* the VMM has ended */
			if (errno != EAGAIN)
				break; /* EEXIST: another fault was quicker */
			copy.copy = 0;
		}
		note(s->log, s->pid, t0, t0, t1, now_ns());
		return;
	}
	fail("a fault outside all regions");
}

int main(int argc, char **argv)
{
	const char *delay = getenv("UFFD_DELAY_US"), *log = getenv("UFFD_LOG");
	struct server s = {.delay_ns = delay ? strtoull(delay, NULL, 10) * 1000 : 0};
	struct pollfd p = {.events = POLLIN};

	if (argc != 3) {
		fprintf(stderr, "usage: uffd_handler SOCKET MEMFILE\n");
		return 2;
	}
	s.log = fopen(log ? log : "/dev/null", "ae");
	if (!s.log)
		fail(log);
	setvbuf(s.log, NULL, _IOLBF, 0);
	map_memory(&s, argv[2]);
	handshake(&s, argv[1]);
	p.fd = s.uffd;
	while (poll(&p, 1, -1) > 0) {
		struct uffd_msg msg;

		if (p.revents & (POLLHUP | POLLERR | POLLNVAL))
			return 0;
		if (read(s.uffd, &msg, sizeof(msg)) == sizeof(msg) &&
		    msg.event == UFFD_EVENT_PAGEFAULT)
			answer(&s, msg.arg.pagefault.address);
	}
	return 0;
}
