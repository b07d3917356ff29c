/* SPDX-License-Identifier: BSD-2-Clause */
/* Which processes are traced, and the command that a recording runs. */
#ifndef FORKSCOPE_TARGETS_H
#define FORKSCOPE_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/vec.h"
#include "bpf/event.h"

struct fs_targets {
	/* asked */
	bool all;
	const char *comm; /* NULL = not asked */
	FS_VEC(pid_t) pids;
	char **command; /* NULL-terminated; NULL = not asked */

	/* state */
	FS_VEC(int) pidfds; /* of pids, -1 once ended */
	uint64_t child_ns;  /* when it was made, CLOCK_MONOTONIC */
	pid_t child;        /* the command's first process, 0 = none */
	int hold, report;   /* pipes to the held child: closing `hold` lets it go or give up */
	bool child_ended;   /* the command's first process */
	bool all_ended;     /* and all of its descendants */
	int child_status;   /* as wait() gives it */
};

void fs_targets_init(struct fs_targets *t);

/*
 * Are the asked processes there, and the command's program? Opens pidfds of the processes. 0, or a
 * negative errno and a sentence. (Whether the kernel can execute the program shows only when it is
 * let go.)
 */
int fs_targets_check(struct fs_targets *t, char *err, size_t len);

/*
 * Makes the command's process, which then waits to be let go. To be called before signals are
 * blocked and rights dropped: the command is to run as if it had been started without forkscope.
 * 0, or a negative errno and a sentence.
 */
int fs_targets_spawn(struct fs_targets *t, char *err, size_t len);

/* Lets the command run. Returns 0, or why it could not be executed (negative errno). */
int fs_targets_release(struct fs_targets *t);

/* Collects children that ended; call at SIGCHLD. */
void fs_targets_reap(struct fs_targets *t);

/* Calls @add for every existing process that is asked for. It may be called more than once. */
void fs_targets_scan(const struct fs_targets *t,
		     void (*add)(pid_t tgid, enum fs_why why, void *arg), void *arg);

/*
 * What PROC_ADD says of a process: when it began (CLOCK_MONOTONIC ns; exact for the command's
 * process, else /proc's clock ticks of 10 ms), its parent, its name. 0, or -ESRCH when it is gone.
 */
int fs_targets_describe(const struct fs_targets *t, pid_t tgid, __u64 *start_ns, __u32 *ppid,
			char comm[FS_COMM_LEN]);

/* Closes what is open. A command that was never let go ends without having run. */
void fs_targets_close(struct fs_targets *t);

#endif
