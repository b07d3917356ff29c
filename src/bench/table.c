// SPDX-License-Identifier: BSD-2-Clause
/* The experiment's table: one row per arm, avg / p50 / max of each column, the first fork apart. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "bench/result.h"
#include "stats/stats.h"

#define CELL 21 /* "1234.5 / 1234 / 12345" */

/* The values of one cell, in ms; returns how many. @v has room for all forks. */
static size_t collect(const struct fs_bench *b, size_t arm, bool first, enum fsx_column c,
		      double *v)
{
	size_t n = 0;

	for (size_t i = 0; i < b->forks.n; i++) {
		const struct fs_fork_result *r = &b->forks.v[i];
		uint64_t ns =
			r->arm == arm && r->first == first ? fs_bench_value(b, r, c) : UINT64_MAX;

		if (ns != UINT64_MAX)
			v[n++] = (double)ns / 1e6;
	}
	return n;
}

static void cell(const struct fs_bench *b, size_t arm, enum fsx_column c, double *v, FILE *out)
{
	size_t n = collect(b, arm, false, c, v);
	char text[64] = "-";
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i];
	if (n && !fss_sort(v, n))
		snprintf(text, sizeof(text), "%.1f / %.0f / %.0f", sum / (double)n,
			 fss_median(v, n), v[n - 1]);
	fprintf(out, "  %*s", CELL, text);
}

static void first_fork(const struct fs_bench *b, size_t arm, double *v, FILE *out)
{
	size_t n = collect(b, arm, true, FSX_COL_TOTAL, v);

	if (n)
		fprintf(out, "  %7.0f\n", v[0]);
	else
		fprintf(out, "  %7s\n", "-");
}

void fs_bench_others(const struct fs_bench *b, FILE *out)
{
	static const struct {
		enum fs_fork_end end;
		const char *text;
	} rows[] = {{FS_FORK_FELL_BACK, "fell back (no ack within the time-out)"},
		    {FS_FORK_FAILED, "failed"},
		    {FS_FORK_STOPPED, "stopped by the user"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = fs_bench_count(b, SIZE_MAX, rows[i].end);

		if (!n)
			continue;
		fprintf(out, "%zu of %zu forks %s:", n, b->forks.n, rows[i].text);
		for (size_t a = 0; a < b->narms; a++)
			if (fs_bench_count(b, a, rows[i].end))
				fprintf(out, " %zu in %s", fs_bench_count(b, a, rows[i].end),
					b->arms[a].name);
		fputc('\n', out);
	}
}

static int width(const struct fs_bench *b)
{
	size_t w = strlen("arm");

	for (size_t i = 0; i < b->narms; i++)
		if (strlen(b->arms[i].name) > w)
			w = strlen(b->arms[i].name);
	return (int)w;
}

void fs_bench_table(const struct fs_bench *b, FILE *out)
{
	double *v = calloc(b->forks.n + 1, sizeof(*v));
	int w = width(b);

	if (!v)
		return;
	fprintf(out,
		"avg / p50 / max in ms, the first fork of each arm apart (its total alone); "
		"seed %" PRIu64 "\n",
		b->o.seed);
	fprintf(out, "%-*s  %3s", w, "arm", "n");
	for (unsigned int c = 0; c < FSX_NCOLUMNS; c++)
		fprintf(out, "  %*s", CELL, fsx_column_title((enum fsx_column)c));
	fprintf(out, "  %7s\n", "first");
	for (size_t a = 0; a < b->narms; a++) {
		size_t n = 0;

		for (size_t i = 0; i < b->forks.n; i++)
			n += b->forks.v[i].arm == a && !b->forks.v[i].first &&
			     b->forks.v[i].end == FS_FORK_DONE;
		fprintf(out, "%-*s  %3zu", w, b->arms[a].name, n);
		for (unsigned int c = 0; c < FSX_NCOLUMNS; c++)
			cell(b, a, (enum fsx_column)c, v, out);
		first_fork(b, a, v, out);
	}
	fs_bench_others(b, out);
	free(v);
}
