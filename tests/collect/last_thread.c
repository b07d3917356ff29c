// SPDX-License-Identifier: BSD-2-Clause
/*
 * A process whose first thread passes the kernel's end of threads before another of them does.
 *
 *	last_thread order    the other, counted down already, is preempted by the first, which ends
 *	last_thread exec     the other calls exec, and goes on as the first
 *
 * Prints the number of the process and of the other thread. The kernel wakes who waits for the end
 * of a thread (set_tid_address(2)) between counting it down and, up to Linux 6.15, its tracepoint
 * sched_process_exit. The first thread waits so, on the same CPU and with a better priority.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int other;

static void *ends(void *unused)
{
	(void)unused;
	other = (int)syscall(SYS_gettid);
	return NULL;
}

static void *execs(void *unused)
{
	(void)unused;
	other = (int)syscall(SYS_gettid);
	printf("%d %d\n", getpid(), other);
	fflush(stdout);
	execl("/bin/true", "true", (char *)NULL);
	return NULL;
}

static int goes_first(void)
{
	struct sched_param first = {.sched_priority = 1};
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	return sched_setaffinity(0, sizeof(set), &set) ||
	       sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first);
}

int main(int argc, char **argv)
{
	pthread_t t;

	if (argc == 2 && !strcmp(argv[1], "exec"))
		return pthread_create(&t, NULL, execs, NULL) || pthread_join(t, NULL);
	if (goes_first()) {
		perror("last_thread: sched_setscheduler");
		return 1;
	}
	if (pthread_create(&t, NULL, ends, NULL) || pthread_join(t, NULL))
		return 1;
	printf("%d %d\n", getpid(), other);
	fflush(stdout);
	syscall(SYS_exit, 0);
	return 1;
}
