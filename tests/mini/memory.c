// SPDX-License-Identifier: BSD-2-Clause
/* The memory of a mini VM: anonymous, a private mapping of a file, or behind userfaultfd. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "mini.h"
#include "layout.h"

size_t mini_memory_bytes(const struct mini_opts *o)
{
	size_t want = MINI_DATA + (size_t)o->vcpus * o->pages * 4096;

	if (o->recorder)
		want += 256u << 10;
	return (want + (2u << 20) - 1) & ~(size_t)((2u << 20) - 1);
}

static void fill(int fd, size_t bytes)
{
	char page[4096];

	for (size_t at = 0; at < bytes; at += sizeof(page)) {
		memset(page, (int)(at >> 12) | 1, sizeof(page));
		if (pwrite(fd, page, sizeof(page), (off_t)at) != sizeof(page))
			mini_die("writing the memory file");
	}
	if (fsync(fd))
		mini_die("fsync of the memory file");
}

void mini_memory_file(const struct mini_opts *o)
{
	struct stat st;
	size_t bytes = mini_memory_bytes(o);
	int fd = open(o->file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || fstat(fd, &st))
		mini_die(o->file);
	if ((size_t)st.st_size < bytes)
		fill(fd, bytes);
	if (o->recorder)
		mini_recorder_lay(o);
	if (o->cold && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		mini_die("dropping the memory file from the page cache");
	close(fd);
}

/* Answers each fault after the delay, with a page that holds its number. */
static void *serve(void *arg)
{
	struct mini_vm *vm = arg;
	static _Alignas(4096) char page[4096];
	struct pollfd p = {.fd = vm->uffd, .events = POLLIN};
	struct timespec wait = {.tv_sec = (time_t)(vm->o->uffd_delay_ns / 1000000000u),
				.tv_nsec = (long)(vm->o->uffd_delay_ns % 1000000000u)};

	while (poll(&p, 1, -1) > 0) {
		struct uffd_msg msg;
		struct uffdio_copy copy = {.src = (uintptr_t)page, .len = 4096};

		if (read(vm->uffd, &msg, sizeof(msg)) != sizeof(msg) ||
		    msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		nanosleep(&wait, NULL);
		copy.dst = msg.arg.pagefault.address & ~4095ull;
		if (ioctl(vm->uffd, UFFDIO_COPY, &copy) && errno != EEXIST)
			mini_die("UFFDIO_COPY");
		vm->uffd_served++;
	}
	return NULL;
}

static void behind_uffd(struct mini_vm *vm)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register reg = {
		.range = {.start = (uintptr_t)vm->mem + MINI_DATA, .len = vm->bytes - MINI_DATA},
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	vm->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (vm->uffd < 0 || ioctl(vm->uffd, UFFDIO_API, &api) ||
	    ioctl(vm->uffd, UFFDIO_REGISTER, &reg))
		mini_die("userfaultfd");
	if (pthread_create(&vm->uffd_thread, NULL, serve, vm))
		mini_die("the userfaultfd thread");
}

/* As a VMM does that reads its snapshot in. */
static void read_in(struct mini_vm *vm)
{
	int fd = open(vm->o->file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		mini_die(vm->o->file);
	for (size_t at = 0; at < vm->bytes;) {
		ssize_t n = pread(fd, vm->mem + at, vm->bytes - at, (off_t)at);

		if (n <= 0)
			mini_die("reading the memory file");
		at += (size_t)n;
	}
	close(fd);
}

void mini_memory_map(struct mini_vm *vm)
{
	int flags = MAP_PRIVATE | MAP_NORESERVE, fd = -1;

	vm->bytes = mini_memory_bytes(vm->o);
	if (vm->o->backing == MINI_FILE && !vm->o->copy) {
		fd = open(vm->o->file, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			mini_die(vm->o->file);
	} else {
		flags |= MAP_ANONYMOUS | (vm->o->huge ? MAP_HUGETLB : 0);
	}
	vm->mem = mmap(NULL, vm->bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (vm->mem == MAP_FAILED)
		mini_die("mapping the guest's memory");
	madvise(vm->mem, vm->bytes, MADV_NOHUGEPAGE);
	if (fd >= 0)
		close(fd);
	vm->uffd = -1;
	if (vm->o->copy)
		read_in(vm);
	if (vm->o->backing == MINI_UFFD)
		behind_uffd(vm);
}
