// SPDX-License-Identifier: BSD-2-Clause
/* Under the flame: the same in figures, and (for one fork) along the time. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "render/format_values.h"
#include "render/palette.h"
#include "render/svg/svg_parts.h"
#include "render/trust.h"

#define LINE       19
#define MAX_CAUSES 10
#define BINS       580 /* of the timeline; 2 pixels each */
#define STRIP      40
#define TIMELINE   120 /* height of it all */
#define STAGE_BAND 18
#define CAUSES_X   440

struct ranked {
	enum fsa_cause cause;
	uint64_t ns;
};

static size_t rank(const struct svg *g, struct ranked *r)
{
	size_t n = 0;

	for (unsigned int c = 0; c < FSA_NCAUSES; c++) {
		uint64_t ns = svg_cause_ns(g, (enum fsa_cause)c);
		size_t i;

		if (!ns)
			continue;
		for (i = n++; i > 0 && r[i - 1].ns < ns; i--)
			r[i] = r[i - 1];
		r[i] = (struct ranked){(enum fsa_cause)c, ns};
	}
	return n;
}

static int causes_shown(const struct svg *g)
{
	struct ranked r[FSA_NCAUSES];
	size_t n = rank(g, r);

	return (int)(n < MAX_CAUSES ? n : MAX_CAUSES);
}

/* Notes on the forks that a reader of the picture alone must see. */
static size_t notes(const struct svg *g, char out[][200], size_t max)
{
	struct fsv_trust t;
	size_t n = 0;
	const char *s;

	fsv_trust_read(g->v, &t);
	if (g->fork)
		for (unsigned int i = 0; n < max && (s = fsv_note(g->fork, &i));)
			snprintf(out[n++], 200, "note: %s", s);
	if (n < max && t.lost_records != FSV_NOT_RECORDED && t.lost_records)
		snprintf(out[n++], 200, "note: %" PRIu64 " records were lost while recording",
			 t.lost_records);
	if (n < max && svg_bucket_ns(g, FSA_B_GUEST))
		snprintf(
			out[n++], 200,
			"guest (not split): guest mode and halts as the host sees them; signal path, page faults of the guest and other work are not separable");
	return n;
}

int svg_tables_height(const struct svg *g)
{
	char n[8][200];
	int left = FSA_NBUCKETS, right = causes_shown(g);

	return 30 + (left > right ? left : right) * LINE + 14 + (int)notes(g, n, 8) * 16 + 12;
}

static void line(const struct svg *g, double x, double y, const char *colour, const char *name,
		 uint64_t ns, const char *more)
{
	char t[FS_UNITS_LEN], pct[16];

	fprintf(g->out,
		"<rect x=\"%.0f\" y=\"%.0f\" width=\"12\" height=\"12\" fill=\"%s\" "
		"stroke=\"#888\" stroke-width=\"0.5\"/>\n",
		x, y - 11, colour);
	svg_text(g->out, x + 20, y, "", "%s", name);
	svg_text(g->out, x + 260, y, "text-anchor=\"end\"", "%s",
		 fs_fmt_ns(ns / g->n, t, sizeof(t)));
	svg_text(g->out, x + 330, y, "text-anchor=\"end\"", "%s",
		 fsv_pct(ns, svg_total_ns(g), pct, sizeof(pct)));
	if (*more)
		svg_text(g->out, x + 345, y, "fill=\"#444\"", "%.*s",
			 (int)((SVG_WIDTH - SVG_MARGIN / 2.0 - x - 345) / SVG_CHAR), more);
}

void svg_tables(struct svg *g)
{
	struct ranked r[FSA_NCAUSES];
	const char *mean = g->fork ? "" : " (mean per fork)";
	size_t n = rank(g, r), m;
	char text[8][200], more[160];
	int y = g->y + 16, rows;

	if (!g->n)
		return;
	svg_text(g->out, SVG_MARGIN, y, "font-weight=\"bold\"", "buckets%s", mean);
	svg_text(g->out, CAUSES_X, y, "font-weight=\"bold\"", "largest causes%s", mean);
	for (unsigned int b = 0; b < FSA_NBUCKETS; b++)
		line(g, SVG_MARGIN, y + (int)(b + 1) * LINE, fsv_bucket_colour((enum fsa_bucket)b),
		     fsa_bucket_title((enum fsa_bucket)b), svg_bucket_ns(g, (enum fsa_bucket)b),
		     "");
	for (size_t i = 0; i < n && i < MAX_CAUSES; i++) {
		snprintf(more, sizeof(more), "%" PRIu64 "x  %s",
			 (svg_cause_count(g, r[i].cause) + g->n / 2) / g->n,
			 fsa_cause_doc(r[i].cause));
		line(g, CAUSES_X, y + (int)(i + 1) * LINE, fsv_cause_colour(r[i].cause),
		     fsa_cause_name(r[i].cause), r[i].ns, more);
	}
	rows = causes_shown(g) > FSA_NBUCKETS ? causes_shown(g) : FSA_NBUCKETS;
	y += rows * LINE + 28;
	m = notes(g, text, 8);
	for (size_t i = 0; i < m; i++)
		svg_text(g->out, SVG_MARGIN, y + (int)i * 16, "fill=\"#555\" font-size=\"11\"",
			 "%s", text[i]);
}

/* Nanoseconds of each cause in each of BINS equal parts of the window. */
static void fill(const struct fsa_fork *f, double (*bins)[FSA_NCAUSES])
{
	double width = (double)f->gap_ns / BINS;

	for (size_t i = 0; i < f->nsegs; i++) {
		const struct fsa_seg *s = &f->segs[i];
		double t0 = (double)(s->t0 - f->start_ns), t1 = (double)(s->t1 - f->start_ns);

		for (int b = (int)(t0 / width); b < BINS && t0 < t1; b++) {
			double stop = (b + 1) * width < t1 ? (b + 1) * width : t1;

			if (b < 0 || s->cause >= FSA_NCAUSES)
				break;
			bins[b][s->cause] += stop > t0 ? (stop - t0) / width : 0;
			t0 = stop > t0 ? stop : t0;
		}
	}
}

/* One path per cause: the columns stand on those of the causes before it. */
static void strip(const struct svg *g, double (*bins)[FSA_NCAUSES], double *base, int y)
{
	for (unsigned int c = 0; c < FSA_NCAUSES; c++) {
		bool open = false;

		for (int b = 0; b < BINS; b++) {
			double h = bins[b][c] * STRIP;

			if (h < 0.02)
				continue;
			if (!open)
				fprintf(g->out, "<path fill=\"%s\" d=\"",
					fsv_cause_colour((enum fsa_cause)c));
			open = true;
			fprintf(g->out, "M%d %.1fh2v%.1fh-2z", SVG_MARGIN + 2 * b,
				y + STRIP - base[b] - h, h);
			base[b] += h;
		}
		if (open) {
			fputs("\"><title>", g->out);
			svg_xml(g->out, fsa_cause_name((enum fsa_cause)c));
			fputs("</title></path>\n", g->out);
		}
	}
}

static void axis(const struct svg *g, int y)
{
	const struct fsa_fork *f = g->fork;
	char t[FS_UNITS_LEN];

	for (int i = 0; i <= 4; i++) {
		double x = SVG_MARGIN + SVG_INNER * i / 4.0;

		fprintf(g->out, "<path d=\"M%.1f %dv4\" stroke=\"#444\" stroke-width=\"1\"/>\n", x,
			y);
		svg_text(g->out, x, y + 16,
			 i == 0   ? "font-size=\"11\""
			 : i == 4 ? "font-size=\"11\" text-anchor=\"end\""
				  : "font-size=\"11\" text-anchor=\"middle\"",
			 "%s%s", i ? "+" : fsv_start_name(f->start_kind),
			 i ? fs_fmt_ns(f->gap_ns / 4 * (uint64_t)i, t, sizeof(t)) : "");
	}
}

/* Ticks for what has a name; a label only where the one before leaves room. */
static void marks(const struct svg *g, int y)
{
	const struct fsa_fork *f = g->fork;
	double free_from = 0;

	for (size_t i = 0; i < f->nmilestones; i++) {
		const struct fsa_milestone *m = &f->milestones[i];
		double x;

		if (fsv_on_signal_path(f, m->name) || m->at_ns < f->start_ns ||
		    m->at_ns > f->start_ns + f->gap_ns || !f->gap_ns)
			continue;
		x = SVG_MARGIN +
		    (double)SVG_INNER * (double)(m->at_ns - f->start_ns) / (double)f->gap_ns;
		fprintf(g->out,
			"<path d=\"M%.1f %dv%d\" stroke=\"#111\" stroke-width=\"1\" "
			"stroke-dasharray=\"3 2\"><title>",
			x, y - 4, STRIP + 8);
		svg_xml(g->out, m->name);
		fputs("</title></path>\n", g->out);
		if (x < free_from || x + (double)strlen(m->name) * 6.7 > SVG_WIDTH - SVG_MARGIN)
			continue;
		svg_text(g->out, x + 2, y - 6, "font-size=\"11\"", "%s", m->name);
		free_from = x + (double)strlen(m->name) * 6.7 + 10;
	}
}

/* From when to when each stage of the signal path lasted. */
static void stage_band(const struct svg *g, int y)
{
	const struct fsa_fork *f = g->fork;
	struct {
		uint64_t t0, t1;
	} at[FSA_NSTAGES] = {0};

	for (size_t i = 0; i < f->nsegs; i++) {
		const struct fsa_seg *s = &f->segs[i];

		if (s->stage >= FSA_NSTAGES || s->t1 <= s->t0)
			continue;
		if (!at[s->stage].t1)
			at[s->stage].t0 = s->t0;
		at[s->stage].t1 = s->t1;
	}
	for (unsigned int s = 0; s < FSA_NSTAGES; s++) {
		const char *name = fsa_stage_name((enum fsa_stage)s);
		double scale = (double)SVG_INNER / (double)f->gap_ns;
		double x = SVG_MARGIN + (double)(at[s].t0 - f->start_ns) * scale;
		double w = (double)(at[s].t1 - at[s].t0) * scale;

		if (!at[s].t1)
			continue;
		fprintf(g->out,
			"<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" fill=\"%s\" "
			"stroke=\"#fff\" stroke-width=\"0.5\"><title>%s</title></rect>\n",
			x, y, w, STAGE_BAND - 2, fsv_stage_colour((enum fsa_stage)s), name);
		if (w > (double)strlen(name) * 6.7 + 6)
			svg_text(g->out, x + 3, y + 12, "font-size=\"11\"", "%s", name);
	}
}

static bool has_stages(const struct svg *g)
{
	return g->fork && g->fork->nstages && !g->one_stage;
}

int svg_timeline_height(const struct svg *g)
{
	return TIMELINE + (has_stages(g) ? STAGE_BAND : 0);
}

void svg_timeline(struct svg *g)
{
	double(*bins)[FSA_NCAUSES] = calloc(BINS, sizeof(*bins));
	double *base = calloc(BINS, sizeof(*base));
	int y = g->y + 48;

	svg_text(g->out, SVG_MARGIN, g->y + 16, "font-weight=\"bold\"", "along the time");
	if (bins && base && g->fork->gap_ns) {
		fill(g->fork, bins);
		fprintf(g->out,
			"<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
			"fill=\"#f4f4f4\"/>\n",
			SVG_MARGIN, y, SVG_INNER, STRIP);
		strip(g, bins, base, y);
		marks(g, y);
		if (has_stages(g))
			stage_band(g, y + STRIP + 1);
		axis(g, y + STRIP + (has_stages(g) ? STAGE_BAND : 0));
	}
	free(bins);
	free(base);
	g->y += svg_timeline_height(g);
}
