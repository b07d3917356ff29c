/* SPDX-License-Identifier: BSD-2-Clause */
/* How a function says what went wrong: a negative errno, and a sentence in the caller's buffer. */
#ifndef FORKSCOPE_ERR_H
#define FORKSCOPE_ERR_H

#include <stddef.h>

/*
 * Writes the sentence into @err (@len bytes, cut short when longer; NULL or 0 = not wanted) and
 * returns @code, so that a caller can `return fs_errf(err, len, -EINVAL, "...")`.
 */
int fs_errf(char *err, size_t len, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
