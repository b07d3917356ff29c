// SPDX-License-Identifier: BSD-2-Clause
/* The frames of a flame graph. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/units.h"
#include "render/palette.h"
#include "render/svg/svg_parts.h"

#define MAX_DEPTH 26   /* rows that are drawn; a search or a zoom reaches no deeper */
#define MIN_PX    0.05 /* a frame thinner than that is not drawn, but counted */
#define ROW_PX    2    /* the rows end where no frame is wider than that */
#define MIN_LABEL 3    /* characters below which a label says nothing */
#define PAD       4

struct pen {
	struct svg *g;
	double px_per_ns;
	size_t hidden;
	uint64_t hidden_ns;
	unsigned int max_depth;
};

static void deepest(const struct fsv_node *n, double min_ns, unsigned int *depth)
{
	if (n->depth > *depth)
		*depth = n->depth;
	for (const struct fsv_node *c = n->child; c; c = c->next)
		if ((double)c->ns >= min_ns)
			deepest(c, min_ns, depth);
}

static unsigned int rows(const struct svg *g)
{
	unsigned int depth = 0;

	deepest(&g->tree->root, (double)g->tree->root.ns * ROW_PX / SVG_INNER, &depth);
	return (depth < MAX_DEPTH ? depth : MAX_DEPTH) + 1;
}

int svg_flame_height(const struct svg *g)
{
	return (int)rows(g) * SVG_ROW + 26;
}

static const char *colour(const struct fsv_node *n)
{
	if (!n->depth)
		return "#dddddd";
	if (n->kind == FSV_F_BUCKET)
		return fsv_bucket_colour((enum fsa_bucket)n->bucket);
	if (n->kind == FSV_F_STAGE)
		return fsv_stage_colour((enum fsa_stage)n->rank);
	if (n->kind == FSV_F_CAUSE)
		return fsv_cause_colour((enum fsa_cause)n->cause);
	return fsv_detail_colour((enum fsa_cause)n->cause);
}

/* A name of the guest's without "guest:" or "task:": the row and the colour say the rest. */
static const char *bare_guest(const char *name)
{
	const char *colon = strchr(name, ':');

	return colon ? colon + 1 : name;
}

/* The label cut to the frame; the outer frames, which are the answer, carry their time as well. */
static void label(const struct pen *p, const struct fsv_node *n, double x, double y, double w)
{
	int room = (int)((w - 2 * PAD) / SVG_CHAR);
	char text[FSV_WORD_LEN + 64], t[FS_UNITS_LEN], pct[16];
	const char *name = svg_name(n);
	uint64_t total = p->g->tree->root.ns;
	int len;

	if (room < MIN_LABEL)
		return;
	len = snprintf(text, sizeof(text), "%s: %s, %s", name,
		       fs_fmt_ns(n->ns / p->g->n, t, sizeof(t)),
		       fsv_pct(n->ns, total, pct, sizeof(pct)));
	if (n->kind == FSV_F_HOST || len > room)
		len = snprintf(text, sizeof(text), "%s", name);
	/* "major" says more than "faul..": the family stands in the row above */
	if (n->kind == FSV_F_CAUSE && len > room && strchr(name, '.'))
		len = snprintf(text, sizeof(text), "%s", strchr(name, '.') + 1);
	if ((n->kind == FSV_F_GUEST || n->kind == FSV_F_TASK) && len > room) {
		name = bare_guest(name);
		len = snprintf(text, sizeof(text), "%.*s", (int)strcspn(name, "["), name);
		while (len && text[len - 1] == ' ')
			text[--len] = '\0';
	}
	if (len > room)
		snprintf(text + (room - 2), 3, "..");
	svg_text(p->g->out, x + PAD, y + 14, n->kind <= FSV_F_CAUSE ? "font-weight=\"bold\"" : "",
		 "%s", text);
}

static void frame(struct pen *p, const struct fsv_node *n, uint64_t at)
{
	FILE *out = p->g->out;
	double x = SVG_MARGIN + (double)at * p->px_per_ns, w = (double)n->ns * p->px_per_ns;
	double y = p->g->y + (double)n->depth * SVG_ROW;
	char t[FS_UNITS_LEN], pct[16], title[FSV_WORD_LEN + 128];

	if (n->depth > p->max_depth)
		return; /* the frame that it is in is drawn */
	if (w < MIN_PX) {
		p->hidden++;
		p->hidden_ns += n->ns;
		return;
	}
	fprintf(out,
		"<g class=\"f\" data-x=\"%" PRIu64 "\" data-w=\"%" PRIu64
		"\" data-d=\"%u\" data-n=\"",
		at, n->ns, n->depth);
	svg_xml(out, svg_name(n));
	fs_fmt_ns(n->ns / p->g->n, t, sizeof(t));
	fsv_pct(n->ns, p->g->tree->root.ns, pct, sizeof(pct));
	if (n->kind != FSV_F_HOST) {
		fprintf(out, "\" data-s=\"%s, ", t);
		svg_xml(out, pct);
	}
	fputs("\"><title>", out);
	snprintf(title, sizeof(title), "%s: %s%s, %s of the %s, %" PRIu64 " segment%s", svg_name(n),
		 p->g->fork ? "" : "mean ", t, pct, p->g->tree->root.name, n->count,
		 n->count == 1 ? "" : "s");
	svg_xml(out, title);
	fputs("</title>", out);
	fprintf(out, "<rect x=\"%.2f\" y=\"%.0f\" width=\"%.2f\" height=\"%d\" fill=\"%s\"%s/>", x,
		y, w, SVG_ROW - 1, colour(n), w > 2 ? " stroke=\"#fff\" stroke-width=\"0.5\"" : "");
	label(p, n, x, y, w);
	fputs("</g>\n", out);
	for (const struct fsv_node *c = n->child; c; c = c->next) {
		frame(p, c, at);
		at += c->ns;
	}
}

void svg_flame(struct svg *g)
{
	struct pen p = {.g = g, .max_depth = rows(g) - 1};
	uint64_t total = g->tree->root.ns;
	char t[FS_UNITS_LEN], note[200];
	int height = svg_flame_height(g);

	p.px_per_ns = total ? (double)SVG_INNER / (double)total : 0;
	fputs("<g id=\"flame\">\n", g->out);
	if (total)
		frame(&p, &g->tree->root, 0);
	else
		svg_text(g->out, SVG_MARGIN, g->y + 14, "", "nothing to draw: the window is empty");
	fputs("</g>\n", g->out);
	snprintf(
		note, sizeof(note),
		"from the top: gap, bucket,%s cause, exit reason, who, %sguest function at the exit, host kernel functions; order is not time",
		g->one_stage ? "" : " stage,", g->one_stage ? "" : "guest task, ");
	if (p.hidden)
		snprintf(note + strlen(note), sizeof(note) - strlen(note),
			 "; %zu too thin to draw (%s)", p.hidden,
			 fs_fmt_ns(p.hidden_ns / g->n, t, sizeof(t)));
	svg_text(g->out, SVG_MARGIN, g->y + height - 10, "fill=\"#555\" font-size=\"11\"", "%s",
		 note);
	g->y += height;
}
