// SPDX-License-Identifier: BSD-2-Clause
/* The text of forkscope prefetch ceiling: a table of hypotheses for each group of forks. */
#include "render/ceiling_view.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "render/format_values.h"
#include "render/text/term.h"
#include "render/text/text_table.h"

#define NAME 20 /* columns of a hypothesis' name */

static void memory_line(const struct fsa_result *res, FILE *out)
{
	const struct fsa_memory *m = fsx_memory(res);
	char size[FS_UNITS_LEN];

	if (!m->size)
		fprintf(out, "memory file: not known; ranges cannot be placed\n");
	else if (m->assumed)
		fsv_para(
			out, 0, 2,
			"memory file: its mapping was not seen; offsets are those of %s of guest memory written in the order of its addresses, as VMMs do",
			fs_fmt_bytes(m->size, size, sizeof(size)));
	else
		fprintf(out, "memory file: %s, inode %" PRIu64 " of device %u:%u\n",
			fs_fmt_bytes(m->size, size, sizeof(size)), m->ino, m->dev >> 20,
			m->dev & 0xfffff);
	if (m->other_files)
		fsv_para(
			out, 0, 2,
			"left out: %" PRIu64
			" other memory file%s of the guest with %s of its memory; no range can name their pages",
			m->other_files, m->other_files == 1 ? "" : "s",
			fs_fmt_bytes(m->other_bytes, size, sizeof(size)));
}

/* "fault.cached 12.3 us (p50 of 7)" */
static const char *sample(const char *name, size_t n, uint64_t ns, char *buf, size_t len)
{
	char t[FS_UNITS_LEN];

	if (n)
		snprintf(buf, len, "%s %s (p50 of %zu)", name, fs_fmt_ns(ns, t, sizeof(t)), n);
	else
		snprintf(buf, len, "%s none seen", name);
	return buf;
}

static void head(const struct fsv_ceilings *c, FILE *out)
{
	char end[96], path[512], cached[80], mapped[80];

	fsv_para(out, 0, 2, "prefetch ceilings: %s", fsv_clean(c->view->path, path, sizeof(path)));
	fsv_para(out, 0, 2, "window: %s to %s", fsv_start_name(c->view->res->opts.start),
		 fsa_end_text(&c->view->res->opts, end, sizeof(end)));
	memory_line(c->view->res, out);
	fsv_para(out, 0, 2, "cost of a fault on the path: %s, %s",
		 sample("fault.cached", c->left.cached.n, c->left.cached.p50_ns, cached,
			sizeof(cached)),
		 sample("fault.mapped", c->left.mapped.n, c->left.mapped.p50_ns, mapped,
			sizeof(mapped)));
}

/* What is gained stays; what it is made of leaves, the parts that were not helped first. */
static const struct fsv_column columns[] = {
	{"hypothesis", 4, -NAME, 0}, {"bytes", 1, 9, 4},  {"helped", 1, 8, 0},
	{"their time", 1, 10, 3},    {"left", 1, 8, 2},   {"outside", 1, 8, 1},
	{"gain p50", 1, 10, 0},      {"of gap", 1, 7, 0}, {"gap p50 to", 1, 10, 0},
};

static void size_of(const struct fsx_hypothesis *h, char *buf, size_t len)
{
	if (h->which == FSX_RANGES)
		fs_fmt_bytes(fs_ranges_bytes(&h->set), buf, len);
	else
		snprintf(buf, len, "-");
}

static int row(const struct fsv_ceilings *c, const struct fsx_group *g,
	       const struct fsx_hypothesis *h, enum fsx_mechanism m, const struct fsv_table *table,
	       FILE *out)
{
	char size[FS_UNITS_LEN], t[3][FS_UNITS_LEN], pct[FSV_WORD_LEN], n[3][32];
	struct fsx_group_ceiling x;
	int ret;

	if (*h->why) {
		fsv_para(out, 4, 4 + NAME, "%-*s %s", NAME, h->name, h->why);
		return 0;
	}
	ret = fsx_ceiling_group(g->forks, g->n, h, m, &c->left, &x);
	if (ret)
		return ret;
	size_of(h, size, sizeof(size));
	if (!x.n) {
		fprintf(out, "    %-*s %9s ", NAME, h->name, size);
		fsv_para_on(out, 4 + NAME + 11, 6, "no ceiling: %s", fsx_none_text(x.why));
		return 0;
	}
	snprintf(n[0], sizeof(n[0]), "%.0f", x.helped);
	snprintf(n[1], sizeof(n[1]), "%.0f", x.unhelped);
	snprintf(n[2], sizeof(n[2]), "%.0f", x.outside);
	fsv_table_row(table, out,
		      (const char *[]){h->name, size, n[0],
				       fs_fmt_ns((uint64_t)(x.helped_ns + 0.5), t[0], sizeof(t[0])),
				       n[1], n[2], fs_fmt_ns(x.gain_p50, t[1], sizeof(t[1])),
				       fsv_pct(x.gain_p50, x.gap_p50, pct, sizeof(pct)),
				       fs_fmt_ns(x.best_p50, t[2], sizeof(t[2]))});
	return 0;
}

/* Forks without a ceiling by any hypothesis: reported once. */
static void without(const struct fsx_group *g, FILE *out)
{
	size_t open = 0, lost = 0;

	for (size_t i = 0; i < g->n; i++) {
		open += !g->forks[i]->complete;
		lost += g->forks[i]->complete && g->forks[i]->notes & FSA_OTHER_END;
	}
	if (open)
		fprintf(out, "  %zu of %zu never reached their end: no ceiling\n", open, g->n);
	if (lost)
		fsv_para(
			out, 2, 4,
			"%zu of %zu have no ceiling: their mailbox ack was lost or late, so that a time-out of the agent is in their wake-up chain, which no prefetch shortens by a known amount",
			lost, g->n);
}

/* "perfect" is the same by every mechanism: reported once, with the last. */
static bool shown_here(const struct fsv_ceilings *c, const struct fsx_hypothesis *h, unsigned int m)
{
	if (h->which != FSX_PERFECT)
		return true;
	for (unsigned int k = m + 1; k < FSX_NMECHANISMS; k++)
		if (c->mechanisms[k])
			return false;
	return true;
}

/* A time that no line is broken in. */
static char *tight(uint64_t ns, char *buf, size_t len)
{
	char *blank = strchr(fs_fmt_ns(ns, buf, len), ' ');

	if (blank)
		memmove(blank, blank + 1, strlen(blank));
	return buf;
}

/* Gains fork by fork. */
static void per_fork(const struct fsv_ceilings *c, const struct fsx_group *g, enum fsx_mechanism m,
		     FILE *out)
{
	char t[FS_UNITS_LEN];

	for (size_t i = 0; i < g->n; i++) {
		const struct fsa_fork *f = g->forks[i];
		char *line = NULL;
		size_t n;
		FILE *to;

		if (!f->complete)
			continue;
		to = open_memstream(&line, &n);
		if (!to)
			continue;
		fprintf(to, "fork %u, gap %s:", f->id, tight(f->gap_ns, t, sizeof(t)));
		for (size_t k = 0; k < c->nhyps; k++) {
			struct fsx_ceiling x;

			if (*c->hyps[k].why || !shown_here(c, &c->hyps[k], m))
				continue;
			x = fsx_ceiling_of(f, &c->hyps[k], m, &c->left);
			fprintf(to, "%s %s %s", k ? "," : "", c->hyps[k].name,
				x.none != FSX_HAS ? "none" : fs_fmt_ns(x.gain_ns, t, sizeof(t)));
		}
		fclose(to);
		if (line)
			fsv_para(out, 4, 8, "%s", line);
		free(line);
	}
}

static int group(const struct fsv_ceilings *c, const struct fsx_group *g, FILE *out)
{
	char title[160], name[100];
	struct fsv_table table;

	fsv_table_fit(&table, c->view, columns, sizeof(columns) / sizeof(columns[0]), 0);
	snprintf(title, sizeof(title), "%s: %zu fork%s", fsv_clean(g->name, name, sizeof(name)),
		 g->n, g->n == 1 ? "" : "s");
	fputc('\n', out);
	fsv_rule(c->view, out, title);
	without(g, out);
	if (g->kind == FSX_ACK_LOST || g->kind == FSX_ACK_LATE)
		return 0;
	for (unsigned int m = 0; m < FSX_NMECHANISMS; m++) {
		int ret = 0;

		if (!c->mechanisms[m])
			continue;
		fputc('\n', out);
		fsv_para(out, 2, 4, "%s: %s", fsx_mechanism_name((enum fsx_mechanism)m),
			 fsx_mechanism_doc((enum fsx_mechanism)m));
		fsv_table_head(&table, out);
		for (size_t i = 0; i < c->nhyps && !ret; i++)
			if (shown_here(c, &c->hyps[i], m))
				ret = row(c, g, &c->hyps[i], (enum fsx_mechanism)m, &table, out);
		if (ret)
			return ret;
		if (!c->view->brief)
			per_fork(c, g, (enum fsx_mechanism)m, out);
	}
	return 0;
}

int fsv_ceiling_text(const struct fsv_ceilings *c, FILE *out)
{
	int ret = 0;

	fsv_set_width(c->view);
	head(c, out);
	for (size_t i = 0; i < c->groups->n && !ret; i++)
		if (!c->view->cohort || !strcmp(c->view->cohort, c->groups->v[i].name))
			ret = group(c, &c->groups->v[i], out);
	fputc('\n', out);
	fsv_para(
		out, 0, 0,
		"A ceiling is a bound from one recording, no forecast: helped, left and outside are mean numbers of faults on the critical path (those that the mechanism makes cheaper, those in the ranges that it does not, those elsewhere); a prefetch that comes too late, or competes with the fork, gains less.");
	return ret;
}
