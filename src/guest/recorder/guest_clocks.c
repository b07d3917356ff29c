// SPDX-License-Identifier: BSD-2-Clause
/* Samples of the clocks of this guest: TSC, kvmclock, CLOCK_MONOTONIC. */
#include "guest/recorder/guest_clocks.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <time.h>
#include <unistd.h>
#include "base/maps.h"

#define TRIES 500

/* The kernel's struct pvclock_vcpu_time_info (arch/x86/include/asm/pvclock-abi.h). */
struct pvclock {
	uint32_t version; /* odd = being written */
	uint32_t pad0;
	uint64_t tsc_timestamp, system_time;
	uint32_t mul;
	int8_t shift;
	uint8_t flags, pad[2];
};

#define PVCLOCK_STRIDE 64 /* struct pvclock_vsyscall_time_info: one for each CPU */

static uint64_t rdtsc(void)
{
#if defined(__x86_64__)
	uint32_t low, high;

	__asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
#else
	return 0;
#endif
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t = {0};

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void best_of_many(struct fsg_clock *c)
{
	c->tsc_width = UINT64_MAX;
	for (int i = 0; i < TRIES; i++) {
		uint64_t begin = rdtsc();
		uint64_t mono = clock_ns(CLOCK_MONOTONIC), raw = clock_ns(CLOCK_MONOTONIC_RAW);
		uint64_t boot = clock_ns(CLOCK_BOOTTIME);
		uint64_t width = rdtsc() - begin;

		if (width >= c->tsc_width)
			continue;
		c->tsc = begin + width / 2;
		c->tsc_width = width;
		c->mono_ns = mono;
		c->raw_ns = raw;
		c->boot_ns = boot;
	}
}

static int note_pvclock(const struct fs_map *m, void *arg)
{
	uintptr_t *found = arg;

	if (!strcmp(m->path, "[vvar_vclock]"))
		*found = m->start;
	else if (!strcmp(m->path, "[vvar]") && !*found)
		*found = m->start + FSG_PAGE;
	return 0;
}

/*
 * Where the kernel maps the pvclock pages: a mapping of its own from 6.13 on, before that the
 * second page of [vvar]. 0 = nowhere.
 */
static uintptr_t pvclock_address(void)
{
	uintptr_t found = 0;

	fs_maps_each("/proc/self/maps", note_pvclock, &found);
	return found;
}

/*
 * The page exists only while the kernel uses that clock, and touching it otherwise is a SIGBUS:
 * the kernel itself is asked to read it, through a pipe, and says EFAULT instead.
 */
static int read_safely(int pipe_fd[2], uintptr_t at, struct pvclock *p)
{
	if (write(pipe_fd[1], (const void *)at, sizeof(*p)) != (ssize_t)sizeof(*p))
		return -EFAULT;
	return read(pipe_fd[0], p, sizeof(*p)) == (ssize_t)sizeof(*p) ? 0 : -EIO;
}

static void read_pvclock(struct fsg_clock *c)
{
	uintptr_t at = pvclock_address();
	struct pvclock a, b;
	int fd[2];

	if (!at || c->cpu >= FSG_PAGE / PVCLOCK_STRIDE || pipe2(fd, O_CLOEXEC | O_NONBLOCK))
		return;
	at += (uintptr_t)c->cpu * PVCLOCK_STRIDE;
	for (int i = 0; i < 16; i++) {
		if (read_safely(fd, at, &a) || read_safely(fd, at, &b))
			break;
		if (a.version % 2 || memcmp(&a, &b, sizeof(a)) || !a.mul)
			continue;
		c->pv_version = a.version;
		c->pv_tsc_timestamp = a.tsc_timestamp;
		c->pv_system_time = a.system_time;
		c->pv_mul = a.mul;
		c->pv_shift = (__s32)a.shift;
		break;
	}
	close(fd[0]);
	close(fd[1]);
}

int guest_clock_sample(unsigned int cpu, struct fsg_clock *out)
{
	cpu_set_t before, one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	memset(out, 0, sizeof(*out));
	out->cpu = cpu;
	if (sched_getaffinity(0, sizeof(before), &before) ||
	    sched_setaffinity(0, sizeof(one), &one))
		return -errno;
	best_of_many(out);
	read_pvclock(out);
	sched_setaffinity(0, sizeof(before), &before);
	return 0;
}

uint32_t guest_clocksource(char *name, unsigned int len)
{
	FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");

	*name = 0;
	if (f && fgets(name, (int)len, f))
		name[strcspn(name, "\n")] = 0;
	if (f)
		fclose(f);
	return !strcmp(name, "kvm-clock") ? 1 : !strcmp(name, "tsc") ? 2 : 0;
}

/* "tsc: Detected 2445.404 MHz processor", then perhaps "... MHz TSC", which counts more. */
static uint64_t khz_of_log(const char *log)
{
	uint64_t khz = 0;

	for (const char *at = log; (at = strstr(at, "tsc: Detected ")); at++) {
		unsigned long mhz = 0, part = 0;

		if (sscanf(at, "tsc: Detected %lu.%3lu MHz", &mhz, &part) == 2)
			khz = (uint64_t)mhz * 1000 + part;
	}
	return khz;
}

static uint64_t khz_of_pvclock(const struct fsg_clock *c)
{
	double hz;

	if (!c->pv_version || !c->pv_mul)
		return 0;
	hz = 1e9 * 4294967296.0 / c->pv_mul;
	for (int i = c->pv_shift; i < 0; i++)
		hz *= 2;
	for (int i = c->pv_shift; i > 0; i--)
		hz /= 2;
	return (uint64_t)(hz / 1000 + 0.5);
}

uint64_t guest_tsc_khz(const struct fsg_clock *c)
{
	int size = klogctl(10 /* SIZE_BUFFER */, NULL, 0), n = 0;
	char *log = size > 0 ? malloc((size_t)size + 1) : NULL;
	uint64_t khz = 0;

	if (log)
		n = klogctl(3 /* READ_ALL */, log, size);
	if (n > 0) {
		log[n] = 0;
		khz = khz_of_log(log);
	}
	free(log);
	return khz ? khz : khz_of_pvclock(c);
}
