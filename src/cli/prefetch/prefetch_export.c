// SPDX-License-Identifier: BSD-2-Clause
/* forkscope prefetch export: writes the pages that forks touched, for a prefetcher to bring. */
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "cli/cmds.h"
#include "cli/output.h"
#include "cli/prefetch/prefetch_rec.h"
#include "cli/prefetch/prefetch_verbs.h"
#include "render/workset_view.h"

struct asked {
	struct prefetch_window window;
	const char *format, *cohort, *out;
	uint64_t gap;
	unsigned int min_forks;
};

static const struct fs_usage usage = {
	.command = "prefetch export",
	.synopsis = "[OPTIONS] RECORDING",
	.what = "Writes the pages of the memory file that forks touched in their windows, in the order in\nwhich they did, for a prefetcher to bring.\n",
	.notes =
		"Formats: ranges (lines of offset and length, with the set's stability in comments; what\nbench --prefetch workingset and ceiling --ranges read), hpl (the hot-page list of a\nuserfaultfd server), json. The formats are described in docs/prefetch.md.\n\n"
		"Exit status: 0 done; 1 failed, or no page of the memory file was touched; 2 wrong usage;\n3 done, but the recording is not complete.\n",
	.min_pos = 1,
	.max_pos = 1,
};

/* What may be replaced: a set that was exported before, in any format. */
static const char *const exported[] = {FSV_WORKSET_BEGINS, FSX_HPL_MAGIC, FS_OUT_JSON_BEGINS, NULL};

static int write_set(const struct asked *a, const struct fsv_workset *w)
{
	bool hpl = !strcmp(a->format, "hpl");
	int ret = 0, io;
	char why[300];
	FILE *out;

	if (hpl && fsv_workset_hpl(w, NULL, why, sizeof(why))) {
		fs_error("%s", why);
		return FS_EXIT_FAILED;
	}
	out = fs_out_open(a->out ? a->out : "-", exported);
	if (!out)
		return FS_EXIT_FAILED;
	if (hpl)
		ret = fsv_workset_hpl(w, out, why, sizeof(why));
	else if (!strcmp(a->format, "json"))
		ret = fsv_workset_json(w, out);
	else
		fsv_workset_ranges(w, out);
	if (out == stdout)
		return fs_out_stdout(ret);
	io = fs_out_close(out);
	ret = ret ? ret : io;
	if (!ret)
		return FS_EXIT_OK;
	fs_error("cannot write %s: %s", a->out, strerror(-ret));
	return FS_EXIT_FAILED;
}

static int export(const struct asked *a, const struct prefetch_rec *r)
{
	struct fsv_workset w = {.view = &r->rec.view, .gap = a->gap};
	int ret = FS_EXIT_FAILED;
	char left[256];

	w.group = prefetch_group(r, a->cohort);
	if (!w.group)
		return ret;
	if (fsx_workset_make(w.group->forks, w.group->n, &w.set)) {
		fs_error("no memory");
		return ret;
	}
	/* half of them, rounded up; with one fork that one */
	w.min_forks = a->min_forks ? a->min_forks : (w.set.forks + 1) / 2;
	if (!w.set.forks)
		fs_error("no fork \"%s\" reached its end", w.group->name);
	else if (w.min_forks > w.set.forks)
		fs_error("--min-forks %zu: only %zu forks \"%s\" reached their end", w.min_forks,
			 w.set.forks, w.group->name);
	else if (fsx_workset_ranges(&w.set, w.min_forks, a->gap, &w.ranges, &w.at))
		fs_error("no memory");
	else if (!w.ranges.n)
		fs_error(
			"no page of the memory file was touched by %zu of the forks \"%s\" (%llu touches were elsewhere)",
			w.min_forks, w.group->name, (unsigned long long)w.set.nowhere);
	else
		ret = write_set(a, &w);
	if (!ret && w.set.forks < 2)
		fs_warn("the set is that of one fork: how stable it is is not known");
	if (fsv_workset_left_out(&w, left, sizeof(left)))
		fs_warn("%s", left);
	free(w.at);
	fs_ranges_free(&w.ranges);
	fsx_workset_free(&w.set);
	return ret;
}

int prefetch_export(int argc, char **argv)
{
	struct asked a = {.format = "ranges"};
	struct fs_opt opts[] = {
		FS_OPT("--format", NULL, "FORMAT", fs_opt_string, &a.format,
		       "ranges (default), hpl or json"),
		FS_OPT("--merge-gap", NULL, "SIZE", fs_opt_bytes, &a.gap,
		       "pages closer than this become one range, with what lies between (default 0B: adjacent ones)"),
		FS_OPT("--min-forks", NULL, "N", fs_opt_uint, &a.min_forks,
		       "pages that at least N forks touched (default: half of them)"),
		FS_OPT("--cohort", NULL, "NAME", fs_opt_string, &a.cohort,
		       "of these forks (default: the largest group)"),
		PREFETCH_WINDOW_OPTS(&a.window),
		FS_OPT("--output", "-o", "FILE", fs_opt_string, &a.out,
		       "write there (default: stdout)"),
		FS_OPT_END,
	};
	struct prefetch_rec r;
	struct fs_args args;
	int ret = fs_opts_parse(&usage, opts, argc, argv, &args), complete;

	if (ret >= 0)
		return ret;
	if (strcmp(a.format, "ranges") && strcmp(a.format, "hpl") && strcmp(a.format, "json"))
		return fs_opts_bad(&usage, "--format is ranges, hpl or json, not \"%s\"", a.format);
	ret = prefetch_open(args.pos[0], &a.window, &r);
	if (ret)
		return ret;
	ret = export(&a, &r);
	if (!ret) {
		complete = fs_rec_complete(&r.rec.view);
		ret = complete;
	}
	prefetch_close(&r);
	return ret;
}
