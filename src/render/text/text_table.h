/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of the text report, fitted to the terminal: where there is no room for all columns some
 * leave, in an order that each table states.
 */
#ifndef FORKSCOPE_TABLE_H
#define FORKSCOPE_TABLE_H

#include <stddef.h>
#include <stdio.h>
#include "render/view.h"

struct fsv_column {
	const char *head;
	int before; /* blanks before it */
	int width;  /* negative: to the left; 0: the rest of the line (the last column only) */
	int leaves; /* 1 leaves first, then 2, ...; 0 stays */
};

struct fsv_table {
	const struct fsv_column *cols;
	size_t n;
	unsigned int shown; /* a bit for each column */
	int room;           /* of the column that has the rest of the line */
};

/*
 * Chooses the columns: they fit into those of the view (fsv_columns), with at least @rest for the
 * last one if that has the rest of the line, and for what the caller prints behind the last.
 */
void fsv_table_fit(struct fsv_table *t, const struct fsv_view *v, const struct fsv_column *cols,
		   size_t n, int rest);

/* One cell, if its column is there; the rest of the line is cut to what there is. */
void fsv_table_cell(const struct fsv_table *t, FILE *out, size_t i, const char *text);

/* A line of cells, one for each column; the heads. */
void fsv_table_row(const struct fsv_table *t, FILE *out, const char *const *cells);
void fsv_table_head(const struct fsv_table *t, FILE *out);

#endif
