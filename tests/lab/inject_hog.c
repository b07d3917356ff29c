// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs a SCHED_FIFO loop on the CPU of a pinned vCPU again and again: at most 500 ms at a time and
 * in all under half of a second per second, so that real-time throttling never interferes.
 * An interval ends and a new one begins wherever another task got the CPU. Interrupts do not count:
 * the vCPU's thread does not run then either.
 *
 * inject_hog --cpu N [--pid PID] [--for MS] [--every MS] [--times N] [--log FILE]
 */
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include "inject.h"

#define HOLE_NS 100000u /* no task is switched to and back in less, emulated */

static long switches(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return u.ru_nivcsw;
}

static void hog(FILE *log, uint64_t pid, uint64_t length)
{
	uint64_t begin = now_ns(), last = begin, from = begin, now = begin;
	long before = switches();

	while (now - begin < length) {
		now = now_ns();
		if (now - last > HOLE_NS && switches() != before) {
			note(log, pid, from, from, last, last);
			before = switches();
			from = now;
		}
		last = now;
	}
	note(log, pid, from, from, last, last);
}

int main(int argc, char **argv)
{
	uint64_t pid = number(argc, argv, "--pid", 0), cpu = number(argc, argv, "--cpu", 1);
	uint64_t length = number(argc, argv, "--for", 20) * 1000000;
	uint64_t every = number(argc, argv, "--every", 100) * 1000000;
	uint64_t times = number(argc, argv, "--times", 5);
	struct sched_param param = {.sched_priority = 50};
	FILE *log = open_log(argc, argv);
	cpu_set_t set;

	if (length > 500000000u || every < length)
		fail("--for must be at most 500, and --every at least as much");
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) || sched_setscheduler(0, SCHED_FIFO, &param))
		fail("becoming a real-time task on that CPU");
	setvbuf(log, NULL, _IOFBF, 1 << 16); /* nothing is written while it hogs */
	while (times--) {
		sleep_ns(every);
		if (pid && kill((pid_t)pid, 0))
			break;
		hog(log, pid, length);
		fflush(log);
	}
	return 0;
}
