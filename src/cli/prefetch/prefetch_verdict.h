/* SPDX-License-Identifier: BSD-2-Clause */
/* What forkscope prefetch test is asked, and its verdict on recordings. */
#ifndef FORKSCOPE_CLI_PREFETCH_VERDICT_H
#define FORKSCOPE_CLI_PREFETCH_VERDICT_H

#include <jansson.h>
#include "cli/prefetch/prefetch_rec.h"
#include "experiment/ceiling.h"

struct prefetch_asked {
	const struct fs_usage *usage; /* of the command, for what is wrong */
	struct prefetch_window window;
	const char *variants, *delta, *colour;
	unsigned int seed; /* of the resampling */
	bool json;
};

/* What was prefetched in the variant with the prefetch. */
struct prefetch_brought {
	const char *text; /* as asked; NULL: not known, and no h */
	struct fsx_hypothesis h;
	enum fsx_mechanism m;
};

/* What can be said before there is a recording: FS_EXIT_OK, or FS_EXIT_USAGE after saying it. */
int prefetch_check(const struct prefetch_asked *a);

/*
 * Tests two variants, of one recording (@one == @two) or of two, and prints what came of it. @run:
 * how their forks were made, for JSON; NULL = not known. Returns the exit status of the verdict, or
 * FS_EXIT_FAILED or FS_EXIT_USAGE after saying why.
 */
int prefetch_judge(const struct prefetch_asked *a, struct prefetch_rec *one,
		   struct prefetch_rec *two, const struct prefetch_brought *p, const json_t *run);

#endif
