// SPDX-License-Identifier: BSD-2-Clause
#include "rtnl_hold.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096 };

static int tun = -1, faults = -1;
static void *argument; /* the page that is not there */
static void (*while_held)(void);

/* The module is in the guest's image, not loaded. */
static int load_module(void)
{
	int fd = open("/modules/tun.ko", O_RDONLY | O_CLOEXEC), bad;

	if (fd < 0)
		return -1;
	bad = syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST;
	close(fd);
	return bad ? -1 : 0;
}

static int watch_argument(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register area = {.mode = UFFDIO_REGISTER_MODE_MISSING};

	faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (faults < 0 || ioctl(faults, UFFDIO_API, &api))
		return -1;
	argument = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (argument == MAP_FAILED)
		return -1;
	area.range.start = (uintptr_t)argument;
	area.range.len = PAGE;
	return ioctl(faults, UFFDIO_REGISTER, &area);
}

/* Reading the fault says that the other thread is in the ioctl, with the lock. */
static void *handle(void *unused)
{
	struct uffd_msg fault;

	if (read(faults, &fault, sizeof(fault)) == sizeof(fault) &&
	    fault.event == UFFD_EVENT_PAGEFAULT) {
		struct uffdio_zeropage zero = {.range = {(uintptr_t)argument, PAGE}};

		while_held();
		ioctl(faults, UFFDIO_ZEROPAGE, &zero);
	}
	return unused;
}

int rtnl_hold_prepare(void (*held)(void))
{
	pthread_t thread;

	while_held = held;
	if (load_module())
		return -1;
	tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (tun < 0 || watch_argument())
		return -1;
	errno = pthread_create(&thread, NULL, handle, NULL);
	return errno ? -1 : 0;
}

int rtnl_hold(void)
{
	/* The index that a device to be made later would have: none is made. */
	return ioctl(tun, TUNSETIFINDEX, argument);
}
