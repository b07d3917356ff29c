// SPDX-License-Identifier: BSD-2-Clause
/* forkscope report: a recording in, the ledger of its forks out. Needs no root and no kernel. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/log.h"
#include "base/opts.h"
#include "cli/cmds.h"
#include "cli/output.h"
#include "cli/recording.h"
#include "cli/variants_out.h"
#include "experiment/groups.h"

struct asked {
	enum fsa_vm_kind kind;
	const char *start, *end, *svg, *svg_dir, *symbols, *cohort, *colour, *population;
	uint64_t timeout_ns;
	unsigned int fork;
	bool brief, json, folded, no_guest, variants, csv;
};

/* The number of a fork: they are counted from 1, and 0 means all of them elsewhere. */
static int fork_number(const char *text, void *dst, char *why, size_t len)
{
	if (fs_opt_uint(text, dst, why, len))
		return -1;
	if (*(const unsigned int *)dst)
		return 0;
	snprintf(why, len, "is not a fork: they are counted from 1");
	return -1;
}

static const struct fs_usage usage = {
	.command = "report",
	.synopsis = "[OPTIONS] RECORDING",
	.what = "Says for each fork of a recording where the time between its resume and its end went.\n"
		"Needs no root, and not the host that made the recording.\n",
	.notes =
		"END is ack:STAGE, first-tx, tcp:PORT, pio:PORT, mark:NAME or after:TIME; the default is\n"
		"what record was asked, else ack:mailbox.\n\n"
		"Exit status: 0 done; 1 failed; 2 wrong usage; 3 done, but events were lost, the\n"
		"recording is cut short, no fork was found, or a fork has no end.\n",
	.min_pos = 1,
	.max_pos = 1,
};

static int write_svg(const struct fsv_view *v, const struct fsa_fork *f, const struct fsa_cohort *c,
		     const char *path)
{
	FILE *out = fs_out_open(path, fs_out_svg);
	int ret, io;

	if (!out)
		return FS_EXIT_FAILED;
	ret = fsv_svg(v, f, c, out);
	io = fs_out_close(out);
	if (!ret)
		ret = io;
	if (ret) {
		fs_error("cannot write %s: %s", out == stdout ? "the flame graph" : path,
			 strerror(-ret));
		return FS_EXIT_FAILED;
	}
	return FS_EXIT_OK;
}

/* The cohort to draw: the one named, else the first with a fork that reached its end. */
static const struct fsa_cohort *main_cohort(const struct fsv_view *v)
{
	if (v->cohort)
		return fsx_cohort(v->res, v->cohort);
	for (size_t i = 0; i < v->res->ncohorts; i++)
		if (v->res->cohorts[i].n > v->res->cohorts[i].timed_out)
			return &v->res->cohorts[i];
	return NULL;
}

static int one_svg(const struct fsv_view *v, const char *path)
{
	const struct fsa_cohort *c;
	const struct fsa_fork *f = NULL;
	size_t shown = 0;

	for (size_t i = 0; i < v->res->nforks; i++)
		if (fsv_shows(v, &v->res->forks[i])) {
			f = &v->res->forks[i];
			shown++;
		}
	if (shown == 1)
		return write_svg(v, f, NULL, path);
	c = main_cohort(v);
	if (!c) {
		fs_error(
			"nothing to draw: no fork of this recording reached its end; choose one with --fork N to see what it did until then");
		return FS_EXIT_FAILED;
	}
	fs_info("the flame graph is the mean of cohort \"%s\" (--cohort NAME and --fork N choose others)",
		c->name);
	return write_svg(v, NULL, c, path);
}

/* A cohort's name as part of a file name. */
static void file_name(const char *dir, const struct fsa_cohort *c, const struct fsa_cohort *first,
		      char *path, size_t len)
{
	char name[sizeof(c->name)];
	size_t i;

	for (i = 0; c->name[i] && i + 1 < sizeof(name); i++) {
		char x = c->name[i];
		bool plain =
			(x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || (x >= '0' && x <= '9');

		name[i] = plain ? x : '-';
	}
	name[i] = '\0';
	if (c == first)
		snprintf(path, len, "%s/cohort.svg", dir);
	else
		snprintf(path, len, "%s/cohort-%s.svg", dir, name);
}

static int many_svgs(const struct fsv_view *v, const char *dir)
{
	const struct fsa_cohort *first = main_cohort(v);
	char path[PATH_MAX];
	int ret = FS_EXIT_OK;

	if (mkdir(dir, 0700) && errno != EEXIST) {
		fs_error("cannot make the directory %s: %s", dir, strerror(errno));
		return FS_EXIT_FAILED;
	}
	for (size_t i = 0; i < v->res->nforks && !ret; i++) {
		const struct fsa_fork *f = &v->res->forks[i];

		if (!fsv_shows(v, f))
			continue;
		snprintf(path, sizeof(path), "%s/fork-%u.svg", dir, f->id);
		ret = write_svg(v, f, NULL, path);
	}
	for (size_t i = 0; i < v->res->ncohorts && !ret && !v->only_fork; i++) {
		const struct fsa_cohort *c = &v->res->cohorts[i];

		if (c->n == c->timed_out || (v->cohort && c != first))
			continue;
		file_name(dir, c, first, path, sizeof(path));
		ret = write_svg(v, NULL, c, path);
	}
	return ret;
}

static int to_stdout(const struct asked *a, const struct fsv_view *v)
{
	if (a->variants || a->csv)
		return variants_to_stdout(v,
					  a->csv    ? VARIANTS_CSV
					  : a->json ? VARIANTS_JSON
						    : VARIANTS_TEXT,
					  1);
	return fs_out_stdout(a->json     ? fsv_json(v, stdout)
			     : a->folded ? fsv_folded(v, stdout)
					 : fsv_text(v, stdout));
}

static int render(const struct asked *a, const struct fsv_view *v)
{
	int ret = FS_EXIT_OK;

	if (a->svg)
		ret = one_svg(v, a->svg);
	if (a->svg_dir && !ret)
		ret = many_svgs(v, a->svg_dir);
	if ((!a->svg && !a->svg_dir) || a->json || a->folded || a->variants || a->csv)
		ret = ret ? ret : to_stdout(a, v);
	return ret;
}

static int choices_ok(const struct fsv_view *v)
{
	bool found = !v->only_fork;

	for (size_t i = 0; i < v->res->nforks; i++)
		found |= v->res->forks[i].id == v->only_fork;
	if (!found) {
		fs_error("no fork %u: this recording has %zu", v->only_fork, v->res->nforks);
		return FS_EXIT_FAILED;
	}
	if (!v->cohort || fsx_cohort(v->res, v->cohort))
		return FS_EXIT_OK;
	fs_error("no cohort \"%s\" in this recording, but these%s", v->cohort,
		 v->res->ncohorts ? ":" : ": none");
	for (size_t i = 0; i < v->res->ncohorts; i++)
		fs_info("  \"%s\" (%zu fork%s)", v->res->cohorts[i].name, v->res->cohorts[i].n,
			v->res->cohorts[i].n == 1 ? "" : "s");
	return FS_EXIT_FAILED;
}

static int report(const struct asked *a, const char *path)
{
	struct fs_rec_opts o = {.start = a->start,
				.end = a->end,
				.kind = a->kind,
				.timeout_ns = a->timeout_ns,
				.symbols = a->symbols,
				.population = a->population,
				.fork = a->fork,
				.no_guest = a->no_guest};
	struct fs_rec rec;
	int ret;

	/* flames are drawn from the segments of the path */
	o.drop_segs = !a->folded && !a->svg && !a->svg_dir;
	ret = fs_rec_open(path, &o, &rec);
	if (ret)
		return ret;
	rec.view.brief = a->brief;
	rec.view.columns = fs_out_columns();
	rec.view.only_fork = a->fork;
	rec.view.cohort = a->cohort;
	rec.view.colour = fs_out_colour(a->colour, a->json || a->folded);
	ret = choices_ok(&rec.view);
	if (!ret)
		ret = render(a, &rec.view);
	if (!ret)
		ret = fs_rec_complete(&rec.view);
	fs_rec_close(&rec);
	return ret;
}

int cmd_report(int argc, char **argv)
{
	struct asked a = {0};
	struct fs_opt opts[] = {
		FS_OPT("--fork", NULL, "N", fork_number, &a.fork, "only this fork"),
		FS_OPT("--cohort", NULL, "NAME", fs_opt_string, &a.cohort,
		       "only this set of forks"),
		FS_OPT("--start", NULL, "START", fs_opt_string, &a.start,
		       "where the window begins: resume (default), load or spawn"),
		FS_OPT("--end", NULL, "END", fs_opt_string, &a.end, "where it ends"),
		FS_OPT("--kind", NULL, "KIND", fs_rec_opt_kind, &a.kind, FS_REC_KIND_HELP),
		FS_OPT("--timeout", NULL, "TIME", fs_opt_some_ns, &a.timeout_ns,
		       "how long to wait for a fork's end"),
		FS_REC_POPULATION(&a.population),
		FS_OPT("--brief", NULL, NULL, fs_opt_flag, &a.brief,
		       "a line for each fork instead of a page"),
		FS_OPT("--variants", NULL, NULL, fs_opt_flag, &a.variants,
		       "instead: the variants of an experiment side by side, and compared"),
		FS_OPT_OLD("--arms", NULL, fs_opt_flag, &a.variants),
		FS_OPT("--csv", NULL, NULL, fs_opt_flag, &a.csv,
		       "a line for each fork: variant, the experiment's columns, buckets"),
		FS_OPT("--json", NULL, NULL, fs_opt_flag, &a.json, "one JSON object"),
		FS_OPT("--folded", NULL, NULL, fs_opt_flag, &a.folded,
		       "folded stacks, weights in ns of the gap; forks without an end are left out, but for the only one (--fork N)"),
		FS_OPT("--svg", NULL, "FILE", fs_opt_string, &a.svg,
		       "a flame graph of the fork, or of the cohort's mean; - is stdout"),
		FS_OPT("--svg-dir", NULL, "DIR", fs_opt_string, &a.svg_dir,
		       "fork-N.svg of each fork, cohort.svg and cohort-NAME.svg"),
		FS_OPT("--no-guest", NULL, NULL, fs_opt_flag, &a.no_guest,
		       "leave out what was recorded inside the guests: the host-only ledger"),
		FS_OPT("--guest-symbols", NULL, "FILE", fs_opt_string, &a.symbols,
		       "the guest's vmlinux, System.map or kallsyms, instead of its own"),
		FS_OPT("--color", NULL, "WHEN", fs_out_opt_colour, &a.colour,
		       "auto (default: on a terminal, unless NO_COLOR is set), always, never"),
		FS_OPT_END,
	};
	struct fs_args args;
	int ret = fs_opts_parse(&usage, opts, argc, argv, &args);

	if (ret >= 0)
		return ret;
	if (a.csv && a.json)
		return fs_opts_bad(&usage, "--csv and --json both want stdout: choose one");
	if ((a.variants || a.csv) && (a.folded || a.fork || a.cohort))
		return fs_opts_bad(
			&usage,
			"--variants and --csv are about all forks: not with --folded, --fork or --cohort");
	if (a.json && a.folded)
		return fs_opts_bad(&usage, "--json and --folded both want stdout: choose one");
	if (fs_out_is_stdout(a.svg) && (a.json || a.folded))
		return fs_opts_bad(&usage, "--svg %s and %s both want stdout: choose one", a.svg,
				   a.json ? "--json" : "--folded");
	/* a reader that leaves (head, less) is an error of write(), not the end of this process */
	signal(SIGPIPE, SIG_IGN);
	return report(&a, args.pos[0]);
}
