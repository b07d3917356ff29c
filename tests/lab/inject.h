/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the injectors of delays share. Each writes one JSON line per interval, in nanoseconds of
 * CLOCK_MONOTONIC: [t0, t1) is certainly inside the delay, [o0, o1) certainly holds all of it.
 */
#ifndef INJECT_H
#define INJECT_H

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void sleep_ns(uint64_t ns)
{
	struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		;
}

static inline void fail(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Value of "--name N" on the command line. */
static inline uint64_t number(int argc, char **argv, const char *name, uint64_t otherwise)
{
	for (int i = 1; i + 1 < argc; i++)
		if (!strcmp(argv[i], name))
			return strtoull(argv[i + 1], NULL, 0);
	return otherwise;
}

static inline FILE *open_log(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i++) {
		if (!strcmp(argv[i], "--log")) {
			FILE *f = fopen(argv[i + 1], "ae");

			if (!f)
				fail(argv[i + 1]);
			setvbuf(f, NULL, _IOLBF, 0);
			return f;
		}
	}
	return stdout;
}

static inline void note(FILE *log, uint64_t pid, uint64_t o0, uint64_t t0, uint64_t t1, uint64_t o1)
{
	fprintf(log,
		"{\"pid\": %" PRIu64 ", \"o0\": %" PRIu64 ", \"t0\": %" PRIu64 ", \"t1\": %" PRIu64
		", \"o1\": %" PRIu64 "}\n",
		pid, o0, t0, t1, o1);
}

#endif
