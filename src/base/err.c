// SPDX-License-Identifier: BSD-2-Clause
#include "base/err.h"
#include <stdarg.h>
#include <stdio.h>

void fs_err_say(char *err, size_t len, const char *fmt, ...)
{
	va_list ap;

	if (!err || !len)
		return;
	va_start(ap, fmt);
	vsnprintf(err, len, fmt, ap);
	va_end(ap);
}
