// SPDX-License-Identifier: BSD-2-Clause
/* Writes the sentence of an error into the caller's buffer. */
#include "base/err.h"
#include <stdio.h>
#include <string.h>

void fs_err_say(char *err, size_t len, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!err || !len)
		return;
	va_start(ap, fmt);
	n = vsnprintf(err, len, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= len && len > 3)
		memcpy(err + len - 4, "...", 4);
}

char *fs_vsentence(const char *fmt, va_list ap)
{
	char *text = NULL;

	return vasprintf(&text, fmt, ap) < 0 ? NULL : text;
}
