/* SPDX-License-Identifier: BSD-2-Clause */
/* The recording that a verb of forkscope prefetch reads, with its groups of forks. */
#ifndef FORKSCOPE_CLI_PREFETCH_REC_H
#define FORKSCOPE_CLI_PREFETCH_REC_H

#include "base/opts.h"
#include "cli/recording.h"
#include "experiment/groups.h"

/* Options on the window, the same for each verb. */
struct prefetch_window {
	const char *start, *end, *population;
	uint64_t timeout_ns;
	enum fsa_vm_kind kind;
};
#define PREFETCH_WINDOW_OPTS(w)                                                                \
	FS_OPT("--start", NULL, "START", fs_opt_string, &(w)->start,                           \
	       "where the window begins: resume (default), load or spawn"),                    \
		FS_OPT("--end", NULL, "END", fs_opt_string, &(w)->end, "where it ends"),       \
		FS_OPT("--kind", NULL, "KIND", fs_rec_opt_kind, &(w)->kind, FS_REC_KIND_HELP), \
		FS_OPT("--timeout", NULL, "TIME", fs_opt_some_ns, &(w)->timeout_ns,            \
		       "how long to wait for a fork's end"),                                   \
		FS_REC_POPULATION(&(w)->population)

/* A recording with its faults, and its groups of forks. */
struct prefetch_rec {
	struct fs_rec rec;
	struct fsx_groups groups;
};
/* FS_EXIT_OK, or another after saying why: then nothing is left to be closed. */
int prefetch_open(const char *path, const struct prefetch_window *w, struct prefetch_rec *r);
void prefetch_close(struct prefetch_rec *r);

/* The group called @name; NULL: the largest. NULL after saying why. */
const struct fsx_group *prefetch_group(const struct prefetch_rec *r, const char *name);

#endif
