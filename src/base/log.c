// SPDX-License-Identifier: BSD-2-Clause
/* Prints diagnostics to stderr, each as one line. */
#include "base/log.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/err.h"

enum fs_log_level fs_log_level = FS_LOG_INFO;
const char *fs_log_program = "forkscope";

/* One line, in one write, with nothing in it that a terminal would obey. */
static void print_line(const char *kind, const char *fmt, va_list ap)
{
	int saved = errno;
	char *text = fs_vsentence(fmt, ap), *line = NULL; /* errno as it was: for %m */
	ssize_t done;
	int len;

	len = asprintf(&line, "%s: %s%s\n", fs_log_program, kind, text ? text : "(out of memory)");
	for (int i = 0; i + 1 < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	do
		done = len < 0 ? 0 : write(STDERR_FILENO, line, (size_t)len);
	while (done < 0 && errno == EINTR);
	free(text);
	if (len >= 0)
		free(line);
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
