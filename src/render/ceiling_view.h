/* SPDX-License-Identifier: BSD-2-Clause */
/* forkscope prefetch ceiling: what came of each hypothesis, as text and as JSON. */
#ifndef FORKSCOPE_RENDER_CEILING_H
#define FORKSCOPE_RENDER_CEILING_H

#include "experiment/ceiling.h"
#include "experiment/groups.h"
#include "render/view.h"

struct fsv_ceilings {
	const struct fsv_view *view;
	const struct fsx_groups *groups;
	struct fsx_hypothesis *hyps;
	size_t nhyps;
	bool mechanisms[FSX_NMECHANISMS]; /* those to show */
	struct fsx_left left;
};

/* 0 or -ENOMEM; json also -EIO. */
int fsv_ceiling_text(const struct fsv_ceilings *c, FILE *out);
int fsv_ceiling_json(const struct fsv_ceilings *c, FILE *out);

#endif
