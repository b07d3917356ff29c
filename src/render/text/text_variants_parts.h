/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the text about the variants of an experiment (text_variants*.c). */
#ifndef FORKSCOPE_RENDER_TEXT_VARIANTS_PARTS_H
#define FORKSCOPE_RENDER_TEXT_VARIANTS_PARTS_H

#include "experiment/variants.h"
#include "render/view.h"

/* Columns of the longest name of a variant. */
int fsv_variant_width(const struct fsx_variants *b);

/* A variant's name as it is shown. Returns @buf, or a constant. */
const char *fsv_variant_name(const struct fsx_variant *a, char *buf, size_t len);

/* Milliseconds, "no end", "-". Returns @buf. */
char *fsv_variant_ms(double ns, int digits, char *buf, size_t len);

/* A table that is too wide goes on below: these of its columns stand side by side. */
struct fsv_variant_part {
	size_t from, end;
};

/* The part behind @p of @n columns, each @wide, after @name columns of names; false: that was all.
 */
bool fsv_variant_next_part(const struct fsv_view *v, struct fsv_variant_part *p, size_t n, int name,
			   int wide);

/* The ledgers side by side; the comparisons of the gaps, and what signals cost. */
void fsv_variants_ledgers(const struct fsv_view *v, const struct fsx_variants *b, FILE *out);
void fsv_variants_comparisons(const struct fsv_view *v, const struct fsx_variants *b, FILE *out);

#endif
