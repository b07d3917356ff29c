/* SPDX-License-Identifier: BSD-2-Clause */
/* The arms of an experiment beside each other: table, ledgers, comparisons. */
#ifndef FORKSCOPE_RENDER_ARMS_H
#define FORKSCOPE_RENDER_ARMS_H

#include "experiment/variants.h"
#include "render/view.h"

void fsv_arms_text(const struct fsv_view *v, const struct fsx_bench *b, FILE *out);
int fsv_arms_json(const struct fsv_view *v, const struct fsx_bench *b,
		  FILE *out); /* 0, -ENOMEM, -EIO */
/* One line for each fork, with a heading; an empty field is not known, "endless" without an end. */
void fsv_arms_csv(const struct fsx_bench *b, FILE *out);

#endif
