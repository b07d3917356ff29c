/* SPDX-License-Identifier: BSD-2-Clause */
/* forkscope prefetch export: a working set in the formats that prefetchers read. */
#ifndef FORKSCOPE_RENDER_WORKSET_H
#define FORKSCOPE_RENDER_WORKSET_H

#include "experiment/groups.h"
#include "experiment/workset.h"
#include "render/view.h"

struct fsv_workset {
	const struct fsv_view *view;
	const struct fsx_group *group;
	struct fsx_workset set;
	size_t min_forks;
	uint64_t gap;            /* bytes */
	struct fs_ranges ranges; /* what is exported, in the order of first touch */
	uint64_t *at;            /* of each */
};

/* What is not in the set because it is of other files, in words; NULL: nothing. */
const char *fsv_workset_left_out(const struct fsv_workset *w, char *buf, size_t len);

#define FSV_WORKSET_BEGINS "# forkscope working set: "
void fsv_workset_ranges(const struct fsv_workset *w, FILE *out);
/*
 * A hot-page list, which holds the pages of one memory file. Returns 0, or -ENOTSUP with the reason
 * in @why where they have no place in one: then nothing was written. @out NULL: it only looks.
 */
int fsv_workset_hpl(const struct fsv_workset *w, FILE *out, char *why, size_t len);
int fsv_workset_json(const struct fsv_workset *w, FILE *out); /* 0, -ENOMEM or -EIO */

#endif
