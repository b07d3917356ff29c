// SPDX-License-Identifier: BSD-2-Clause
/*
 * Flame graphs that stand alone: no script or font from elsewhere, and everything that matters is
 * printed, so that the picture says the same on paper, in an <img>, or with scripts switched off.
 * Time flows inwards from the top: gap, bucket, (stage,) cause, exit reason, who, guest, host.
 */
#include "render/svg/svg_parts.h"
#include <errno.h>
#include <string.h>
#include "base/units.h"
#include "render/format_values.h"

#define HEAD_HEIGHT 96

static void fork_title(const struct svg *g, char *title, char *sub, size_t len)
{
	const struct fsa_fork *f = g->fork;
	char t[FS_UNITS_LEN], comm[FS_COMM_LEN], end[80];

	fsv_clean(f->comm, comm, sizeof(comm));
	fsv_end_text(g->v, f, end, sizeof(end));
	snprintf(title, len, "fork %u: %s %s", f->id, fsv_window_word(f),
		 fs_fmt_ns(f->gap_ns, t, sizeof(t)));
	snprintf(sub, len, "%s, pid %u, %u vCPU%s; %s to %s%s; n = 1 fork", comm, f->vmm_pid,
		 f->vcpus, f->vcpus == 1 ? "" : "s", fsv_start_name(f->start_kind), end,
		 f->complete ? "" : ", NOT reached");
	if (f->guest.used)
		snprintf(sub + strlen(sub), len - strlen(sub), "; guest clock +-%s",
			 fs_fmt_ns(f->clock_error_ns, t, sizeof(t)));
}

static void cohort_title(const struct svg *g, char *title, char *sub, size_t len)
{
	const struct fsa_cohort *c = g->cohort;
	char t[FS_UNITS_LEN], name[64], end[96];

	fsv_clean(c->name, name, sizeof(name));
	snprintf(title, len, "cohort \"%s\": mean gap %s of n = %zu fork%s", name,
		 fs_fmt_ns(g->n ? svg_total_ns(g) / g->n : 0, t, sizeof(t)), g->n,
		 g->n == 1 ? "" : "s");
	snprintf(sub, len, "%s to %s; every width is a mean over the forks%s",
		 fsv_start_name(g->v->res->opts.start),
		 fsa_end_text(&g->v->res->opts, end, sizeof(end)), "");
	if (c->timed_out)
		snprintf(sub + strlen(sub), len - strlen(sub),
			 "; %zu more never reached the end and are left out", c->timed_out);
}

static void verdict_line(const struct svg *g, char *text, size_t len)
{
	size_t used;

	if (g->fork) {
		char why[400];

		snprintf(text, len, "verdict: %s", fsv_verdict_text(g->fork, why, sizeof(why)));
		return;
	}
	used = (size_t)snprintf(text, len, "verdicts:");
	for (unsigned int i = 0; i <= FSA_V_UNKNOWN && used < len; i++)
		if (g->cohort->verdicts[i])
			used += (size_t)snprintf(text + used, len - used, "%s %s %zu of %zu",
						 used > strlen("verdicts:") ? "," : "",
						 fsv_verdict_name((enum fsa_verdict)i),
						 g->cohort->verdicts[i], g->cohort->n);
}

static void head(struct svg *g, int height)
{
	char title[256], sub[256], verdict[512];

	if (g->fork)
		fork_title(g, title, sub, sizeof(title));
	else
		cohort_title(g, title, sub, sizeof(title));
	verdict_line(g, verdict, sizeof(verdict));
	svg_open(g->out, title, height);
	svg_text(g->out, SVG_MARGIN, 30, "font-size=\"18\" font-weight=\"bold\"", "%s", title);
	svg_text(g->out, SVG_MARGIN, 50, "fill=\"#444\"", "%s", sub);
	svg_text(g->out, SVG_MARGIN, 70, "font-weight=\"bold\"", "%s", verdict);
	svg_tools(g->out);
	g->y = HEAD_HEIGHT;
}

static int build_tree(struct svg *g)
{
	unsigned int flags = FSV_TREE_MERGE;
	uint64_t guest = 0;

	for (size_t i = 0; i < g->n; i++)
		for (unsigned int c = 0; c < FSA_NCAUSES; c++)
			guest += svg_member(g, i)->cells[FSA_S_GUEST][c].ns;
	g->one_stage = guest == svg_total_ns(g);
	if (g->one_stage)
		flags |= FSV_TREE_NO_STAGE;
	g->tree = fsv_tree_new(g->fork ? fsv_window_word(g->fork) : "gap");
	if (!g->tree)
		return -ENOMEM;
	for (size_t i = 0; i < g->n; i++)
		if (fsv_tree_add(g->tree, g->v, svg_member(g, i), flags))
			return -ENOMEM;
	if (fsv_tree_gather_guest(g->tree, SVG_GATHER))
		return -ENOMEM;
	fsv_tree_sort(g->tree);
	return 0;
}

int fsv_svg(const struct fsv_view *v, const struct fsa_fork *f, const struct fsa_cohort *c,
	    FILE *out)
{
	struct svg g = {.v = v, .fork = f, .cohort = c, .n = 1, .out = out};
	int height, ret;

	if (!f)
		for (g.n = 0; svg_member(&g, g.n);)
			g.n++;
	ret = build_tree(&g);
	if (!ret) {
		height = HEAD_HEIGHT + svg_flame_height(&g) + (f ? svg_timeline_height(&g) : 0) +
			 svg_tables_height(&g);
		head(&g, height);
		svg_flame(&g);
		if (f)
			svg_timeline(&g);
		svg_tables(&g);
		svg_script(out);
		fputs("</svg>\n", out);
	}
	fsv_tree_free(g.tree);
	return ret;
}
