// SPDX-License-Identifier: BSD-2-Clause
/* Preloaded into the command: logs each write at an offset, in order, to the file in PWRITES_LOG.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

ssize_t pwrite64(int fd, const void *from, size_t n, off64_t at);
ssize_t pwrite(int fd, const void *from, size_t n, off_t at);

ssize_t pwrite64(int fd, const void *from, size_t n, off64_t at)
{
	ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
	FILE *log = fopen(getenv("PWRITES_LOG"), "a");

	if (log) {
		fprintf(log, "%lld %zu\n", (long long)at, n);
		fclose(log);
	}
	return real(fd, from, n, at);
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
	return pwrite64(fd, from, n, at);
}
