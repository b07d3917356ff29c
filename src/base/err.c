// SPDX-License-Identifier: BSD-2-Clause
#include "base/err.h"
#include <stdarg.h>
#include <stdio.h>

int fs_errf(char *err, size_t len, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err || !len)
		return code;
	va_start(ap, fmt);
	vsnprintf(err, len, fmt, ap);
	va_end(ap);
	return code;
}
