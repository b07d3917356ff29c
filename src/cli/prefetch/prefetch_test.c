// SPDX-License-Identifier: BSD-2-Clause
/* forkscope prefetch test: forks with a prefetch against forks without, from recordings or made
 * now. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "base/log.h"
#include "base/vec.h"
#include "bench/result.h"
#include "cli/bench/bench_opt_parsers.h"
#include "cli/bench/bench_run.h"
#include "cli/cmds.h"
#include "cli/output.h"
#include "cli/prefetch/prefetch_verbs.h"
#include "cli/prefetch/prefetch_verdict.h"
#include "stats/stats.h"

#define NULL_LIMIT 0.06 /* share of null tests that may come out supported */
#define OWN_ROWS   20

struct asked {
	struct prefetch_asked t;
	struct bench_asked bench; /* how forks are made */
	struct prefetch_brought p;
	const char *ranges, *mechanism;
	unsigned int null_rounds;
	bool from;
	json_t *reported; /* what the bench wrote of the forks of a recording, or NULL */
};

static const struct fs_usage usage = {
	.command = "prefetch test",
	.synopsis =
		"--from RECORDING [RECORDING] | --vmm VMM --snapshot DIR --prefetch WHAT -o FILE [OPTIONS...] [-- COMMAND...]",
	.what = "Tests whether forks with a prefetch are faster than forks without, and says what the verdict\nrests on. Of recordings (--from), the forks without it are those of the first recording, or of the first of --variants. Otherwise it makes the forks itself, as forkscope bench does: each without and with the prefetch, interleaved in random order, recorded into FILE. Then root is needed.\n",
	.notes =
		"Marks name the variants (forkscope mark arm:NAME --pid VMM). Of two variants the one called none,\nor ending in :none, is the baseline.\n\n"
		"Exit status: 0 supported; 4 refuted; 5 inconclusive; 1 failed; 2 wrong usage. With --null:\n0 the test holds, 4 it does not.\n",
	.max_pos = 2,
	.takes_command = true,
};

/* --- the null test --- */

static int run_null(const struct asked *x, const struct prefetch_rec *r)
{
	const struct fsx_group *g = prefetch_group(r, x->t.variants);
	double *v = g ? calloc(g->n + 1, sizeof(*v)) : NULL;
	unsigned int n = 0;
	int ret;

	if (!v)
		return FS_EXIT_FAILED;
	for (size_t i = 0; i < g->n; i++)
		v[i] = g->forks[i]->complete ? (double)g->forks[i]->gap_ns : INFINITY;
	ret = fss_null_test(v, g->n, x->null_rounds, x->t.seed, &n);
	free(v);
	if (ret) {
		fs_error("a null test needs at least %d forks, \"%s\" has %zu", 2 * FSS_MIN_N,
			 g->name, g->n);
		return FS_EXIT_FAILED;
	}
	printf("null test: %u random halves of the %zu forks \"%s\" (seed %u): %u supported, %.1f %% (at most %.0f %% may)\n",
	       x->null_rounds, g->n, g->name, x->t.seed, n, 100.0 * n / x->null_rounds,
	       100 * NULL_LIMIT);
	ret = fs_out_stdout(0);
	if (ret)
		return ret;
	return n <= NULL_LIMIT * x->null_rounds ? FS_EXIT_OK : FS_EXIT_NO;
}

/* --- of recordings --- */

/* The variant @name in what the bench wrote, NULL: the only one with a prefetch. NULL if there is
 * none.
 */
static const json_t *recorded_variant(const json_t *run, const char *name)
{
	const json_t *found = NULL;
	json_t *variant;
	size_t i;

	json_array_foreach (json_object_get(run, "arms"), i, variant) {
		const char *s = json_string_value(json_object_get(variant, "name"));
		bool it = json_array_size(json_object_get(variant, "ranges")) &&
			  (!name || (s && !strcmp(s, name)));

		if (it && found)
			return NULL;
		found = it ? variant : found;
	}
	return found;
}

static int add_reported(struct asked *x, const json_t *ranges)
{
	json_t *range;
	size_t i;

	json_array_foreach (ranges, i, range) {
		json_int_t off = json_integer_value(json_array_get(range, 0));
		json_int_t len = json_integer_value(json_array_get(range, 1));

		if (i >= FSX_MAX_RANGES || off < 0 || len <= 0 || off > INT64_MAX - len)
			return -EINVAL;
		if (fs_vec_push(&x->p.h.set, (struct fs_range){(uint64_t)off, (uint64_t)len}))
			return -ENOMEM;
	}
	fsx_ranges_tidy(&x->p.h.set);
	return 0;
}

/* What was prefetched stands in the bench's FILE.json next to its recording, unless it is given. */
static void take_reported(struct asked *x, const char *recording)
{
	const char *name = x->t.variants ? strchr(x->t.variants, ',') : NULL, *how;
	char path[PATH_MAX];
	const json_t *variant;
	json_error_t e;

	snprintf(path, sizeof(path), "%s.json", recording);
	if (x->p.text || x->null_rounds || access(path, F_OK))
		return;
	x->reported = json_load_file(path, 0, &e);
	variant = x->reported ? recorded_variant(x->reported, name ? name + 1 : NULL) : NULL;
	if (!x->reported || (variant && add_reported(x, json_object_get(variant, "ranges")))) {
		fs_warn("%s does not name what was prefetched%s%s: give --ranges", path,
			x->reported ? "" : ": ", x->reported ? "" : e.text);
		x->p.h.set.n = 0;
		return;
	}
	if (!variant)
		return;
	x->p.text = json_string_value(json_object_get(variant, "prefetch")) ?: "ranges";
	how = json_string_value(json_object_get(x->reported, "mechanism"));
	if (!x->mechanism && how && !strcmp(how, fs_mechanism_names[FS_MECH_POPULATE]))
		x->p.m = FSX_POPULATE;
}

static int with_recordings(struct asked *x, const struct fs_args *args)
{
	struct prefetch_rec one, two;
	int ret = prefetch_open(args->pos[0], &x->t.window, &one);

	take_reported(x, args->pos[args->npos - 1]);
	if (ret)
		return ret;
	if (x->null_rounds) {
		ret = run_null(x, &one);
	} else if (args->npos == 1) {
		ret = prefetch_judge(&x->t, &one, &one, &x->p, NULL);
	} else {
		ret = prefetch_open(args->pos[1], &x->t.window, &two);
		if (!ret) {
			ret = prefetch_judge(&x->t, &one, &two, &x->p, NULL);
			prefetch_close(&two);
		}
	}
	prefetch_close(&one);
	return ret;
}

/* --- of forks that are made now --- */

/* What the prefetch's variant brought, as the model of its ceiling takes it. */
static int set_prefetch(struct asked *x, const struct fs_variant *variant)
{
	x->p.text = x->ranges ? x->ranges : variant->spec->text;
	for (size_t i = 0; i < variant->ranges.n; i++)
		if (fs_vec_push(&x->p.h.set, variant->ranges.v[i])) {
			fs_error("no memory for the ranges");
			return FS_EXIT_FAILED;
		}
	fsx_ranges_tidy(&x->p.h.set);
	return FS_EXIT_OK;
}

static int judge_run(const struct bench_done *d, void *arg)
{
	struct asked *x = arg;
	const struct fs_bench *b = d->b;
	char variants[2 * FS_VARIANT_NAME + 2];
	json_t *run = fs_bench_json(b);
	struct prefetch_rec r;
	int ret;

	snprintf(variants, sizeof(variants), "%s,%s", b->variants[0].name, b->variants[1].name);
	x->t.variants = variants;
	if (d->stopped)
		fs_warn("interrupted: the verdict is on the forks that were made until then");
	json_object_del(run, "forks"); /* FILE.json holds them */
	ret = set_prefetch(x, &b->variants[1]);
	ret = ret ? ret : prefetch_open(d->a->output, &x->t.window, &r);
	if (!ret) {
		ret = prefetch_judge(&x->t, &r, &r, &x->p, run);
		if (!x->t.json)
			fs_bench_others(b, stdout);
		prefetch_close(&r);
	}
	json_decref(run);
	return ret;
}

/* --- options --- */

/* The model's name of a mechanism, or the bench's, which says how it is done. */
static int read_mechanism(struct asked *x)
{
	enum fs_mechanism *how = &x->bench.o.how;
	const char *name = x->mechanism;
	char why[FS_SENTENCE];

	if (!name)
		return -1;
	if (!bench_opt_mechanism(name, how, why, sizeof(why))) {
		x->p.m = *how == FS_MECH_POPULATE ? FSX_POPULATE : FSX_PAGE_CACHE;
		return -1;
	}
	if (fsx_mechanism_parse(name, &x->p.m) || (!x->from && x->p.m == FSX_PRE_FAULT))
		return fs_opts_bad(
			&usage,
			"--mechanism is read, willneed, readahead or populate, or with --from page-cache, populate or pre-fault, not \"%s\"",
			name);
	return -1;
}

static int finalize_from(struct asked *x, const struct fs_opt *made, const struct fs_args *args)
{
	char err[FS_SENTENCE];

	for (; made->name; made++)
		if (made->given)
			return fs_opts_bad(
				&usage,
				"--from tests forks that were made before, and %s is about making them: leave one out",
				made->name);
	if (args->nafter)
		return fs_opts_bad(&usage, "takes no command after -- with --from");
	if (!args->npos)
		return fs_opts_bad(&usage, "--from which recording?");
	if (!x->ranges)
		return -1;
	x->p.text = x->ranges;
	if (fsx_ranges_load(x->ranges, &x->p.h.set, err, sizeof(err))) {
		fs_error("%s", err);
		return FS_EXIT_FAILED;
	}
	fsx_ranges_tidy(&x->p.h.set);
	return -1;
}

/* --ranges LIST is a hypothesis as --prefetch WHAT is, called by that name. */
static int finalize_ranges(struct asked *x)
{
	struct bench_asked *a = &x->bench;
	char err[FS_SENTENCE];

	if (!x->ranges)
		return -1;
	if (a->nprefetch)
		return fs_opts_bad(
			&usage,
			"--prefetch and --ranges both say what is prefetched: leave one out");
	if (bench_opt_workingset(x->ranges, &a->o.workingset, err, sizeof(err))) {
		fs_error("%s", err);
		return FS_EXIT_FAILED;
	}
	a->prefetch[0] =
		(struct fs_prefetch_spec){.kind = FS_PREFETCH_WORKINGSET, .text = "ranges"};
	a->nprefetch = 1;
	return -1;
}

static int finalize_run(struct asked *x, const struct fs_args *args)
{
	struct bench_asked *a = &x->bench;
	int ret = finalize_ranges(x);

	if (ret >= 0)
		return ret;
	if (args->npos)
		return fs_opts_bad(
			&usage,
			"recordings are tested with --from; without it forks are made: what is \"%s\"?",
			args->pos[0]);
	if (a->nprefetch != 1 || a->prefetch[0].kind == FS_PREFETCH_NONE)
		return fs_opts_bad(
			&usage,
			"which prefetch is to be tested? One --prefetch WHAT, or --ranges LIST");
	if (a->prefetch[0].kind == FS_PREFETCH_WORKINGSET && !x->ranges)
		return fs_opts_bad(
			&usage,
			"the working set is given by --ranges FILE, as forkscope prefetch export writes it");
	if (a->nsignals != 1)
		return fs_opts_bad(&usage, "one --signal: a test is about one snapshot");
	if (x->null_rounds || x->t.variants)
		return fs_opts_bad(&usage, "%s is for recordings: --from",
				   x->t.variants ? "--variants" : "--null");
	if (!a->output)
		return fs_opts_bad(&usage, "no recording is named: -o FILE");
	ret = prefetch_check(&x->t);
	if (ret)
		return ret;
	a->prefetch[1] = a->prefetch[0];
	a->prefetch[0] = (struct fs_prefetch_spec){.kind = FS_PREFETCH_NONE, .text = "none"};
	a->nprefetch = 2;
	a->o.timeout_ns = x->t.window.timeout_ns ? x->t.window.timeout_ns : a->o.timeout_ns;
	a->end = x->t.window.end ? x->t.window.end : a->end;
	return bench_opts_finalize(a, &usage, args);
}

static int parse(struct asked *x, int argc, char **argv, struct fs_args *args)
{
	struct bench_asked *a = &x->bench;
	struct fs_opt opts[OWN_ROWS + BENCH_ROWS] = {
		FS_OPT("--from", NULL, NULL, fs_opt_flag, &x->from,
		       "the forks are in these recordings"),
		FS_OPT("--variants", NULL, "WITHOUT,WITH", fs_opt_string, &x->t.variants,
		       "of recordings: the two variants; with --null one group of forks"),
		FS_OPT_OLD("--arms", "WITHOUT,WITH", fs_opt_string, &x->t.variants),
		FS_OPT("--null", NULL, "ROUNDS", fs_opt_uint, &x->null_rounds,
		       "of a recording, instead: halves of one group against each other, how often they differ"),
		FS_OPT("--ranges", NULL, "LIST", fs_opt_string, &x->ranges,
		       "what was prefetched (--from: what became of it is reported; default: what RECORDING.json says, if the bench wrote it), or is to be: as for ceiling"),
		FS_OPT("--mechanism", NULL, "NAME", fs_opt_string, &x->mechanism,
		       "how: read (the default), willneed, readahead, or populate: through the VMM's own mapping; with --from page-cache (the default), populate or pre-fault, for the ceiling"),
		FS_OPT("--delta", NULL, "GAIN", fs_opt_string, &x->t.delta,
		       "a smaller gain does not matter: 5% of the baseline's median (default), or a time"),
		FS_OPT("--seed", NULL, "N", fs_opt_uint, &x->t.seed,
		       "of the resampling (default 1), and of the forks' order (default: a random one, which is printed)"),
		PREFETCH_WINDOW_OPTS(&x->t.window),
		FS_OPT("--json", NULL, NULL, fs_opt_flag, &x->t.json, "one JSON object"),
		FS_OPT("--color", NULL, "WHEN", fs_out_opt_colour, &x->t.colour,
		       "auto (default: on a terminal, unless NO_COLOR is set), always, never"),
		FS_OPT("--prefetch", NULL, "WHAT", bench_opt_prefetch, a,
		       "making forks: what is prefetched: mailbox:SIZE (around the mailbox), head:SIZE, range:OFFSET:SIZE, or all; or give --ranges"),
		FS_OPT("--signal", NULL, "SIGNAL", bench_opt_signals, a,
		       "the resume signal that the snapshot's agent waits for: auto (default), vmclock, vmgenid, vmclock-spin, none"),
	};
	size_t own = 0, made = 0;
	int ret;

	bench_opts_defaults(a);
	a->nprefetch = 0;
	for (; opts[own].name; own++)
		if (!strcmp(opts[own].name, "--prefetch"))
			made = own;
	bench_opts_rows(a, opts + own);
	ret = fs_opts_parse(&usage, opts, argc, argv, args);
	if (ret < 0)
		ret = read_mechanism(x);
	if (ret >= 0)
		return ret;
	for (const struct fs_opt *o = opts; o->name; o++)
		if (!strcmp(o->name, "--seed") && o->given)
			a->o.seed = x->t.seed;
	return x->from ? finalize_from(x, opts + made, args) : finalize_run(x, args);
}

int prefetch_test(int argc, char **argv)
{
	struct asked x = {.t = {.usage = &usage, .seed = 1},
			  .p = {.h = {.which = FSX_RANGES, .name = "--ranges"}}};
	struct fs_args args;
	int ret = parse(&x, argc, argv, &args);

	if (ret < 0)
		ret = x.from ? with_recordings(&x, &args) : bench_run(&x.bench, judge_run, &x);
	fsx_hypothesis_free(&x.p.h);
	json_decref(x.reported);
	bench_opts_free(&x.bench);
	return ret;
}
