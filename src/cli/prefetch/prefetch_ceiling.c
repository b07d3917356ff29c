// SPDX-License-Identifier: BSD-2-Clause
/* forkscope prefetch ceiling: reads the hypotheses, and prints the most that each could gain. */
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/log.h"
#include "base/vec.h"
#include "cli/cmds.h"
#include "cli/output.h"
#include "cli/prefetch/prefetch_rec.h"
#include "cli/prefetch/prefetch_verbs.h"
#include "experiment/workset.h"
#include "render/ceiling_view.h"

struct asked {
	struct prefetch_window window;
	const char *ranges, *hypotheses, *mechanism, *cohort, *colour;
	const char *mailbox;
	bool json, brief;
};

static const struct fs_usage usage = {
	.command = "prefetch ceiling",
	.synopsis = "[OPTIONS] RECORDING",
	.what = "Says for each hypothesis about a prefetch the most that it could gain: the gap if every\nfault that it is about had cost what its mechanism leaves of it. Needs only a recording.\n",
	.notes =
		"Hypotheses: all (every fault), major (those that had to fetch their page), perfect (nothing\nis left of any fault), workingset (what at least half of the group's forks touched),\nmailbox:SIZE (around --mailbox), head:SIZE, range:OFFSET:SIZE. The default is\nall,major,perfect,head:64MiB,head:1GiB,workingset, and mailbox:64MiB with --mailbox.\n\n"
		"Exit status: 0 done; 1 failed; 2 wrong usage; 3 done, but the recording is not complete.\n",
	.min_pos = 1,
	.max_pos = 1,
};

struct hyps {
	FS_VEC(struct fsx_hypothesis) v;
};

/* "0x1000", "4096", or NULL: not known. */
static int mailbox_offset(const char *text, uint64_t *offset)
{
	char *end;

	*offset = UINT64_MAX;
	if (!text)
		return 0;
	*offset = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || *offset > INT64_MAX)
		return -1;
	return 0;
}

static int add_named(const struct asked *a, const char *list, uint64_t memory, struct hyps *h)
{
	char err[FS_SENTENCE], name[80];
	uint64_t mailbox;
	int ret;

	if (mailbox_offset(a->mailbox, &mailbox))
		return fs_opts_bad(
			&usage,
			"--mailbox takes an offset in the memory file, as in 0x1f000, not \"%s\"",
			a->mailbox);
	while (*list) {
		size_t n = strcspn(list, ",");
		struct fsx_hypothesis x;

		snprintf(name, sizeof(name), "%.*s", (int)(n < 79 ? n : 79), list);
		if (fsx_hypothesis_parse(name, mailbox, memory, &x, err, sizeof(err)))
			return fs_opts_bad(&usage, "%s", err);
		if (*x.why) { /* nothing can be said of it, whatever the recording is */
			ret = fs_opts_bad(&usage, "--hypothesis %s: %s", name, x.why);
			fsx_hypothesis_free(&x);
			return ret;
		}
		if (fs_vec_push(&h->v, x)) {
			fsx_hypothesis_free(&x);
			return FS_EXIT_FAILED;
		}
		list += n + (list[n] == ',');
	}
	return FS_EXIT_OK;
}

static int add_ranges(const char *arg, uint64_t memory, struct hyps *h)
{
	struct fsx_hypothesis x = {.which = FSX_RANGES};
	char err[FS_SENTENCE] = "";

	snprintf(x.name, sizeof(x.name), "--ranges");
	if (fsx_ranges_load(arg, &x.set, err, sizeof(err))) {
		fs_error("%s", err);
		fsx_hypothesis_free(&x);
		return FS_EXIT_FAILED;
	}
	fsx_ranges_tidy(&x.set);
	fsx_ranges_cut(&x.set, memory);
	if (fs_vec_push(&h->v, x)) {
		fsx_hypothesis_free(&x);
		return FS_EXIT_FAILED;
	}
	return FS_EXIT_OK;
}

/* Gives "workingset" its ranges: of the group that is asked for, or of the largest. */
static int fill_workingset(struct hyps *h, const struct fsx_group *g)
{
	struct fsx_workset w;
	int ret = 0;

	for (size_t i = 0; i < h->v.n && !ret; i++) {
		struct fsx_hypothesis *x = &h->v.v[i];

		if (strcmp(x->name, "workingset"))
			continue;
		if (fsx_workset_make(g->forks, g->n, &w))
			return FS_EXIT_FAILED;
		ret = fsx_workset_ranges(&w, w.forks / 2 + w.forks % 2, 0, &x->set, NULL);
		fsx_ranges_tidy(&x->set);
		if (!x->set.n)
			snprintf(
				x->why, sizeof(x->why),
				"no page of the memory file was touched by half of the forks \"%.60s\"",
				g->name);
		fsx_workset_free(&w);
	}
	return ret ? FS_EXIT_FAILED : FS_EXIT_OK;
}

static int collect(const struct asked *a, const struct prefetch_rec *r, const struct fsx_group *g,
		   struct hyps *h)
{
	uint64_t memory = fsx_memory(r->rec.res)->size;
	int ret = FS_EXIT_OK;

	if (a->ranges)
		ret = add_ranges(a->ranges, memory, h);
	if (!ret && a->hypotheses)
		ret = add_named(a, a->hypotheses, memory, h);
	if (!ret && !a->hypotheses && !a->ranges)
		ret = add_named(
			a,
			a->mailbox
				? "all,major,perfect,mailbox:64MiB,head:64MiB,head:1GiB,workingset"
				: "all,major,perfect,head:64MiB,head:1GiB,workingset",
			memory, h);
	return ret ? ret : fill_workingset(h, g);
}

static int show(const struct asked *a, struct prefetch_rec *r, struct hyps *h)
{
	struct fsv_ceilings c = {.view = &r->rec.view, .groups = &r->groups};
	enum fsx_mechanism m = FSX_PAGE_CACHE;
	int ret;

	if (a->mechanism && fsx_mechanism_parse(a->mechanism, &m))
		return fs_opts_bad(&usage,
				   "--mechanism is page-cache, populate or pre-fault, not \"%s\"",
				   a->mechanism);
	for (unsigned int i = 0; i < FSX_NMECHANISMS; i++)
		c.mechanisms[i] = !a->mechanism || i == m;
	c.hyps = h->v.v;
	c.nhyps = h->v.n;
	if (fsx_left_of(r->rec.res, &c.left)) {
		fs_error("no memory");
		return FS_EXIT_FAILED;
	}
	r->rec.view.brief = a->brief;
	r->rec.view.cohort = a->cohort;
	r->rec.view.colour = fs_out_colour(a->colour, a->json);
	r->rec.view.columns = fs_out_columns();
	ret = fs_out_stdout(a->json ? fsv_ceiling_json(&c, stdout) : fsv_ceiling_text(&c, stdout));
	r->rec.view.cohort = NULL; /* completeness is that of the recording */
	return ret ? ret : fs_rec_complete(&r->rec.view);
}

int prefetch_ceiling(int argc, char **argv)
{
	struct asked a = {0};
	struct fs_opt opts[] = {
		FS_OPT("--ranges", NULL, "LIST", fs_opt_string, &a.ranges,
		       "these bytes: OFFSET+LENGTH,..., or a file of such lines, or a hot-page list"),
		FS_OPT("--hypothesis", NULL, "LIST", fs_opt_string, &a.hypotheses,
		       "these hypotheses, divided by commas"),
		FS_OPT("--mailbox", NULL, "OFFSET", fs_opt_string, &a.mailbox,
		       "where the mailbox is in the memory file"),
		FS_OPT("--mechanism", NULL, "NAME", fs_opt_string, &a.mechanism,
		       "page-cache, populate or pre-fault only"),
		FS_OPT("--cohort", NULL, "NAME", fs_opt_string, &a.cohort,
		       "only these forks: the name of their part of the report"),
		PREFETCH_WINDOW_OPTS(&a.window),
		FS_OPT("--brief", NULL, NULL, fs_opt_flag, &a.brief, "no line for each fork"),
		FS_OPT("--json", NULL, NULL, fs_opt_flag, &a.json, "one JSON object"),
		FS_OPT("--color", NULL, "WHEN", fs_out_opt_colour, &a.colour,
		       "auto (default: on a terminal, unless NO_COLOR is set), always, never"),
		FS_OPT_END,
	};
	const struct fsx_group *g;
	struct prefetch_rec r;
	struct fs_args args;
	struct hyps h = {0};
	int ret = fs_opts_parse(&usage, opts, argc, argv, &args);

	if (ret >= 0)
		return ret;
	ret = prefetch_open(args.pos[0], &a.window, &r);
	if (ret)
		return ret;
	g = prefetch_group(&r, a.cohort);
	ret = g ? collect(&a, &r, g, &h) : FS_EXIT_FAILED;
	ret = ret ? ret : show(&a, &r, &h);
	for (size_t i = 0; i < h.v.n; i++)
		fsx_hypothesis_free(&h.v.v[i]);
	fs_vec_free(&h.v);
	prefetch_close(&r);
	return ret;
}
