/* SPDX-License-Identifier: BSD-2-Clause */
/* forkscope prefetch test: the verdict and what it rests on, as text and as JSON. */
#ifndef FORKSCOPE_RENDER_ABTEST_H
#define FORKSCOPE_RENDER_ABTEST_H

#include <jansson.h>
#include "experiment/abtest.h"
#include "render/view.h"

struct fsv_abtest {
	const struct fsx_abtest *test;
	const struct fsv_view *a, *b; /* the recordings; the same one twice for variants of one */
	const char *ranges;           /* as asked; NULL = none */
	const json_t *run;            /* how the forks were made; NULL = not known */
};

void fsv_abtest_text(const struct fsv_abtest *t, FILE *out);
int fsv_abtest_json(const struct fsv_abtest *t, FILE *out); /* 0, -ENOMEM or -EIO */

#endif
