// SPDX-License-Identifier: BSD-2-Clause
/* The experiment's table: one row per variant, avg / p50 / max of each column, the first fork
 * apart. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "bench/result.h"
#include "stats/stats.h"

#define CELL 21 /* "1234.5 / 1234 / 12345" */

/* Was it resumed, and not stopped by the user before it could come to an end? */
static bool counts(const struct fs_fork_result *r)
{
	return r->end == FS_FORK_DONE ||
	       (r->resumed_ns && (r->end == FS_FORK_FELL_BACK || r->end == FS_FORK_FAILED));
}

/* In ms; infinite: it never came to that end, as in the recording's table; NAN: no such value. */
static double value(const struct fs_bench *b, const struct fs_fork_result *r, enum fsx_column c)
{
	uint64_t ns = fs_bench_value(b, r, c), mailbox = fs_fork_ack(r, "mailbox");

	if (ns != UINT64_MAX)
		return (double)ns / 1e6;
	if (r->end == FS_FORK_DONE || !counts(r) || (c == FSX_COL_APPLY && !mailbox))
		return NAN;
	if (c == FSX_COL_MAILBOX && mailbox)
		return (double)(mailbox - r->resume_ns) / 1e6;
	return INFINITY;
}

/* The values of one cell; returns how many. @v has room for all forks. */
static size_t collect(const struct fs_bench *b, size_t variant, bool first, enum fsx_column c,
		      double *v)
{
	size_t n = 0;

	for (size_t i = 0; i < b->forks.n; i++) {
		const struct fs_fork_result *r = &b->forks.v[i];

		if (r->variant != variant || r->first != first)
			continue;
		v[n] = value(b, r, c);
		n += !isnan(v[n]);
	}
	return n;
}

static char *ms(double x, int digits, char *buf, size_t len)
{
	if (isinf(x))
		snprintf(buf, len, "no end");
	else
		snprintf(buf, len, "%.*f", digits, x);
	return buf;
}

static void cell(const struct fs_bench *b, size_t variant, enum fsx_column c, double *v, FILE *out)
{
	size_t n = collect(b, variant, false, c, v);
	char text[64] = "-", avg[16] = "-", p50[16], max[16];
	size_t ended = 0;
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		if (!isinf(v[i])) {
			sum += v[i];
			ended++;
		}
	if (ended)
		ms(sum / (double)ended, 1, avg, sizeof(avg));
	if (n && !fss_sort(v, n))
		snprintf(text, sizeof(text), "%s / %s / %s", avg,
			 ms(fss_quantile(v, n, 0.5), 0, p50, sizeof(p50)),
			 ms(v[n - 1], 0, max, sizeof(max)));
	fprintf(out, "  %*s", CELL, text);
}

static void first_fork(const struct fs_bench *b, size_t variant, double *v, FILE *out)
{
	size_t n = collect(b, variant, true, FSX_COL_TOTAL, v);
	char text[16];

	fprintf(out, "  %7s\n", n ? ms(v[0], 0, text, sizeof(text)) : "-");
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
		n = 0;
		for (size_t a = 0; a < b->nvariants; a++)
			if (fs_bench_count(b, a, rows[i].end))
				fprintf(out, "%s %zu in %s", n++ ? "," : "",
					fs_bench_count(b, a, rows[i].end), b->variants[a].name);
		fputc('\n', out);
	}
}

static int width(const struct fs_bench *b)
{
	size_t w = strlen("variant");

	for (size_t i = 0; i < b->nvariants; i++)
		if (strlen(b->variants[i].name) > w)
			w = strlen(b->variants[i].name);
	return (int)w;
}

void fs_bench_table(const struct fs_bench *b, FILE *out)
{
	double *v = calloc(b->forks.n + 1, sizeof(*v));
	int w = width(b);

	if (!v)
		return;
	fprintf(out,
		"avg / p50 / max in ms, the first fork of each variant apart (its total alone); seed %" PRIu64
		"\n",
		b->o.seed);
	fprintf(out, "%-*s  %3s", w, "variant", "n");
	for (unsigned int c = 0; c < FSX_NCOLUMNS; c++)
		fprintf(out, "  %*s", CELL, fsx_column_title((enum fsx_column)c));
	fprintf(out, "  %7s\n", "first");
	for (size_t a = 0; a < b->nvariants; a++) {
		size_t n = 0;

		for (size_t i = 0; i < b->forks.n; i++)
			n += b->forks.v[i].variant == a && !b->forks.v[i].first &&
			     counts(&b->forks.v[i]);
		fprintf(out, "%-*s  %3zu", w, b->variants[a].name, n);
		for (unsigned int c = 0; c < FSX_NCOLUMNS; c++)
			cell(b, a, (enum fsx_column)c, v, out);
		first_fork(b, a, v, out);
	}
	fs_bench_others(b, out);
	free(v);
}
