// SPDX-License-Identifier: BSD-2-Clause
#include "guest/common/guest_log.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void put_line(int fd, const char *prefix, const char *fmt, va_list args, int error)
{
	char line[2048];
	size_t n = 0;

	n += (size_t)snprintf(line, sizeof(line), "%s", prefix);
	n += (size_t)vsnprintf(line + n, sizeof(line) - n, fmt, args);
	if (error && n < sizeof(line))
		n += (size_t)snprintf(line + n, sizeof(line) - n, ": %s", strerror(error));
	if (n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(fd, line, n) < 0)
		return; /* nobody listens: nothing that could be done */
}

void fsg_say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_line(STDERR_FILENO, "forkscope-guest: ", fmt, args, 0);
	va_end(args);
}

void fsg_say_errno(const char *fmt, ...)
{
	int error = errno;
	va_list args;

	va_start(args, fmt);
	put_line(STDERR_FILENO, "forkscope-guest: ", fmt, args, error);
	va_end(args);
}

void fsg_tell(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_line(STDOUT_FILENO, "", fmt, args, 0);
	va_end(args);
}
