// SPDX-License-Identifier: BSD-2-Clause
/* What libbpf prints: to our own log, and the reason why a program was refused. */
#include "hooks/libbpf_log.h"
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"

static struct fs_libbpf_log heard;

/* The name in "prog 'NAME': ..." */
static void quoted(const char *text, const char *lead, char *out, size_t size)
{
	const char *at = strstr(text, lead);

	if (!at)
		return;
	at += strlen(lead);
	snprintf(out, size, "%.*s", (int)strcspn(at, "'"), at);
}

/* The verifier's log ends with its reason and then its statistics. */
static void last_words(const char *text)
{
	const char *reason = NULL;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (!strncmp(line, "processed ", 10) || strstr(line, "END PROG LOAD LOG") == line)
			break;
		if (*line != '\n' && strncmp(line, "-- ", 3))
			reason = line;
	}
	if (reason)
		snprintf(heard.why, sizeof(heard.why), "verifier: %.*s", (int)strcspn(reason, "\n"),
			 reason);
}

static int listen(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	int saved = errno;
	char *text;

	/* A verifier's log may be long, and its reason stands at its end. */
	if ((level == LIBBPF_DEBUG && fs_log_level < FS_LOG_DEBUG) || vasprintf(&text, fmt, ap) < 0)
		return 0;
	if (level == LIBBPF_WARN) {
		quoted(text, "prog '", heard.prog, sizeof(heard.prog));
		quoted(text, "map '", heard.map, sizeof(heard.map));
		if (strstr(text, "BEGIN PROG LOAD LOG"))
			last_words(text);
	}
	if (fs_log_level >= FS_LOG_DEBUG)
		for (char *line = text, *end; line && *line; line = end) {
			end = strchr(line, '\n');
			if (end)
				*end++ = '\0';
			fs_debug("libbpf: %s", line);
		}
	free(text);
	errno = saved;
	return 0;
}

void fs_libbpf_log_reset(void)
{
	memset(&heard, 0, sizeof(heard));
	libbpf_set_print(listen);
}

const struct fs_libbpf_log *fs_libbpf_log_get(void)
{
	return &heard;
}
