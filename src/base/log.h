/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Diagnostics: the only place that prints them. Each call is one line on stderr, written at once
 * (lines of several processes do not mix), with control characters replaced, because messages
 * carry names that a guest or another user chose. Reports go to stdout and not through here.
 */
#ifndef FORKSCOPE_LOG_H
#define FORKSCOPE_LOG_H

enum fs_log_level { FS_LOG_ERROR, FS_LOG_WARN, FS_LOG_INFO, FS_LOG_DEBUG };

extern enum fs_log_level fs_log_level; /* what is printed; FS_LOG_INFO at the start */
extern const char *fs_log_program;     /* begins each line; "forkscope" at the start */

#define FS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* The end of line is added. errno is left as it was. */
void fs_error(const char *fmt, ...) FS_PRINTF(1, 2); /* "forkscope: ..." */
void fs_warn(const char *fmt, ...) FS_PRINTF(1, 2);  /* "forkscope: warning: ..." */
void fs_info(const char *fmt, ...) FS_PRINTF(1, 2);
void fs_debug(const char *fmt, ...) FS_PRINTF(1, 2);

#endif
