/* SPDX-License-Identifier: BSD-2-Clause */
/* How a function says what went wrong: a negative errno, and a sentence in the caller's buffer. */
#ifndef FORKSCOPE_ERR_H
#define FORKSCOPE_ERR_H

#include <stdarg.h>
#include <stddef.h>

/* Room for a sentence about a file, whatever its path is, and for the reason of another in it. */
#define FS_SENTENCE (4096 + 4096)

/*
 * Writes the sentence into @err (@len bytes; one that is longer ends in "...", so that nobody takes
 * what is left of it for the whole; NULL or 0 = not wanted) and yields @code, so that a caller can
 * `return fs_errf(err, len, -EINVAL, "...")`. A macro, so that compilers and analysers see which
 * code it is.
 */
#define fs_errf(err, len, code, ...)                   \
	({                                             \
		int code_ = (code);                    \
		fs_err_say((err), (len), __VA_ARGS__); \
		code_;                                 \
	})

void fs_err_say(char *err, size_t len, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* A sentence as long as it comes out, which the caller frees; NULL = out of memory. */
char *fs_vsentence(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

#endif
