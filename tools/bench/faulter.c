// SPDX-License-Identifier: BSD-2-Clause
/*
 * The load of `make bench`: page faults on 8 MiB, again and again, on one CPU.
 * For each line on standard input ("run N") it does N bursts and prints the nanoseconds per fault
 * of each, so that whoever traces it can be changed in between.
 *
 * faulter CPU
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BYTES (8u << 20)
#define PAGE  4096u
#define TURNS 8u /* per burst: 16,384 faults */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double burst(volatile char *mem)
{
	uint64_t ns = 0;

	for (unsigned int turn = 0; turn < TURNS; turn++) {
		uint64_t t0;

		madvise((void *)(uintptr_t)mem, BYTES, MADV_DONTNEED);
		t0 = now_ns();
		for (size_t at = 0; at < BYTES; at += PAGE)
			(void)mem[at];
		ns += now_ns() - t0;
	}
	return (double)ns / (TURNS * (BYTES / PAGE));
}

int main(int argc, char **argv)
{
	cpu_set_t set;
	char line[64];
	char *mem = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CPU_ZERO(&set);
	CPU_SET(argc > 1 ? atoi(argv[1]) : 0, &set);
	if (mem == MAP_FAILED || madvise(mem, BYTES, MADV_NOHUGEPAGE) ||
	    sched_setaffinity(0, sizeof(set), &set)) {
		perror("faulter");
		return 1;
	}
	printf("ready %d %u\n", getpid(), TURNS * (BYTES / PAGE));
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		int n = !strncmp(line, "run ", 4) ? atoi(line + 4) : 0;

		burst(mem); /* warms what the change before it made cold */
		while (n-- > 0)
			printf("%.1f ", burst(mem));
		printf("\n");
		fflush(stdout);
	}
	return 0;
}
