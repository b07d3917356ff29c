// SPDX-License-Identifier: BSD-2-Clause
/* Calls of KVM that a tracer of system calls does not see, as if the kernel had skipped it. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "mini.h"

#define NR_IOCTL_32 54 /* arch/x86/entry/syscalls/syscall_32.tbl */

unsigned int mini_unseen(const char *names)
{
	static const char *const known[] = {"vm", "slot", "vcpu", "run"};
	unsigned int all = 0;

	for (size_t len; *names; names += len + (names[len] == ',')) {
		unsigned int is = 0;

		len = strcspn(names, ",");
		for (unsigned int i = 0; i < sizeof(known) / sizeof(*known); i++)
			if (strlen(known[i]) == len && !strncmp(known[i], names, len))
				is = 1u << i;
		if (!is)
			return 0;
		all |= is;
	}
	return all;
}

int mini_ioctl(const struct mini_opts *o, unsigned int what, int fd, unsigned int cmd,
	       unsigned long arg)
{
	long ret;

	if (!(o->unseen & what))
		return ioctl(fd, cmd, arg);
	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(NR_IOCTL_32), "b"(fd), "c"(cmd), "d"(arg)
			 : "r8", "r9", "r10", "r11", "memory");
	ret = (int)ret;
	if (ret >= 0)
		return (int)ret;
	errno = (int)-ret;
	return -1;
}

void *mini_low_memory(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (at == MAP_FAILED)
		mini_die("memory below 4 GiB");
	return at;
}
