// SPDX-License-Identifier: BSD-2-Clause
/*
 * How fast the search for a mailbox is: against memmem for the same mailbox, and against reading
 * the bytes, on one mapping, in interleaved rounds. Machines are noisy: of each way the best tenth
 * of its rounds is given (its slowest round in it), and the middle one.
 *
 *	bench SIZE ROUNDS      e.g. 1GiB 40
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/units.h"
#include "mailbox/locate.h"
#include "mailbox/magic_scan.h"

#define MAX_ROUNDS 1000

static uint8_t *memory;
static size_t size;
static int fd;

static const uint8_t wanted[] = "HYPEMAN_RESUME_NETWORK_MAILBOX_V1\0bench";

/* The whole marker with its token, as a plain host program looks for it. */
static const void *by_memmem(void)
{
	return memmem(memory, size, wanted, sizeof(wanted) - 1);
}

/* Our search of the mapping alone: the first prefix is the mailbox's. */
static const void *by_scan(void)
{
	return fs_scan_best()->find(memory, memory + size);
}

/* One word of each line: what the memory itself allows. */
static const void *by_reading(void)
{
	uint64_t a = 0, b = 0;

	for (size_t i = 0; i < size; i += 128) {
		a += *(const volatile uint64_t *)(const void *)(memory + i);
		b += *(const volatile uint64_t *)(const void *)(memory + i + 64);
	}
	return a + b == 1 ? memory : memory + 1;
}

/* All of `mailbox find` but the process: map, walk the holes, search, parse, unmap. */
static const void *by_find(void)
{
	const struct fs_mbox_query q = {.kinds = FS_MBOX_ALL, .token = "bench"};
	struct fs_mbox_found found;
	const void *hit;

	if (fs_mbox_search(fd, size, &q, &found, NULL, 0))
		return NULL;
	hit = found.hits.n == 1 ? memory + found.hits.v[0].offset : NULL;
	fs_mbox_found_free(&found);
	return hit;
}

static struct {
	const char *name;
	const void *(*run)(void);
	double ns[MAX_ROUNDS];
} ways[] = {
	{"memmem, mapped", by_memmem, {0}},
	{"our search, mapped", by_scan, {0}},
	{"reading each line, mapped", by_reading, {0}},
	{"mailbox find, whole", by_find, {0}},
};

#define NWAYS (sizeof(ways) / sizeof(ways[0]))

/* Dense bytes, as of a used guest: the mailbox in the last page. */
static void fill(void)
{
	uint64_t x = 88172645463325252ull, *words = (uint64_t *)(void *)memory;

	for (size_t i = 0; i < size / 8; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		words[i] = x;
	}
	memset(memory + size - FS_MBOX_SIZE, 0, FS_MBOX_SIZE);
	fs_mbox_init(memory + size - FS_MBOX_SIZE, FS_MBOX_RESUME_NETWORK, NULL, "bench");
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double gb_per_s(double ns)
{
	return (double)size / ns;
}

int main(int argc, char **argv)
{
	char path[] = "/tmp/forkscope-bench-XXXXXX";
	int rounds = argc > 2 ? atoi(argv[2]) : 0;
	uint64_t bytes;

	if (argc != 3 || fs_parse_bytes(argv[1], &bytes) || bytes < 1 << 20 || rounds < 10 ||
	    rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: bench SIZE ROUNDS   (at least 1MiB; 10 to 1000)\n");
		return 2;
	}
	size = bytes & ~(uint64_t)4095;
	fd = mkstemp(path);
	if (fd < 0 || unlink(path) || ftruncate(fd, (off_t)size)) {
		perror("making the file in /tmp");
		return 1;
	}
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (memory == MAP_FAILED) {
		perror("mapping it");
		return 1;
	}
	fill();
	for (int r = 0; r < rounds; r++) {
		for (size_t w = 0; w < NWAYS; w++) {
			uint64_t before = fs_mono_ns();
			const void *hit = ways[w].run();

			ways[w].ns[r] = (double)(fs_mono_ns() - before);
			if (ways[w].run != by_reading && hit != memory + size - FS_MBOX_SIZE) {
				fprintf(stderr, "%s did not find the mailbox\n", ways[w].name);
				return 1;
			}
		}
	}
	printf("searching %s in the page cache, %d interleaved rounds, %s\n\n", argv[1], rounds,
	       fs_scan_best()->name);
	printf("%-28s %14s %14s\n", "", "lowest tenth", "median");
	for (size_t w = 0; w < NWAYS; w++) {
		qsort(ways[w].ns, (size_t)rounds, sizeof(double), by_value);
		printf("%-28s %9.1f GB/s %9.1f GB/s\n", ways[w].name,
		       gb_per_s(ways[w].ns[(rounds - 1) / 10]), gb_per_s(ways[w].ns[rounds / 2]));
	}
	munmap(memory, size);
	close(fd);
	return 0;
}
