// SPDX-License-Identifier: BSD-2-Clause
/* Colours, rules, bars and paragraphs of the text reports. */
#include "render/text/term.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"

unsigned int fsv_columns(const struct fsv_view *v)
{
	if (!v->columns)
		return FSV_COLUMNS;
	return v->columns < 80 ? 80 : v->columns > 200 ? 200 : v->columns;
}

static int width = FSV_COLUMNS;

void fsv_set_width(const struct fsv_view *v)
{
	width = fsv_columns(v) < FSV_COLUMNS ? (int)fsv_columns(v) : FSV_COLUMNS;
}

void fsv_tone(const struct fsv_view *v, FILE *out, enum fsv_tone t)
{
	static const char *const sgr[] = {
		[FSV_T_PLAIN] = "\033[0m",   [FSV_T_BOLD] = "\033[1m",   [FSV_T_DIM] = "\033[2m",
		[FSV_T_GOOD] = "\033[1;32m", [FSV_T_BAD] = "\033[1;31m",
	};

	if (v->colour)
		fputs(sgr[t], out);
}

void fsv_bucket_tone(const struct fsv_view *v, FILE *out, enum fsa_bucket b)
{
	static const char *const sgr[FSA_NBUCKETS] = {
		[FSA_B_MEMORY] = "\033[31m", [FSA_B_VCPU] = "\033[34m",
		[FSA_B_SIGNAL] = "\033[32m", [FSA_B_GUEST] = "\033[36m",
		[FSA_B_TRACER] = "\033[35m", [FSA_B_UNKNOWN] = "\033[33m",
	};

	if (v->colour && b < FSA_NBUCKETS && sgr[b])
		fputs(sgr[b], out);
}

void fsv_rule(const struct fsv_view *v, FILE *out, const char *title)
{
	int n;

	fsv_tone(v, out, FSV_T_BOLD);
	n = fprintf(out, "== %s ", title);
	for (; n < width; n++)
		fputc('=', out);
	fsv_tone(v, out, FSV_T_PLAIN);
	fputc('\n', out);
}

void fsv_heading(const struct fsv_view *v, FILE *out, const char *text)
{
	fputc('\n', out);
	fsv_tone(v, out, FSV_T_BOLD);
	fsv_para(out, 0, 2, "%s", text);
	fsv_tone(v, out, FSV_T_PLAIN);
}

void fsv_bar(const struct fsv_view *v, FILE *out, enum fsa_bucket b, double share, int wide)
{
	int cells = (int)(share * wide + 0.5);

	if (!cells && share > 0)
		cells = 1;
	if (cells > wide)
		cells = wide;
	fsv_bucket_tone(v, out, b);
	for (int i = 0; i < cells; i++)
		fputc('#', out);
	fsv_tone(v, out, FSV_T_PLAIN);
	for (int i = cells; i < wide; i++)
		fputc('.', out);
}

/* As long as it comes out, and nothing in it that a terminal would obey. */
static void flow(FILE *out, int col, int hang, const char *fmt, va_list args)
{
	char *text = fs_vsentence(fmt, args);
	const char *p = text ? text : "(out of memory)";

	for (bool first = true; *p; first = false) {
		int word = (int)strcspn(p, " ");

		if (!first && col + 1 + word > width) {
			fprintf(out, "\n%*s", hang, "");
			col = hang;
		} else if (!first) {
			fputc(' ', out);
			col++;
		}
		for (int i = 0; i < word; i++)
			fputc(p[i] >= ' ' && p[i] <= '~' ? p[i] : '?', out);
		col += word;
		p += word;
		p += strspn(p, " ");
	}
	fputc('\n', out);
	free(text);
}

void fsv_para(FILE *out, int indent, int hang, const char *fmt, ...)
{
	va_list args;

	fprintf(out, "%*s", indent, "");
	va_start(args, fmt);
	flow(out, indent, hang, fmt, args);
	va_end(args);
}

void fsv_para_on(FILE *out, int column, int hang, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	flow(out, column, hang, fmt, args);
	va_end(args);
}
