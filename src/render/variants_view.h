/* SPDX-License-Identifier: BSD-2-Clause */
/* The variants of an experiment side by side: table, ledgers, comparisons. */
#ifndef FORKSCOPE_RENDER_VARIANTS_H
#define FORKSCOPE_RENDER_VARIANTS_H

#include "experiment/variants.h"
#include "render/view.h"

void fsv_variants_text(const struct fsv_view *v, const struct fsx_variants *b, FILE *out);
int fsv_variants_json(const struct fsv_view *v, const struct fsx_variants *b,
		      FILE *out); /* 0, -ENOMEM, -EIO */
/* One line for each fork, with a heading; an empty field is not known, "endless" without an end. */
void fsv_variants_csv(const struct fsx_variants *b, FILE *out);

#endif
