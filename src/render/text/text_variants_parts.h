/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the text about the arms of an experiment (text_arms*.c). */
#ifndef FORKSCOPE_RENDER_TEXT_ARMS_PARTS_H
#define FORKSCOPE_RENDER_TEXT_ARMS_PARTS_H

#include "experiment/variants.h"
#include "render/view.h"

/* Columns of the longest name of an arm. */
int fsv_arm_width(const struct fsx_bench *b);

/* An arm's name as it is shown. Returns @buf, or a constant. */
const char *fsv_arm_name(const struct fsx_bench_arm *a, char *buf, size_t len);

/* Milliseconds, "no end", "-". Returns @buf. */
char *fsv_arm_ms(double ns, int digits, char *buf, size_t len);

/* A table that is too wide goes on below: these of its columns stand side by side. */
struct fsv_arm_part {
	size_t from, end;
};

/* The part behind @p of @n columns, each @wide, after @name columns of names; false: that was all.
 */
bool fsv_arm_next_part(const struct fsv_view *v, struct fsv_arm_part *p, size_t n, int name,
		       int wide);

/* The ledgers side by side; the comparisons of the gaps, and what signals cost. */
void fsv_arms_ledgers(const struct fsv_view *v, const struct fsx_bench *b, FILE *out);
void fsv_arms_comparisons(const struct fsv_view *v, const struct fsx_bench *b, FILE *out);

#endif
