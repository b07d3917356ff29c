/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For what runs between the resume signal and the last ack. In a fork each page that is touched
 * for the first time is a fault of the VM, so this code lives close together (tools/mk/guest.mk
 * links it into one run of pages), calls no C library (which is spread over many pages, and is
 * reached through tables on others) and keeps its data in one block that is locked into memory.
 */
#ifndef FORKSCOPE_GUEST_HOT_H
#define FORKSCOPE_GUEST_HOT_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A system call; returns a negative errno as the kernel does. */
static inline long hot_call(long nr, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
#else
	long ret = syscall(nr, a, b, c, d, e, f);

	return ret < 0 ? -errno : ret;
#endif
}

static inline long hot_ppoll(struct pollfd *fds, unsigned int n, const struct timespec *timeout)
{
	struct timespec left;

	if (timeout)
		left = *timeout; /* the kernel writes what is left into it */
	return hot_call(SYS_ppoll, (long)fds, n, timeout ? (long)&left : 0, 0, 0, 0);
}

static inline long hot_pread(int fd, void *to, size_t len, long at)
{
	return hot_call(SYS_pread64, fd, (long)to, (long)len, at, 0, 0);
}

static inline long hot_read(int fd, void *to, size_t len)
{
	return hot_call(SYS_read, fd, (long)to, (long)len, 0, 0, 0);
}

static inline long hot_sendto(int fd, const void *from, size_t len, int flags, const void *to,
			      size_t to_len)
{
	return hot_call(SYS_sendto, fd, (long)from, (long)len, flags, (long)to, (long)to_len);
}

static inline long hot_recv(int fd, void *to, size_t len, int flags)
{
	return hot_call(SYS_recvfrom, fd, (long)to, (long)len, flags, 0, 0);
}

static inline void hot_sleep(long ns)
{
	struct timespec t = {.tv_nsec = ns};

	(void)hot_call(SYS_nanosleep, (long)&t, 0, 0, 0, 0, 0);
}

static inline uint64_t hot_now_ns(void)
{
	struct timespec t = {0};

	(void)hot_call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&t, 0, 0, 0, 0);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void hot_usage(struct rusage *u)
{
	(void)hot_call(SYS_getrusage, RUSAGE_SELF, (long)u, 0, 0, 0, 0);
}

#endif
