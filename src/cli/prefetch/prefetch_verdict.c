// SPDX-License-Identifier: BSD-2-Clause
/* Two variants of recordings against each other, for forkscope prefetch test. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/cmds.h"
#include "cli/output.h"
#include "cli/prefetch/prefetch_verdict.h"
#include "render/abtest_view.h"

/* --- variants --- */

/* Fills @x from the groups of @variant (NULL: of all variants there are, which must be one). */
static int make_variant(const struct prefetch_rec *r, const char *variant,
			struct fsx_test_variant *x)
{
	const struct fsx_group *g;

	for (size_t i = 0; !variant && i < r->groups.n; i++)
		if (strcmp(r->groups.v[i].variant, r->groups.v[0].variant)) {
			fs_error("%s holds several variants: choose two with --variants",
				 r->rec.view.path);
			return FS_EXIT_USAGE;
		}
	variant = variant ? variant : r->groups.v[0].variant;
	g = fsx_group_find(&r->groups, variant, FSX_STEADY);
	snprintf(x->name, sizeof(x->name), "%s", *variant ? variant : "all forks");
	if (!g) {
		fs_error(
			"%s holds no steady fork of the variant \"%s\" (the first of each snapshot, those with a lost or late mailbox ack, and those cut short are none)",
			r->rec.view.path, x->name);
		return FS_EXIT_FAILED;
	}
	x->forks = g->forks;
	x->n = g->n;
	x->first = fsx_group_count(&r->groups, variant, FSX_FIRST);
	x->ack_lost = fsx_group_count(&r->groups, variant, FSX_ACK_LOST);
	x->ack_late = fsx_group_count(&r->groups, variant, FSX_ACK_LATE);
	x->cut = fsx_group_count(&r->groups, variant, FSX_CUT);
	return FS_EXIT_OK;
}

static bool is_baseline(const char *variant)
{
	size_t n = strlen(variant);

	return !strcmp(variant, "none") || (n > 5 && !strcmp(variant + n - 5, ":none"));
}

/* The two variants of one recording, the baseline first. */
static int two_variants(const struct prefetch_rec *r, const char **first, const char **second)
{
	const char *seen[2] = {r->groups.v[0].variant, NULL};

	for (size_t i = 1; i < r->groups.n; i++) {
		const char *variant = r->groups.v[i].variant;

		if (!strcmp(variant, seen[0]) || (seen[1] && !strcmp(variant, seen[1])))
			continue;
		if (seen[1]) {
			fs_error("%s holds more than two variants: choose two with --variants",
				 r->rec.view.path);
			return FS_EXIT_USAGE;
		}
		seen[1] = variant;
	}
	if (!seen[1]) {
		fs_error(
			"%s does not hold two variants: mark them while recording (forkscope mark arm:NAME --pid VMM), or give two recordings",
			r->rec.view.path);
		return FS_EXIT_USAGE;
	}
	if (is_baseline(seen[0]) == is_baseline(seen[1])) {
		fs_error(
			"\"%s\" or \"%s\": which is without the prefetch? Give --variants WITHOUT,WITH",
			seen[0], seen[1]);
		return FS_EXIT_USAGE;
	}
	*first = is_baseline(seen[0]) ? seen[0] : seen[1];
	*second = is_baseline(seen[0]) ? seen[1] : seen[0];
	return FS_EXIT_OK;
}

/* "WITHOUT,WITH" into two names. */
static int split_variants(const struct prefetch_asked *a, char names[2][64])
{
	const char *text = a->variants;
	size_t n = strcspn(text, ",");

	if (!text[n] || !n || n >= sizeof(names[0]) || !text[n + 1] ||
	    strlen(text + n + 1) >= sizeof(names[1]) || strchr(text + n + 1, ','))
		return fs_opts_bad(a->usage, "--variants takes two names, as in none,workingset");
	snprintf(names[0], sizeof(names[0]), "%.*s", (int)n, text);
	snprintf(names[1], sizeof(names[1]), "%s", text + n + 1);
	return FS_EXIT_OK;
}

static int choose_variants(const struct prefetch_asked *a, const struct prefetch_rec *one,
			   const struct prefetch_rec *two, struct fsx_test_variant variants[2])
{
	const char *first = NULL, *second = NULL;
	char names[2][64] = {"", ""};
	int ret = FS_EXIT_OK;

	if (a->variants) {
		ret = split_variants(a, names);
		first = names[0];
		second = names[1];
	} else if (one == two) {
		ret = two_variants(one, &first, &second);
	}
	ret = ret ? ret : make_variant(one, first, &variants[0]);
	return ret ? ret : make_variant(two, second, &variants[1]);
}

/* --- the test --- */

/* "5%" or a time; -1: not given. */
static int read_delta(const struct prefetch_asked *a, double median, double *delta)
{
	const char *text = a->delta;
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
	if (fs_parse_duration(text, &ns) || !ns)
		return fs_opts_bad(a->usage,
				   "--delta takes a share or a time, as in 5%% or 10ms, not \"%s\"",
				   text);
	*delta = (double)ns;
	return FS_EXIT_OK;
}

int prefetch_check(const struct prefetch_asked *a)
{
	const char *start = a->window.start, *end = a->window.end;
	struct fsa_opts o;
	char err[FS_SENTENCE];
	double delta;

	if ((start && fsa_parse_start(start, &o, err, sizeof(err))) ||
	    (end && fsa_parse_end(end, &o, err, sizeof(err))))
		return fs_opts_bad(a->usage, "%s", err);
	return read_delta(a, 1, &delta);
}

static double median_gap(const struct fsx_test_variant *x)
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

int prefetch_judge(const struct prefetch_asked *a, struct prefetch_rec *one,
		   struct prefetch_rec *two, const struct prefetch_brought *p, const json_t *run)
{
	struct fsx_test_variant variants[2] = {0};
	struct fsx_abtest t;
	struct fsv_abtest v = {.test = &t,
			       .a = &one->rec.view,
			       .b = &two->rec.view,
			       .ranges = p->text,
			       .run = run};
	struct fsx_left left;
	double delta;
	int ret = choose_variants(a, one, two, variants);

	ret = ret ? ret : read_delta(a, median_gap(&variants[0]), &delta);
	if (ret)
		return ret;
	if (fsx_left_of(one->rec.res, &left) ||
	    fsx_abtest_make(&variants[0], &variants[1], p->text ? &p->h : NULL, p->m, &left, delta,
			    a->seed, &t)) {
		fs_error("no memory for the test");
		return FS_EXIT_FAILED;
	}
	one->rec.view.colour = fs_out_colour(a->colour, a->json);
	one->rec.view.columns = fs_out_columns();
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
