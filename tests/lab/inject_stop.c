// SPDX-License-Identifier: BSD-2-Clause
/*
 * Stops a VMM (SIGSTOP) again and again, and lets it go on (SIGCONT).
 * The inner interval begins when every vCPU thread has been seen stopped.
 *
 * inject_stop --pid PID --tid TID [--for MS] [--every MS] [--times N] [--log FILE]
 */
#include <signal.h>
#include "inject.h"

/* State letter of a thread in /proc, or 0 when it is gone. */
static char state_of(uint64_t pid, uint64_t tid)
{
	char path[64], line[256], *end;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%" PRIu64 "/task/%" PRIu64 "/stat", pid, tid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	end = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	return end && end[1] == ' ' ? end[2] : 0;
}

int main(int argc, char **argv)
{
	uint64_t pid = number(argc, argv, "--pid", 0), tid = number(argc, argv, "--tid", pid);
	uint64_t length = number(argc, argv, "--for", 20) * 1000000;
	uint64_t every = number(argc, argv, "--every", 100) * 1000000;
	uint64_t times = number(argc, argv, "--times", 5);
	FILE *log = open_log(argc, argv);

	if (!pid)
		fail("--pid is needed");
	while (times--) {
		uint64_t o0, t0, t1, o1;
		char state;

		sleep_ns(every);
		o0 = now_ns();
		if (kill((pid_t)pid, SIGSTOP))
			return 0; /* it has ended */
		while ((state = state_of(pid, tid)) && state != 'T')
			;
		t0 = now_ns();
		sleep_ns(length);
		t1 = now_ns();
		kill((pid_t)pid, SIGCONT);
		/* It is let go on as soon as the signal is sent; it may run before we do. */
		o1 = now_ns();
		if (state == 'T')
			note(log, pid, o0, t0, t1, o1);
	}
	return 0;
}
