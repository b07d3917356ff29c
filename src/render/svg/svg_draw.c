// SPDX-License-Identifier: BSD-2-Clause
/* What all pictures are drawn with: escaped text, the document's head, the names of frames. */
#include <stdarg.h>
#include <stdlib.h>
#include "base/err.h"
#include "render/svg/svg_parts.h"

void svg_xml(FILE *out, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			/* the only characters that this program makes are ASCII */
			fputc(*s >= ' ' && *s <= '~' ? *s : '?', out);
		}
	}
}

void svg_text(FILE *out, double x, double y, const char *style, const char *fmt, ...)
{
	char *text;
	va_list args;

	va_start(args, fmt);
	text = fs_vsentence(fmt, args);
	va_end(args);
	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\"%s%s>", x, y, *style ? " " : "", style);
	svg_xml(out, text ? text : "(out of memory)");
	fputs("</text>\n", out);
	free(text);
}

void svg_open(FILE *out, const char *title, int height)
{
	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" width=\"%d\" "
		"height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"%s\" font-size=\"12\" fill=\"#111\">\n<title>",
		SVG_WIDTH, height, SVG_WIDTH, height, SVG_FONT);
	svg_xml(out, title);
	fprintf(out, "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", SVG_WIDTH,
		height);
}

void svg_tools(FILE *out)
{
	/* shown by the script: without it they would be dead */
	fprintf(out,
		"<g id=\"tools\" visibility=\"hidden\" fill=\"#0645ad\">"
		"<text id=\"reset\" x=\"%d\" y=\"30\" text-anchor=\"end\" cursor=\"pointer\">reset "
		"zoom</text><text id=\"search\" x=\"%d\" y=\"30\" text-anchor=\"end\" cursor=\"pointer\">search (Ctrl-F)</text></g>\n"
		"<text id=\"info\" x=\"%d\" y=\"88\" fill=\"#444\"> </text>\n",
		SVG_WIDTH - SVG_MARGIN - 150, SVG_WIDTH - SVG_MARGIN, SVG_MARGIN);
}

const char *svg_name(const struct fsv_node *n)
{
	return n->kind == FSV_F_BUCKET && n->depth ? fsa_bucket_title((enum fsa_bucket)n->bucket)
						   : n->name;
}
