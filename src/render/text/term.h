/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text report's tools: colours, rules, bars, paragraphs. 100 columns; where the terminal is
 * known to have fewer (from 80 on), all of it fits; tables use more where there are more.
 */
#ifndef FORKSCOPE_TERM_H
#define FORKSCOPE_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "render/view.h"

#define FSV_COLUMNS 100

/* Columns for tables: those of the terminal, 80 to 200; 100 where it is not known. */
unsigned int fsv_columns(const struct fsv_view *v);

/*
 * From here on rules and paragraphs are as wide as the view, but no wider than FSV_COLUMNS. What
 * writes a text calls it first. (A paragraph has no view; one text is written at a time.)
 */
void fsv_set_width(const struct fsv_view *v);

enum fsv_tone { FSV_T_PLAIN, FSV_T_BOLD, FSV_T_DIM, FSV_T_GOOD, FSV_T_BAD };

/* Each prints nothing when the view has no colours. */
void fsv_tone(const struct fsv_view *v, FILE *out, enum fsv_tone t);
void fsv_bucket_tone(const struct fsv_view *v, FILE *out, enum fsa_bucket b);

/* "== title =====...", the whole line. */
void fsv_rule(const struct fsv_view *v, FILE *out, const char *title);

/* A small heading, bold, on lines of its own after an empty one. */
void fsv_heading(const struct fsv_view *v, FILE *out, const char *text);

/* @share (0 to 1) of @width cells; the smallest share that is not 0 shows one cell. */
void fsv_bar(const struct fsv_view *v, FILE *out, enum fsa_bucket b, double share, int width);

/*
 * A paragraph: broken at blanks within the width, the first line at @indent, the others at
 * @hang. The text is cleaned of control characters.
 */
void fsv_para(FILE *out, int indent, int hang, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The same behind what already stands on the line, up to column @column. */
void fsv_para_on(FILE *out, int column, int hang, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
