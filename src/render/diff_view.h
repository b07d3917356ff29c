/* SPDX-License-Identifier: BSD-2-Clause */
/* forkscope diff: two recordings against each other, as text, JSON and a picture. */
#ifndef FORKSCOPE_RENDER_DIFF_H
#define FORKSCOPE_RENDER_DIFF_H

#include "experiment/diff.h"
#include "render/view.h"

struct fsv_diff {
	const struct fsv_view *a, *b;
	struct fsx_diff diff; /* of their results */
};

/*
 * Whether the two recordings can be compared: calls @say for each reason why the difference may
 * come from elsewhere (another end of the window, kernel, VMM, number of vCPUs).
 */
void fsv_diff_doubts(const struct fsv_diff *d, void (*say)(void *arg, const char *sentence),
		     void *arg);

void fsv_diff_text(const struct fsv_diff *d, FILE *out);
int fsv_diff_json(const struct fsv_diff *d, FILE *out); /* 0, -ENOMEM or -EIO */
/* The difference of the two means of the first cohort as a flame graph. 0 or -ENOMEM. */
int fsv_diff_svg(const struct fsv_diff *d, FILE *out);

#endif
