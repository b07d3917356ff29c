/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process held by its pidfd: what is signalled is that process, never another one that came to
 * have its number.
 */
#ifndef FORKSCOPE_VMM_PROCESS_H
#define FORKSCOPE_VMM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct fs_process {
	pid_t pid; /* 0 = none */
	int pidfd; /* -1 = none */
	int input; /* the writing end of its stdin, held open; -1 = none */
	bool ours; /* a child: it is ended and reaped here */
	bool ended;
	int status; /* as of waitpid(); only of a child that ended */
};

void fs_process_init(struct fs_process *p);

/*
 * Starts argv[0] (looked up in PATH) in a process group of its own, in the network namespace of
 * the calling thread; stdout and stderr go to the new file @log. It is killed when the calling
 * thread ends. Returns 0, or a negative errno with a sentence in @err.
 */
int fs_process_start(struct fs_process *p, char *const argv[], const char *log, char *err,
		     size_t len);

/* Holds process @pid, which is not ours. Returns 0 or a negative errno with a sentence in @err. */
int fs_process_adopt(struct fs_process *p, pid_t pid, char *err, size_t len);

bool fs_process_ended(struct fs_process *p);
/* Waits until it has ended: 0, or -ETIMEDOUT. */
int fs_process_wait(struct fs_process *p, uint64_t ns);
/* SIGTERM (or the signal given) if it is ours and runs. */
void fs_process_signal(const struct fs_process *p, int sig);
/* Kills it and what is left of its group, if it is ours, and reaps it; lets go of it otherwise. */
void fs_process_end(struct fs_process *p);

/* "ended with status 1", "was killed by signal 9", "has ended". Returns @buf. */
const char *fs_process_how(const struct fs_process *p, char *buf, size_t len);

/*
 * The last words in the file @log, on one line, at most @len - 1 bytes; "(nothing)" when there are
 * none. Returns @buf.
 */
const char *fs_log_tail(const char *log, char *buf, size_t len);

#endif
