// SPDX-License-Identifier: BSD-2-Clause
/* forkscope diff: is B slower than A, and where? Needs no root and no kernel. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "base/log.h"
#include "base/opts.h"
#include "cli/cmds.h"
#include "cli/output.h"
#include "cli/recording.h"
#include "render/diff_view.h"

#define SEED 1

struct asked {
	const char *start, *end, *cohort, *svg, *symbols, *fail_on, *colour, *population;
	uint64_t timeout_ns;
	enum fsa_vm_kind kind;
	bool json, no_guest;
};

static const struct fs_usage usage = {
	.command = "diff",
	.synopsis = "[OPTIONS] A B",
	.what = "Says how much longer the forks of recording B took than those of A, in which\n"
		"buckets, causes and stages, and whether that is more than chance. Forks are\n"
		"compared with forks of the same cohort only.\n",
	.notes = "LIMITS is one or more of WHAT>AMOUNT, with commas between: gap>5%,notify>2ms.\n"
		 "WHAT is gap, a bucket (memory_faults), a cause (fault.major) or a stage\n"
		 "(notify); AMOUNT is a share of A's median or a time. They are held against the\n"
		 "first cohort that both have (\"steady\"), or the one of --cohort.\n\n"
		 "Exit status: 0 done, and no limit is exceeded; 1 failed; 2 wrong usage; 3 done,\n"
		 "but a recording lacks something; 4 a limit is certainly exceeded; 5 too few or\n"
		 "too different forks to say whether one is.\n",
	.min_pos = 2,
	.max_pos = 2,
};

static int write_svg(const struct fsv_diff *d, const char *path)
{
	FILE *out = fs_out_open(path, fs_out_svg);
	int ret, io;

	if (!out)
		return FS_EXIT_FAILED;
	ret = fsv_diff_svg(d, out);
	io = fs_out_close(out);
	ret = ret ? ret : io;
	if (!ret)
		return FS_EXIT_OK;
	fs_error("cannot write %s: %s", path, strerror(-ret));
	return FS_EXIT_FAILED;
}

static int no_common(const struct fsv_view *a, const struct fsv_view *b)
{
	const struct fsv_view *sides[] = {a, b};

	fs_error("no set of forks to compare: no cohort%s%s%s is in both recordings",
		 a->cohort ? " \"" : "", a->cohort ? a->cohort : "", a->cohort ? "\"" : "");
	for (size_t s = 0; s < 2; s++)
		for (size_t i = 0; i < sides[s]->res->ncohorts; i++)
			fs_info("  %s: \"%s\" (%zu fork%s)", sides[s]->path,
				sides[s]->res->cohorts[i].name, sides[s]->res->cohorts[i].n,
				sides[s]->res->cohorts[i].n == 1 ? "" : "s");
	return FS_EXIT_FAILED;
}

static int render(const struct asked *a, struct fsv_diff *d)
{
	enum fss_verdict worst = FSS_REFUTED;
	int ret = FS_EXIT_OK;

	if (a->fail_on)
		worst = fsx_diff_judge(&d->diff);
	if (a->svg)
		ret = write_svg(d, a->svg);
	if (!ret && a->json)
		ret = fs_out_stdout(fsv_diff_json(d, stdout));
	else if (!ret && !fs_out_is_stdout(a->svg)) {
		fsv_diff_text(d, stdout);
		ret = fs_out_stdout(0);
	}
	if (ret)
		return ret;
	return worst == FSS_SUPPORTED      ? FS_EXIT_NO
	       : worst == FSS_INCONCLUSIVE ? FS_EXIT_INCONCLUSIVE
					   : FS_EXIT_OK;
}

static int compare(const struct asked *a, struct fsv_view *va, struct fsv_view *vb,
		   const struct fsx_diff *limits)
{
	struct fsv_diff d = {.a = va, .b = vb};
	int ret, lacks;

	va->cohort = vb->cohort = a->cohort;
	va->colour = vb->colour = fs_out_colour(a->colour, a->json);
	va->columns = vb->columns = fs_out_columns();
	ret = fsx_diff_make(va->res, vb->res, a->cohort, SEED, &d.diff);
	if (ret == -ENOENT)
		return no_common(va, vb);
	if (ret) {
		fs_error("cannot compare: %s", strerror(-ret));
		return FS_EXIT_FAILED;
	}
	memcpy(d.diff.limits, limits->limits, sizeof(d.diff.limits));
	d.diff.nlimits = limits->nlimits;
	ret = render(a, &d);
	fsx_diff_free(&d.diff);
	if (ret == FS_EXIT_FAILED)
		return ret;
	lacks = fs_rec_complete(va) | fs_rec_complete(vb);
	return ret ? ret : lacks;
}

static int diff(const struct asked *a, char **paths, const struct fsx_diff *limits)
{
	struct fs_rec_opts o = {.start = a->start,
				.end = a->end,
				.kind = a->kind,
				.timeout_ns = a->timeout_ns,
				.symbols = a->symbols,
				.population = a->population,
				.no_guest = a->no_guest,
				.drop_segs = !a->svg};
	struct fs_rec ra, rb;
	int ret = fs_rec_open(paths[0], &o, &ra);

	if (ret)
		return ret;
	ret = fs_rec_open(paths[1], &o, &rb);
	if (!ret) {
		ret = compare(a, &ra.view, &rb.view, limits);
		fs_rec_close(&rb);
	}
	fs_rec_close(&ra);
	return ret;
}

int cmd_diff(int argc, char **argv)
{
	struct asked a = {0};
	struct fs_opt opts[] = {
		FS_OPT("--cohort", NULL, "NAME", fs_opt_string, &a.cohort,
		       "only this set of forks"),
		FS_OPT("--start", NULL, "START", fs_opt_string, &a.start,
		       "where the windows begin: resume (default), load or spawn"),
		FS_OPT("--end", NULL, "END", fs_opt_string, &a.end, "where they end"),
		FS_OPT("--kind", NULL, "KIND", fs_rec_opt_kind, &a.kind, FS_REC_KIND_HELP),
		FS_OPT("--timeout", NULL, "TIME", fs_opt_some_ns, &a.timeout_ns,
		       "how long to wait for a fork's end"),
		FS_REC_POPULATION(&a.population),
		FS_OPT("--fail-on", NULL, "LIMITS", fs_opt_string, &a.fail_on,
		       "exit with 4 when B is certainly longer by more than that"),
		FS_OPT("--json", NULL, NULL, fs_opt_flag, &a.json, "one JSON object"),
		FS_OPT("--svg", NULL, "FILE", fs_opt_string, &a.svg,
		       "the difference as a flame graph; - is stdout"),
		FS_OPT("--no-guest", NULL, NULL, fs_opt_flag, &a.no_guest,
		       "leave the guests' own records out of account"),
		FS_OPT("--guest-symbols", NULL, "FILE", fs_opt_string, &a.symbols,
		       "the guests' vmlinux, System.map or kallsyms, instead of their own"),
		FS_OPT("--color", NULL, "WHEN", fs_out_opt_colour, &a.colour,
		       "auto (default: on a terminal, unless NO_COLOR is set), always, never"),
		FS_OPT_END,
	};
	struct fsx_diff limits = {0};
	char err[FS_SENTENCE] = "";
	struct fs_args args;
	int ret = fs_opts_parse(&usage, opts, argc, argv, &args);

	if (ret >= 0)
		return ret;
	if (a.json && fs_out_is_stdout(a.svg))
		return fs_opts_bad(&usage, "--svg %s and --json both want stdout: choose one",
				   a.svg);
	if (a.fail_on && fsx_diff_limits(&limits, a.fail_on, err, sizeof(err)))
		return fs_opts_bad(&usage, "--fail-on: %s", err);
	signal(SIGPIPE, SIG_IGN); /* a reader that leaves is an error of write() */
	return diff(&a, args.pos, &limits);
}
