// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include "render/diff_view.h"
#include "tests/unit/render_fixture.h"

#define FORKS 6

/* Forks whose page faults take @k each, a little more from one to the next. */
static struct fx *series(uint64_t k, const char *path)
{
	struct fx *x = fx_new();

	for (unsigned int i = 0; i < FORKS; i++) {
		struct fsa_fork *f = fx_fork(x, "vmm");

		fx_exit(fx_seg(f, 1000 * (k + i), FSA_S_GUEST, FSA_C_FAULT_MAJOR), 0x400,
			0xffffffff81234567);
		fx_exit(fx_seg(f, 50000, FSA_S_GUEST, FSA_C_GUEST_RUN), 0x078, 0xffffffff81000123);
		fx_verdict(f, FSA_V_MEMORY);
	}
	x->view.path = path;
	fx_cohort(x, 0, "steady", 1, FORKS);
	return x;
}

static int made(const struct fx *a, const struct fx *b, struct fsv_diff *d)
{
	d->a = &a->view;
	d->b = &b->view;
	return fsx_diff_make(&a->res, &b->res, NULL, 1, &d->diff);
}

static char *shown(const struct fsv_diff *d, int form)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (form == 't')
		fsv_diff_text(d, f);
	else
		assert_int_equal(form == 'j' ? fsv_diff_json(d, f) : fsv_diff_svg(d, f), 0);
	fclose(f);
	return text;
}

static const struct fsx_diff_row *row(const struct fsv_diff *d, const char *name)
{
	for (size_t i = 0; i < FSX_D_ROWS; i++)
		if (!strcmp(fsx_diff_name(d->diff.v[0].rows[i].kind, d->diff.v[0].rows[i].which),
			    name))
			return &d->diff.v[0].rows[i];
	fail_msg("no row %s", name);
	return NULL;
}

static void an_exact_shift_is_found(void **state)
{
	struct fx *a = series(100, "a"), *b = series(140, "b");
	struct fsv_diff d;

	(void)state;
	assert_int_equal(made(a, b, &d), 0);
	assert_int_equal(d.diff.n, 1);
	assert_true(row(&d, "gap")->shift == 40000);
	assert_true(row(&d, "gap")->lo > 0 && row(&d, "gap")->lo <= 40000);
	assert_int_equal(row(&d, "gap")->finding, FSX_D_LONGER);
	assert_int_equal(row(&d, "fault.major")->finding, FSX_D_LONGER);
	assert_int_equal(row(&d, "memory_faults")->finding, FSX_D_LONGER);
	assert_int_equal(row(&d, "guest.run")->finding, FSX_D_NONE);
	assert_int_equal(row(&d, "notify")->na, 0); /* no fork has stages */
	assert_true(isnan(row(&d, "notify")->shift));
	fsx_diff_free(&d.diff);
	assert_int_equal(made(b, a, &d), 0);
	assert_int_equal(row(&d, "gap")->finding, FSX_D_SHORTER);
	fsx_diff_free(&d.diff);
	free(a);
	free(b);
}

static void endless_forks_rank_last(void **state)
{
	struct fx *a = series(100, "a"), *b = series(100, "b");
	struct fsv_diff d;
	char *text;

	(void)state;
	for (unsigned int i = 1; i < FORKS; i++)
		b->forks[i].complete = false;
	b->cohorts[0].timed_out = FORKS - 1;
	assert_int_equal(made(a, b, &d), 0);
	assert_true(isinf(row(&d, "gap")->med_b));
	assert_int_equal(row(&d, "gap")->nb, FORKS);
	assert_int_equal(row(&d, "fault.major")->nb, 1);
	assert_int_equal(row(&d, "fault.major")->finding, FSX_D_FEW);
	text = shown(&d, 't');
	assert_non_null(strstr(text, "no end"));
	assert_non_null(strstr(text, "without an end: 0 forks of A, 5 of B"));
	free(text);
	free(shown(&d, 'j'));
	fsx_diff_free(&d.diff);
	free(a);
	free(b);
}

static void nothing_in_common_is_refused(void **state)
{
	struct fx *a = series(100, "a"), *b = series(100, "b");
	struct fsv_diff d;

	(void)state;
	snprintf(b->cohorts[0].name, sizeof(b->cohorts[0].name), "first");
	assert_int_equal(made(a, b, &d), -ENOENT);
	free(a);
	free(b);
}

static void limits_are_parsed(void **state)
{
	static const char *const bad[] = {"",        "gap",    "gap>",     "gap>5",    "gap>-5%",
					  "gap>5%,", "gap<5%", "x>5%",     ">5%",      "gap>nan%",
					  "gap>5%x", "gap> ",  "gap>inf%", "gap>5 s s"};
	struct fsv_diff d = {0};
	char err[200], many[400] = "gap>1%";

	(void)state;
	assert_int_equal(fsx_diff_limits(&d.diff, "gap>5%,notify>2 ms,fault.major>0%", err, 200),
			 0);
	assert_int_equal(d.diff.nlimits, 3);
	assert_true(d.diff.limits[0].percent == 5);
	assert_true(isnan(d.diff.limits[1].percent) && d.diff.limits[1].ns == 2000000);
	assert_int_equal(d.diff.limits[1].kind, FSX_D_STAGE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		*err = '\0';
		if (fsx_diff_limits(&d.diff, bad[i], err, sizeof(err)) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_true(*err);
	}
	for (int i = 0; i < 20; i++)
		strcat(many, ",gap>1%");
	assert_int_equal(fsx_diff_limits(&d.diff, many, err, sizeof(err)), -EINVAL);
}

static enum fss_verdict held(const char *limit, uint64_t ka, uint64_t kb)
{
	struct fx *a = series(ka, "a"), *b = series(kb, "b");
	enum fss_verdict v;
	struct fsv_diff d;
	char err[200];

	assert_int_equal(made(a, b, &d), 0);
	assert_int_equal(fsx_diff_limits(&d.diff, limit, err, sizeof(err)), 0);
	v = fsx_diff_judge(&d.diff);
	fsx_diff_free(&d.diff);
	free(a);
	free(b);
	return v;
}

static void limits_are_judged_by_the_interval(void **state)
{
	(void)state;
	assert_int_equal(held("gap>20us", 100, 140), FSS_SUPPORTED);
	assert_int_equal(held("gap>10%", 100, 140), FSS_SUPPORTED); /* of 152.5 us */
	assert_int_equal(held("gap>60us", 100, 140), FSS_REFUTED);
	assert_int_equal(held("gap>40us", 100, 140), FSS_INCONCLUSIVE);
	assert_int_equal(held("gap>20us", 140, 100), FSS_REFUTED);
	/* the worst of several counts */
	assert_int_equal(held("gap>60us,fault.major>20us", 100, 140), FSS_SUPPORTED);
	assert_int_equal(held("gap>60us,fault.major>40us", 100, 140), FSS_INCONCLUSIVE);
	/* of a stage nothing is known here */
	assert_int_equal(held("notify>1us", 100, 140), FSS_INCONCLUSIVE);
}

static void doubts_are_said(void **state)
{
	struct fx *a = series(100, "a"), *b = series(100, "b");
	struct fsv_diff d;
	char *text;

	(void)state;
	b->res.opts.end = FSA_END_FIRST_TX;
	for (unsigned int i = 0; i < FORKS; i++)
		b->forks[i].vcpus = 2;
	b->info.meta = json_loads("{\"host\": {\"kernel\": \"7.3\\u001b[31m\"}}", 0, NULL);
	assert_int_equal(made(a, b, &d), 0);
	text = shown(&d, 't');
	assert_non_null(strstr(text,
			       "DOUBT: the windows are not the same: resume to ack:mailbox in "
			       "A, resume to first-tx in B"));
	assert_non_null(strstr(text, "another host kernel: not recorded in A, 7.3?[31m in B"));
	assert_non_null(strstr(text, "number of vCPUs"));
	free(text);
	fsx_diff_free(&d.diff);
	json_decref(b->info.meta);
	free(a);
	free(b);
}

static void the_graph_has_both_sides(void **state)
{
	struct fx *a = series(100, "a"), *b = series(100, "<b>&\"");
	struct fsv_diff d;
	char *svg;

	(void)state;
	/* a part that A alone has, and one that B alone has */
	for (unsigned int i = 0; i < FORKS; i++) {
		fx_seg(&a->forks[i], 30000, FSA_S_GUEST, FSA_C_EXIT_VMM);
		fx_seg(&b->forks[i], 30000, FSA_S_GUEST, FSA_C_SCHED_DELAY);
	}
	assert_int_equal(made(a, b, &d), 0);
	svg = shown(&d, 's');
	assert_non_null(strstr(svg, "exit.vmm: 30.0 us in A, 0 ns in B, -30.0 us"));
	assert_non_null(strstr(svg, "sched.delay: 0 ns in A, 30.0 us in B, +30.0 us"));
	assert_non_null(strstr(svg, "&lt;b&gt;&amp;&quot;"));
	assert_null(strstr(svg, "<b>"));
	free(svg);
	fsx_diff_free(&d.diff);
	free(a);
	free(b);
}

static void documented(const json_t *o, const char *doc)
{
	const char *key;
	char quoted[80];
	json_t *x;
	size_t i;

	json_array_foreach ((json_t *)o, i, x)
		documented(x, doc);
	json_object_foreach ((json_t *)o, key, x) {
		snprintf(quoted, sizeof(quoted), "`%s`", key);
		if (!strstr(doc, quoted))
			fail_msg("the key %s is not described in docs/json.md", key);
		documented(x, doc);
	}
}

static void every_key_is_documented(void **state)
{
	struct fx *a = series(100, "a"), *b = series(140, "b");
	char *doc = calloc(1, 1 << 20), *text, *part, err[200];
	FILE *f = fopen("docs/json.md", "r");
	struct fsv_diff d;
	json_t *o;

	(void)state;
	assert_non_null(f);
	assert_true(fread(doc, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	part = strstr(doc, "# `forkscope diff --json`");
	assert_non_null(part);
	assert_int_equal(made(a, b, &d), 0);
	assert_int_equal(fsx_diff_limits(&d.diff, "gap>5%", err, sizeof(err)), 0);
	fsx_diff_judge(&d.diff);
	text = shown(&d, 'j');
	o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(o);
	documented(o, part);
	json_decref(o);
	fsx_diff_free(&d.diff);
	free(text);
	free(doc);
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exact_shift_is_found),
		cmocka_unit_test(endless_forks_rank_last),
		cmocka_unit_test(nothing_in_common_is_refused),
		cmocka_unit_test(limits_are_parsed),
		cmocka_unit_test(limits_are_judged_by_the_interval),
		cmocka_unit_test(doubts_are_said),
		cmocka_unit_test(the_graph_has_both_sides),
		cmocka_unit_test(every_key_is_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
