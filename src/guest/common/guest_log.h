/* SPDX-License-Identifier: BSD-2-Clause */
/* What the agent says: diagnostics on stderr, one line each. Never called in hot code. */
#ifndef FORKSCOPE_GUEST_SAY_H
#define FORKSCOPE_GUEST_SAY_H

void fsg_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* As above, with what errno says behind a colon. */
void fsg_say_errno(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* One line on stdout: what a script may wait for. */
void fsg_tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
