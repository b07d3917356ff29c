/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `forkscope mark`: a datagram to the socket of each running recorder, under FS_MARK_DIR. The
 * sender takes the time. The kernel names the sender (SO_PASSCRED): only root and the
 * recorder's own user are heard, and everything in the datagram is checked.
 */
#ifndef FORKSCOPE_MARKS_H
#define FORKSCOPE_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#define FS_MARK_DIR  "/run/forkscope"
#define FS_MARK_NAME 64 /* bytes, NUL included */
#define FS_MARK_AGE_NS                                                             \
	(1000ull * 1000 * 1000) /* an older mark is refused, and one of the future \
				 */

struct fs_mark {
	uint64_t ts;  /* CLOCK_MONOTONIC of the sender */
	uint32_t pid; /* the VMM that it is for, 0 = every fork */
	char name[FS_MARK_NAME];
	bool asks; /* it is not a mark but a query: has the guest of @pid been read? */
	struct sockaddr_un from; /* of a question, for fs_marks_answer() */
};

/* Is @name fit for a mark: [A-Za-z0-9._:-], 1 to 63 bytes? Returns 0 or -EINVAL. */
int fs_mark_check_name(const char *name);

/*
 * Checks what came from @uid at time @now. Returns 0 and @m, or -EINVAL / -EPERM and a reason in
 * @err. @me is the recorder's own user.
 */
int fs_mark_parse(const void *msg, size_t bytes, uid_t uid, uid_t me, uint64_t now,
		  struct fs_mark *m, char *err, size_t err_len);

/* Opens this recorder's socket. Returns its descriptor (non-blocking) or a negative errno. */
int fs_marks_listen(void);
void fs_marks_close(int fd);

/*
 * Next mark that arrived. Returns 1 and @m, 0 when there is none, or -EINVAL / -EPERM with the
 * reason in @err for one that was refused (go on reading).
 */
int fs_marks_next(int fd, struct fs_mark *m, char *err, size_t err_len);

/* Answers the question @m that came to @fd. One that cannot be answered is asked again. */
void fs_marks_answer(int fd, const struct fs_mark *m, bool yes);

/* Sends @m to every recorder of this host. Returns how many got it, or a negative errno. */
int fs_marks_send(const struct fs_mark *m);

/*
 * A socket for questions, to be closed by the caller, or a negative errno. Its address is abstract,
 * so it must be made in the network namespace of the recorders: answers cross none.
 */
int fs_marks_query_socket(void);

/*
 * Asks, by the socket @fd, every recorder of this host whether it needs the VMM @pid no more: its
 * guest's recorder was read, or will not be. Returns 1 (all say so, or there is none), 0 (not yet,
 * or one did not answer within a second), or a negative errno. One at a time for one socket.
 */
int fs_marks_ask(int fd, uint32_t pid);

#endif
