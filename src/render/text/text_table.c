// SPDX-License-Identifier: BSD-2-Clause
/* Fits the columns of a table to the terminal. */
#include "render/text/text_table.h"
#include <stdlib.h>
#include "render/text/term.h"

static int used(const struct fsv_table *t)
{
	int sum = 0;

	for (size_t i = 0; i < t->n; i++)
		if (t->shown & 1u << i)
			sum += t->cols[i].before + abs(t->cols[i].width);
	return sum;
}

static int most_leaving(const struct fsv_table *t)
{
	int most = 0;

	for (size_t i = 0; i < t->n; i++)
		most = t->cols[i].leaves > most ? t->cols[i].leaves : most;
	return most;
}

void fsv_table_fit(struct fsv_table *t, const struct fsv_view *v, const struct fsv_column *cols,
		   size_t n, int rest)
{
	int columns = (int)fsv_columns(v), most;

	*t = (struct fsv_table){.cols = cols, .n = n, .shown = (1u << n) - 1};
	most = most_leaving(t);
	for (int next = 1; next <= most && used(t) + rest > columns; next++)
		for (size_t i = 0; i < n; i++)
			if (cols[i].leaves == next)
				t->shown &= ~(1u << i);
	t->room = columns - used(t);
	if (t->room < rest)
		t->room = rest;
}

void fsv_table_cell(const struct fsv_table *t, FILE *out, size_t i, const char *text)
{
	const struct fsv_column *c = &t->cols[i];

	if (!(t->shown & 1u << i))
		return;
	if (c->width)
		fprintf(out, "%*s%*s", c->before, "", c->width, text);
	else
		fprintf(out, "%*s%.*s", c->before, "", t->room, text);
}

void fsv_table_row(const struct fsv_table *t, FILE *out, const char *const *cells)
{
	for (size_t i = 0; i < t->n; i++)
		fsv_table_cell(t, out, i, cells[i]);
	fputc('\n', out);
}

void fsv_table_head(const struct fsv_table *t, FILE *out)
{
	for (size_t i = 0; i < t->n; i++)
		fsv_table_cell(t, out, i, t->cols[i].head);
	fputc('\n', out);
}
