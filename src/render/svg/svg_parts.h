/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside svg*.c only: the parts of a flame graph. All lengths in pixels. */
#ifndef FORKSCOPE_SVG_H
#define FORKSCOPE_SVG_H

#include "render/frame_tree.h"

#define SVG_WIDTH  1200
#define SVG_MARGIN 20
#define SVG_INNER  (SVG_WIDTH - 2 * SVG_MARGIN)
#define SVG_ROW    20
#define SVG_GATHER 50   /* permille of the gap: guest functions with less share one frame */
#define SVG_CHAR   7.23 /* width of a character of the 12 px monospace text */
#define SVG_FONT   "'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace"

/* What one graph shows: one fork, or the mean of a cohort's complete forks. */
struct svg {
	const struct fsv_view *v;
	const struct fsa_fork *fork; /* NULL: a cohort */
	const struct fsa_cohort *cohort;
	size_t n;              /* forks in it */
	struct fsv_tree *tree; /* sums over the n forks */
	bool one_stage;
	FILE *out;
	int y; /* where the next part begins */
};

/* Sums over the n forks of the graph. */
uint64_t svg_bucket_ns(const struct svg *g, enum fsa_bucket b);
uint64_t svg_cause_ns(const struct svg *g, enum fsa_cause c);
uint64_t svg_cause_count(const struct svg *g, enum fsa_cause c);
uint64_t svg_total_ns(const struct svg *g);
const struct fsa_fork *svg_member(const struct svg *g, size_t i);

/* XML text: markup is escaped, what XML forbids is replaced. */
void svg_xml(FILE *out, const char *s);
/* One line of text at (@x, @y); @style is added to the element. */
void svg_text(FILE *out, double x, double y, const char *style, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* The document's head: its title and a white ground. */
void svg_open(FILE *out, const char *title, int height);
/* The words that the script makes buttons of, and its line of text. */
void svg_tools(FILE *out);

/* A frame's name as it is shown: buckets by their titles. */
const char *svg_name(const struct fsv_node *n);

void svg_flame(struct svg *g); /* the frames */
int svg_flame_height(const struct svg *g);
void svg_timeline(struct svg *g); /* what happened when (a fork only) */
void svg_tables(struct svg *g);   /* the buckets and largest causes in figures */
int svg_tables_height(const struct svg *g);
void svg_script(FILE *out);

int svg_timeline_height(const struct svg *g);

#endif
