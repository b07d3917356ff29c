/* SPDX-License-Identifier: BSD-2-Clause */
/* `forkscope record`, as a child: it has its own rights, and drops them. */
#ifndef FORKSCOPE_BENCH_RECORDER_H
#define FORKSCOPE_BENCH_RECORDER_H

#include <limits.h>
#include "vmm/process.h"

struct fs_recorder {
	struct fs_process process;
	char log[PATH_MAX + 16];
	int status; /* its exit status, once ended; -1 = it was killed */
};

/*
 * Starts recording into @path with the further arguments @more (NULL-terminated, may be NULL), and
 * waits until it is armed. What it says goes to PATH.log. Returns 0 or a negative errno with a
 * sentence in @err.
 */
int fs_recorder_start(struct fs_recorder *r, const char *path, char *const *more, char *err,
		      size_t len);

/* Ends the recording. Returns 0 (see r->status), or a negative errno with a sentence in @err. */
int fs_recorder_stop(struct fs_recorder *r, char *err, size_t len);

#endif
