// SPDX-License-Identifier: BSD-2-Clause
#include "base/log.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum fs_log_level fs_log_level = FS_LOG_INFO;

static void print_line(const char *kind, const char *fmt, va_list ap)
{
	char line[1024];
	int saved = errno;
	size_t head, len;
	ssize_t done;

	head = (size_t)snprintf(line, sizeof(line), "forkscope: %s", kind);
	errno = saved; /* for %m */
	vsnprintf(line + head, sizeof(line) - head - 1, fmt, ap);
	len = strlen(line);
	for (size_t i = head; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len++] = '\n';
	do
		done = write(STDERR_FILENO, line, len);
	while (done < 0 && errno == EINTR);
	errno = saved;
}

#define DEFINE(name, level, kind)           \
	void name(const char *fmt, ...)     \
	{                                   \
		va_list ap;                 \
                                            \
		if (fs_log_level < (level)) \
			return;             \
		va_start(ap, fmt);          \
		print_line(kind, fmt, ap);  \
		va_end(ap);                 \
	}

DEFINE(fs_error, FS_LOG_ERROR, "")
DEFINE(fs_warn, FS_LOG_WARN, "warning: ")
DEFINE(fs_info, FS_LOG_INFO, "")
DEFINE(fs_debug, FS_LOG_DEBUG, "debug: ")
