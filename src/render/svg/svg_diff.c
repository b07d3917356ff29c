// SPDX-License-Identifier: BSD-2-Clause
/*
 * The difference of two cohorts as a flame graph, means per fork. A frame is as wide as the larger
 * of its two times (what it holds itself, and its children), so that what has gone in B can still
 * be seen; red: B has more of it, blue: less, the stronger the larger the share that changed.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "render/diff_view.h"
#include "render/format_values.h"
#include "render/svg/svg_parts.h"

#define HEAD           104
#define MAX_DEPTH      26
#define MIN_PX         0.05
#define ROW_PX         2
#define PAD            4
#define MAX_PATH_SHOWN 50

struct pen {
	FILE *out;
	size_t na, nb;      /* forks */
	double total;       /* width of the root, ns */
	unsigned int depth; /* deepest row that is drawn */
	size_t hidden;
};

static double of_a(const struct pen *p, uint64_t ns)
{
	return (double)ns / (double)p->na;
}

static double of_b(const struct pen *p, uint64_t ns)
{
	return (double)ns / (double)p->nb;
}

/* The width of a frame: the larger of what it holds itself, and its children. */
static double width(const struct pen *p, const struct fsv_node *n)
{
	double w = fmax(of_a(p, n->self_ns), of_b(p, n->b_self_ns));

	for (const struct fsv_node *c = n->child; c; c = c->next)
		w += width(p, c);
	return w;
}

static void deepest(struct pen *p, const struct fsv_node *n)
{
	if (n->depth > p->depth)
		p->depth = n->depth;
	for (const struct fsv_node *c = n->child; c; c = c->next)
		if (width(p, c) >= p->total * ROW_PX / SVG_INNER)
			deepest(p, c);
}

/* White to red or blue; black text stays legible on all of them. */
static void colour(double a, double b, char *buf, size_t len)
{
	double share = fmax(a, b) > 0 ? (b - a) / fmax(a, b) : 0; /* -1 (gone) to 1 (new) */
	int strong = (int)(150 * fmin(1, fabs(share)) + 0.5);

	if (fabs(share) < 0.005)
		snprintf(buf, len, "#f4f4f4");
	else if (share > 0)
		snprintf(buf, len, "#ff%02x%02x", 235 - strong * 2 / 3, 235 - strong * 2 / 3);
	else
		snprintf(buf, len, "#%02x%02xff", 235 - strong * 2 / 3, 240 - strong / 2);
}

static void change(double a, double b, char *buf, size_t len)
{
	char t[FS_UNITS_LEN];

	snprintf(buf, len, "%c%s", b < a ? '-' : '+',
		 fs_fmt_ns((uint64_t)(fabs(b - a) + 0.5), t, sizeof(t)));
}

static void frame(struct pen *p, const struct fsv_node *n, double at, int y0)
{
	double a = of_a(p, n->ns), b = of_b(p, n->b_ns), w = width(p, n);
	double px = w / p->total * SVG_INNER, x = SVG_MARGIN + at / p->total * SVG_INNER;
	int y = y0 + (int)n->depth * SVG_ROW, room = (int)((px - 2 * PAD) / SVG_CHAR);
	char fill[16], diff[40], text[FSV_WORD_LEN + 80], t[2][FS_UNITS_LEN];

	if (n->depth > p->depth)
		return;
	if (px < MIN_PX) {
		p->hidden++;
		return;
	}
	colour(a, b, fill, sizeof(fill));
	change(a, b, diff, sizeof(diff));
	fprintf(p->out, "<g class=\"f\" data-x=\"%.0f\" data-w=\"%.0f\" data-d=\"%u\" data-n=\"",
		at, w, n->depth);
	svg_xml(p->out, svg_name(n));
	fprintf(p->out, "\" data-s=\"%s\"><title>", diff);
	snprintf(text, sizeof(text), "%s: %s in A, %s in B, %s", svg_name(n),
		 fs_fmt_ns((uint64_t)(a + 0.5), t[0], sizeof(t[0])),
		 fs_fmt_ns((uint64_t)(b + 0.5), t[1], sizeof(t[1])), diff);
	svg_xml(p->out, text);
	fprintf(p->out,
		"</title><rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" fill=\"%s\"%s/>", x,
		y, px, SVG_ROW - 1, fill, px > 2 ? " stroke=\"#888\" stroke-width=\"0.4\"" : "");
	if (room >= 3) {
		int len = snprintf(text, sizeof(text), "%s: %s", svg_name(n), diff);

		if (len > room)
			len = snprintf(text, sizeof(text), "%s", svg_name(n));
		if (len > room)
			snprintf(text + (room - 2), 3, "..");
		svg_text(p->out, x + PAD, y + 14,
			 n->kind <= FSV_F_CAUSE ? "font-weight=\"bold\"" : "", "%s", text);
	}
	fputs("</g>\n", p->out);
	for (const struct fsv_node *c = n->child; c; c = c->next) {
		frame(p, c, at, y0);
		at += width(p, c);
	}
}

/* The end of a path distinguishes two recordings, where there is no room for both in full. */
static const char *tail(const char *path)
{
	size_t n = path ? strlen(path) : 0;

	return n > MAX_PATH_SHOWN ? path + n - MAX_PATH_SHOWN : n ? path : "(no file)";
}

static void head(const struct fsv_diff *d, const struct pen *p, int height)
{
	const struct fsx_diff_row *gap = &d->diff.v[0].rows[0];
	char name[64], path[2][80], t[4][FS_UNITS_LEN + 2], line[400];

	snprintf(line, sizeof(line), "cohort \"%s\": B against A",
		 fsv_clean(d->diff.v[0].a->name, name, sizeof(name)));
	svg_open(p->out, line, height);
	svg_text(p->out, SVG_MARGIN, 30, "font-size=\"18\" font-weight=\"bold\"", "%s", line);
	svg_text(p->out, SVG_MARGIN, 50, "fill=\"#444\"",
		 "A: %s, n = %zu forks; B: %s, n = %zu forks; means per fork",
		 fsv_clean(tail(d->a->path), path[0], sizeof(path[0])), p->na,
		 fsv_clean(tail(d->b->path), path[1], sizeof(path[1])), p->nb);
	if (!isfinite(gap->lo) || !isfinite(gap->hi)) {
		snprintf(line, sizeof(line), "gap: too few forks for an interval");
	} else {
		change(0, gap->shift, t[0], sizeof(t[0]));
		change(0, gap->lo, t[1], sizeof(t[1]));
		change(0, gap->hi, t[2], sizeof(t[2]));
		snprintf(line, sizeof(line), "gap: B - A is %s, 95 %% interval %s .. %s (%s)", t[0],
			 t[1], t[2],
			 gap->finding == FSX_D_LONGER || gap->finding == FSX_D_SHORTER
				 ? fsx_diff_finding_name(gap->finding)
				 : "no finding");
	}
	svg_text(p->out, SVG_MARGIN, 70, "font-weight=\"bold\"", "%s", line);
	svg_tools(p->out);
}

static bool is_split(const struct fsa_cohort *c)
{
	return c->forks[0]->guest.used;
}

static int add_side(struct fsv_tree *t, const struct fsv_view *v, const struct fsa_cohort *c,
		    unsigned int flags, size_t *n)
{
	for (size_t i = 0; i < c->n; i++) {
		if (!c->forks[i]->complete)
			continue;
		(*n)++;
		if (fsv_tree_add(t, v, c->forks[i], flags | FSV_TREE_MERGE))
			return -ENOMEM;
	}
	return 0;
}

static void draw(const struct fsv_diff *d, struct pen *p, const struct fsv_tree *tree)
{
	int height;

	p->total = width(p, &tree->root);
	if (p->total > 0)
		deepest(p, &tree->root);
	height = HEAD + (int)(p->depth + 1) * SVG_ROW + 50;
	head(d, p, height);
	fputs("<g id=\"flame\">\n", p->out);
	if (p->total > 0)
		frame(p, &tree->root, 0, HEAD);
	fputs("</g>\n", p->out);
	svg_text(
		p->out, SVG_MARGIN, height - 30, "fill=\"#555\" font-size=\"11\"",
		"red: B has more of it, blue: less, grey: the same; a frame is as wide as the larger of the two; order is not time");
	if (p->hidden)
		svg_text(p->out, SVG_MARGIN, height - 14, "fill=\"#555\" font-size=\"11\"",
			 "%zu frames are too thin to draw", p->hidden);
	svg_script(p->out);
	fputs("</svg>\n", p->out);
}

int fsv_diff_svg(const struct fsv_diff *d, FILE *out)
{
	const struct fsx_diff_cohort *c = &d->diff.v[0];
	unsigned int flags = is_split(c->a) || is_split(c->b) ? 0 : FSV_TREE_NO_STAGE;
	struct pen p = {.out = out};
	struct fsv_tree *tree = fsv_tree_new("gap");
	int ret = tree ? 0 : -ENOMEM;

	ret = ret ? ret : add_side(tree, d->a, c->a, flags, &p.na);
	ret = ret ? ret : add_side(tree, d->b, c->b, flags | FSV_TREE_B, &p.nb);
	ret = ret ? ret : fsv_tree_gather_guest(tree, SVG_GATHER);
	if (!ret && p.na && p.nb) {
		fsv_tree_sort(tree);
		draw(d, &p, tree);
	} else if (!ret) {
		ret = -ENODATA;
	}
	fsv_tree_free(tree);
	return ret;
}
