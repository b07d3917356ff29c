// SPDX-License-Identifier: BSD-2-Clause
/* forkscope prefetch test: forks with a prefetch against forks without, from recordings. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/units.h"
#include "cli/cmds.h"
#include "cli/output.h"
#include "cli/prefetch.h"
#include "render/abtest.h"

#define ERR_LEN    256
#define NULL_LIMIT 0.06 /* share of null tests that may come out supported */

struct asked {
	struct prefetch_window window;
	const char *arms, *ranges, *mechanism, *delta, *colour;
	unsigned int seed, null_rounds;
	bool from, json;
};

static const struct fs_usage usage = {
	.command = "prefetch test",
	.synopsis = "--from RECORDING [RECORDING] [OPTIONS]",
	.what = "Tests whether forks with a prefetch are faster than forks without, and says what "
		"the verdict\nrests on. The forks without it are those of the first recording, or "
		"of "
		"the first of --arms.\n",
	.notes = "Arms are told by marks (forkscope mark arm:NAME --pid VMM). Of two arms the one "
		 "called none,\nor ending in :none, is the baseline.\n\n"
		 "Exit status: 0 supported; 4 refuted; 5 inconclusive; 1 failed; 2 wrong usage. "
		 "With "
		 "--null:\n0 the test holds, 4 it does not.\n",
	.min_pos = 1,
	.max_pos = 2,
};

/* --- arms --- */

/* Fills @x from the groups of @arm (NULL: of all arms there are, which must be one). */
static int make_arm(const struct prefetch_rec *r, const char *arm, struct fsx_arm *x)
{
	const struct fsx_group *g;

	for (size_t i = 0; !arm && i < r->groups.n; i++)
		if (strcmp(r->groups.v[i].arm, r->groups.v[0].arm)) {
			fs_error("%s holds several arms: choose two with --arms", r->rec.view.path);
			return FS_EXIT_USAGE;
		}
	arm = arm ? arm : r->groups.v[0].arm;
	g = fsx_group_find(&r->groups, arm, FSX_STEADY);
	snprintf(x->name, sizeof(x->name), "%s", *arm ? arm : "all forks");
	if (!g) {
		fs_error("%s holds no steady fork of the arm \"%s\" (the first of each snapshot, "
			 "those with a lost mailbox ack, and those cut short are none)",
			 r->rec.view.path, x->name);
		return FS_EXIT_FAILED;
	}
	x->forks = g->forks;
	x->n = g->n;
	g = fsx_group_find(&r->groups, arm, FSX_FIRST);
	x->first = g ? g->n : 0;
	g = fsx_group_find(&r->groups, arm, FSX_ACK_LOST);
	x->ack_lost = g ? g->n : 0;
	g = fsx_group_find(&r->groups, arm, FSX_CUT);
	x->cut = g ? g->n : 0;
	return FS_EXIT_OK;
}

static bool is_baseline(const char *arm)
{
	size_t n = strlen(arm);

	return !strcmp(arm, "none") || (n > 5 && !strcmp(arm + n - 5, ":none"));
}

/* The two arms of one recording, the baseline first. */
static int two_arms(const struct prefetch_rec *r, const char **first, const char **second)
{
	const char *seen[2] = {r->groups.v[0].arm, NULL};

	for (size_t i = 1; i < r->groups.n; i++) {
		const char *arm = r->groups.v[i].arm;

		if (!strcmp(arm, seen[0]) || (seen[1] && !strcmp(arm, seen[1])))
			continue;
		if (seen[1]) {
			fs_error("%s holds more than two arms: choose two with --arms",
				 r->rec.view.path);
			return FS_EXIT_USAGE;
		}
		seen[1] = arm;
	}
	if (!seen[1]) {
		fs_error("%s holds no two arms: mark them while recording (forkscope mark arm:NAME "
			 "--pid VMM), or give two recordings",
			 r->rec.view.path);
		return FS_EXIT_USAGE;
	}
	if (is_baseline(seen[0]) == is_baseline(seen[1])) {
		fs_error("\"%s\" or \"%s\": which is without the prefetch? Give --arms "
			 "WITHOUT,WITH",
			 seen[0], seen[1]);
		return FS_EXIT_USAGE;
	}
	*first = is_baseline(seen[0]) ? seen[0] : seen[1];
	*second = is_baseline(seen[0]) ? seen[1] : seen[0];
	return FS_EXIT_OK;
}

/* "WITHOUT,WITH" into two names. */
static int split_arms(const char *text, char names[2][64])
{
	size_t n = strcspn(text, ",");

	if (!text[n] || !n || n >= sizeof(names[0]) || !text[n + 1] ||
	    strlen(text + n + 1) >= sizeof(names[1]) || strchr(text + n + 1, ','))
		return fs_opts_bad(&usage, "--arms takes two names, as in none,workingset");
	snprintf(names[0], sizeof(names[0]), "%.*s", (int)n, text);
	snprintf(names[1], sizeof(names[1]), "%s", text + n + 1);
	return FS_EXIT_OK;
}

static int choose_arms(const struct asked *a, const struct prefetch_rec *one,
		       const struct prefetch_rec *two, struct fsx_arm arms[2])
{
	const char *first = NULL, *second = NULL;
	char names[2][64] = {"", ""};
	int ret = FS_EXIT_OK;

	if (a->arms) {
		ret = split_arms(a->arms, names);
		first = names[0];
		second = names[1];
	} else if (one == two) {
		ret = two_arms(one, &first, &second);
	}
	ret = ret ? ret : make_arm(one, first, &arms[0]);
	return ret ? ret : make_arm(two, second, &arms[1]);
}

/* --- the test --- */

/* "5%" or a time; -1: not given. */
static int read_delta(const char *text, double median, double *delta)
{
	uint64_t ns;
	double pct;
	char *end;

	*delta = -1;
	if (!text)
		return FS_EXIT_OK;
	pct = strtod(text, &end);
	if (end != text && !strcmp(end, "%") && pct > 0 && pct <= 100) {
		*delta = pct / 100 * median;
		return FS_EXIT_OK;
	}
	if (fs_parse_ns(text, &ns) || !ns)
		return fs_opts_bad(&usage,
				   "--delta takes a share or a time, as in 5%% or 10ms, "
				   "not \"%s\"",
				   text);
	*delta = (double)ns;
	return FS_EXIT_OK;
}

static double median_gap(const struct fsx_arm *x)
{
	double *v = calloc(x->n + 1, sizeof(*v)), m = 0;

	for (size_t i = 0; v && i < x->n; i++)
		v[i] = x->forks[i]->complete ? (double)x->forks[i]->gap_ns : INFINITY;
	if (v && !fss_sort(v, x->n))
		m = fss_median(v, x->n);
	free(v);
	return m;
}

static int exit_of(enum fss_verdict v)
{
	static const int codes[] = {[FSS_SUPPORTED] = FS_EXIT_OK,
				    [FSS_REFUTED] = FS_EXIT_NO,
				    [FSS_INCONCLUSIVE] = FS_EXIT_INCONCLUSIVE};

	return codes[v];
}

static int run_test(const struct asked *a, struct prefetch_rec *one, struct prefetch_rec *two,
		    const struct fsx_hypothesis *h, enum fsx_mechanism m)
{
	struct fsx_arm arms[2] = {0};
	struct fsx_abtest t;
	struct fsv_abtest v = {
		.test = &t, .a = &one->rec.view, .b = &two->rec.view, .ranges = a->ranges};
	struct fsx_left left;
	double delta;
	int ret = choose_arms(a, one, two, arms);

	ret = ret ? ret : read_delta(a->delta, median_gap(&arms[0]), &delta);
	if (ret)
		return ret;
	if (fsx_left_of(one->rec.res, &left) ||
	    fsx_abtest_make(&arms[0], &arms[1], h, m, &left, delta, a->seed, &t)) {
		fs_error("no memory for the test");
		return FS_EXIT_FAILED;
	}
	one->rec.view.colour = fs_out_colour(a->colour, a->json);
	if (a->json)
		ret = fs_out_stdout(fsv_abtest_json(&v, stdout));
	else
		fsv_abtest_text(&v, stdout);
	ret = ret || a->json ? ret : fs_out_stdout(0);
	(void)fs_rec_complete(&one->rec.view); /* its warnings; the exit status is the verdict's */
	if (one != two)
		(void)fs_rec_complete(&two->rec.view);
	return ret ? ret : exit_of(t.test.verdict);
}

/* --- the null test --- */

static int run_null(const struct asked *a, const struct prefetch_rec *r)
{
	const struct fsx_group *g = prefetch_group(r, a->arms);
	double *v = g ? calloc(g->n + 1, sizeof(*v)) : NULL;
	unsigned int n = 0;
	int err;

	if (!v)
		return FS_EXIT_FAILED;
	for (size_t i = 0; i < g->n; i++)
		v[i] = g->forks[i]->complete ? (double)g->forks[i]->gap_ns : INFINITY;
	err = fss_null_test(v, g->n, a->null_rounds, a->seed, &n);
	free(v);
	if (err) {
		fs_error("a null test needs at least %d forks, \"%s\" has %zu", 2 * FSS_MIN_N,
			 g->name, g->n);
		return FS_EXIT_FAILED;
	}
	printf("null test: %u random halves of the %zu forks \"%s\" (seed %u): %u supported, "
	       "%.1f %% (at most %.0f %% may)\n",
	       a->null_rounds, g->n, g->name, a->seed, n, 100.0 * n / a->null_rounds,
	       100 * NULL_LIMIT);
	err = fs_out_stdout(0);
	if (err)
		return err;
	return n <= NULL_LIMIT * a->null_rounds ? FS_EXIT_OK : FS_EXIT_NO;
}

static int with_recordings(const struct asked *a, const struct fs_args *args,
			   const struct fsx_hypothesis *h, enum fsx_mechanism m)
{
	struct prefetch_rec one, two;
	int ret = prefetch_open(args->pos[0], &a->window, &one);

	if (ret)
		return ret;
	if (a->null_rounds) {
		ret = run_null(a, &one);
	} else if (args->npos == 1) {
		ret = run_test(a, &one, &one, h, m);
	} else {
		ret = prefetch_open(args->pos[1], &a->window, &two);
		if (!ret) {
			ret = run_test(a, &one, &two, h, m);
			prefetch_close(&two);
		}
	}
	prefetch_close(&one);
	return ret;
}

int prefetch_test(int argc, char **argv)
{
	struct asked a = {.seed = 1};
	struct fs_opt opts[] = {
		FS_OPT("--from", NULL, NULL, fs_opt_flag, &a.from,
		       "the forks are in these recordings"),
		FS_OPT("--arms", NULL, "WITHOUT,WITH", fs_opt_string, &a.arms,
		       "the two arms; with --null one group of forks"),
		FS_OPT("--ranges", NULL, "LIST", fs_opt_string, &a.ranges,
		       "what was prefetched, as for ceiling: what became of it is told"),
		FS_OPT("--mechanism", NULL, "NAME", fs_opt_string, &a.mechanism,
		       "how: page-cache (default), populate or pre-fault; for the ceiling"),
		FS_OPT("--delta", NULL, "GAIN", fs_opt_string, &a.delta,
		       "a smaller gain does not matter: 5% of the baseline's median (default), or "
		       "a "
		       "time"),
		FS_OPT("--seed", NULL, "N", fs_opt_uint, &a.seed, "of the resampling (default 1)"),
		FS_OPT("--null", NULL, "ROUNDS", fs_opt_uint, &a.null_rounds,
		       "instead: halves of one group against each other, how often they differ"),
		PREFETCH_WINDOW_OPTS(&a.window),
		FS_OPT("--json", NULL, NULL, fs_opt_flag, &a.json, "one JSON object"),
		FS_OPT("--color", NULL, "WHEN", fs_out_opt_colour, &a.colour,
		       "auto (default: on a terminal, unless NO_COLOR is set), always, never"),
		FS_OPT_END,
	};
	struct fsx_hypothesis h = {.which = FSX_RANGES, .name = "--ranges"};
	enum fsx_mechanism m = FSX_PAGE_CACHE;
	char err[ERR_LEN] = "";
	struct fs_args args;
	int ret = fs_opts_parse(&usage, opts, argc, argv, &args);

	if (ret >= 0)
		return ret;
	if (!a.from)
		return fs_opts_bad(&usage, "give --from and the recordings: forks are made by "
					   "forkscope bench");
	if (a.mechanism && fsx_mechanism_parse(a.mechanism, &m))
		return fs_opts_bad(&usage,
				   "--mechanism is page-cache, populate or pre-fault, not "
				   "\"%s\"",
				   a.mechanism);
	if (a.ranges && fsx_ranges_load(a.ranges, &h.set, err, sizeof(err))) {
		fs_error("%s", err);
		fsx_hypothesis_free(&h);
		return FS_EXIT_FAILED;
	}
	fsx_ranges_tidy(&h.set);
	ret = with_recordings(&a, &args, a.ranges ? &h : NULL, m);
	fsx_hypothesis_free(&h);
	return ret;
}
