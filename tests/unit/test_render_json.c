// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>
#include "render/json/json_parts.h"
#include "tests/unit/render_fixture.h"

#define DOC "docs/json.md"

static json_t *render(struct fx *x)
{
	char *text = fx_render(&x->view, fsv_json);
	json_t *o;

	assert_non_null(text);
	o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(o);
	free(text);
	return o;
}

static json_t *at(json_t *o, const char *key)
{
	json_t *x = json_object_get(o, key);

	if (!x)
		fail_msg("no key %s", key);
	return x;
}

static void cells_and_buckets_sum_to_the_window(void **state)
{
	struct fx *x = fx_typical();
	json_t *o = render(x), *f, *c;
	size_t i, k;

	(void)state;
	json_array_foreach (at(o, "forks"), i, f) {
		json_int_t cells = 0, buckets = 0, window = json_integer_value(at(f, "window_ns"));
		const char *key;

		json_array_foreach (at(f, "cells"), k, c)
			cells += json_integer_value(at(c, "ns"));
		json_object_foreach (at(f, "buckets"), key, c)
			buckets += json_integer_value(c);
		assert_true(window > 0 && cells == window && buckets == window);
	}
	assert_int_equal(i, 3);
	json_decref(o);
	free(x);
}

static void no_end_is_null(void **state)
{
	struct fx *x = fx_typical();
	json_t *o = render(x), *forks = at(o, "forks");

	(void)state;
	assert_int_equal(json_integer_value(at(json_array_get(forks, 0), "gap_ns")), 36802560);
	assert_true(json_is_null(at(json_array_get(forks, 2), "gap_ns")));
	assert_true(json_is_null(at(json_array_get(forks, 2), "end_ns")));
	assert_true(json_is_false(at(json_array_get(forks, 2), "complete")));
	json_decref(o);
	free(x);
}

static void undefined_statistics_are_null(void **state)
{
	struct fx *x = fx_typical();
	json_t *o = render(x), *gap;

	(void)state;
	gap = at(json_array_get(at(o, "cohorts"), 0), "gap");
	assert_int_equal(json_integer_value(at(gap, "n")), 2);
	assert_true(json_is_null(at(gap, "p95_ns")));
	assert_true(json_is_null(at(gap, "max_ns"))); /* one fork never ended */
	assert_int_equal(json_integer_value(at(gap, "avg_ns")), 9200640);
	/* of its parts nothing is known: they are those of the other */
	gap = at(at(json_array_get(at(o, "cohorts"), 0), "buckets"), "memory_faults");
	assert_int_equal(json_integer_value(at(gap, "n")), 1);
	assert_int_equal(json_integer_value(at(gap, "avg_ns")), 8300080);
	assert_int_equal(json_integer_value(at(gap, "max_ns")), 8300080);
	assert_true(json_is_null(at(at(o, "trust"), "lost_host"))); /* no statistics recorded */
	json_decref(o);
	free(x);
}

static void all_promised_keys_are_there(void **state)
{
	static const char *const top[] = {"format", "host", "hooks", "trust", "forks", "cohorts"};
	static const char *const trust[] = {"lost_host",          "lost_guest", "clock_error_ns",
					    "probe_ns_per_event", "events",     "unknown_ns"};
	static const char *const fork[] = {"id",     "vmm",       "kind",    "complete",
					   "phases", "resume_ns", "end_ns",  "end",
					   "gap_ns", "cells",     "start",   "clock_error_ns",
					   "path",   "buckets",   "verdict", "verdict_top",
					   "faults", "signal",    "acks",    "lost"};
	struct fx *x = fx_typical();
	json_t *o = render(x);

	(void)state;
	for (size_t i = 0; i < sizeof(top) / sizeof(top[0]); i++)
		at(o, top[i]);
	for (size_t i = 0; i < sizeof(trust) / sizeof(trust[0]); i++)
		at(at(o, "trust"), trust[i]);
	for (size_t i = 0; i < sizeof(fork) / sizeof(fork[0]); i++)
		at(json_array_get(at(o, "forks"), 0), fork[i]);
	json_decref(o);
	free(x);
}

static char *read_doc(void)
{
	FILE *f = fopen(DOC, "r");
	char *text = calloc(1, 1 << 20);

	if (!f)
		fail_msg("cannot open " DOC ": run the tests from the top of the tree");
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

/* Keys that are data, not names of the format. */
static bool is_data(const char *parent)
{
	return !strcmp(parent, "causes") || !strcmp(parent, "verdicts");
}

static void documented(json_t *o, const char *parent, const char *doc)
{
	char quoted[80];
	const char *key;
	json_t *x;
	size_t i;

	json_array_foreach (o, i, x)
		documented(x, parent, doc);
	json_object_foreach (o, key, x) {
		snprintf(quoted, sizeof(quoted), "`%s`", key);
		if (!is_data(parent) && !strstr(doc, quoted))
			fail_msg("the key %s (in %s) is not described in " DOC, key, parent);
		documented(x, key, doc);
	}
}

static void keys_of(struct fx *x, const char *doc)
{
	json_t *o;

	x->info.stats = json_loads(
		"{\"lost_cpu\": [{\"cpu\": 1, \"records\": 7, \"stacks\": 2, \"state\": 0}],"
		" \"lost_vm\": [{\"vm\": 3, \"records\": 7, \"stacks\": 2, \"state\": 0}]}",
		0, NULL);
	x->info.meta = json_loads("{\"hooks\": [{\"want\": \"exits\", \"got\": \"x\", \"rank\": 1,"
				  "\"why\": \"\", \"lost\": \"\"}]}",
				  0, NULL);
	o = render(x);
	documented(o, "the object", doc);
	json_decref(o);
	json_decref(x->info.stats);
	json_decref(x->info.meta);
	free(x);
}

static void every_key_is_documented(void **state)
{
	char *doc = read_doc();

	(void)state;
	keys_of(fx_typical(), doc);
	keys_of(fx_split(), doc);
	free(doc);
}

static void hostile_bytes_stay_valid_text(void **state)
{
	struct fx *x = fx_typical();
	json_t *o;

	(void)state;
	memcpy(x->acks[0].stage, "\xff\xfe\"\\\x01", 6);
	o = render(x);
	assert_string_equal(
		json_string_value(at(
			json_array_get(at(json_array_get(at(o, "forks"), 0), "acks"), 0), "stage")),
		"??\"\\?");
	json_decref(o);
	free(x);
}

/* The CPU time, in clock ticks, of @n VMs of which only the first and the last have a fork. */
static clock_t time_of_vms(struct fsa_fork *forks, size_t nforks, struct fsa_vm *vms, size_t n)
{
	struct fsa_result res = {.forks = forks, .nforks = nforks, .vms = vms, .nvms = n};
	struct fsv_view view = {.res = &res};
	clock_t before = clock();
	json_t *a = fsj_vms(&view);
	clock_t took = clock() - before;

	assert_int_equal(json_array_size(a), n);
	assert_int_equal(json_integer_value(at(json_array_get(a, 0), "fork")), 1);
	assert_true(json_is_null(at(json_array_get(a, 1), "fork")));
	assert_int_equal(json_integer_value(at(json_array_get(a, n - 1), "fork")), nforks);
	json_decref(a);
	return took;
}

/* As a hostile recording has them: many VMs, and many forks of others. */
static void many_vms_of_many_forks_take_no_longer(void **state)
{
	enum { FORKS = 10000, VMS = 10000 };
	struct fsa_fork *forks = calloc(FORKS, sizeof(*forks));
	struct fsa_vm *vms = calloc(VMS, sizeof(*vms));
	clock_t few, many;

	(void)state;
	assert_non_null(forks);
	assert_non_null(vms);
	for (size_t i = 0; i < VMS; i++)
		vms[i].vm = (uint32_t)(i + 1);
	for (size_t i = 0; i < FORKS; i++) {
		forks[i].id = (uint32_t)(i + 1);
		forks[i].vm = (uint32_t)(VMS + FORKS - i);
	}
	forks[0].vm = forks[1].vm = 1; /* of two the first */
	forks[2].vm = VMS;
	forks[2].id = 3;
	few = time_of_vms(forks, 3, vms, VMS);
	forks[FORKS - 1].vm = VMS;
	forks[2].vm = VMS + 1;
	many = time_of_vms(forks, FORKS, vms, VMS);
	assert_true(many < 4 * few + CLOCKS_PER_SEC / 10);
	free(forks);
	free(vms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_and_buckets_sum_to_the_window),
		cmocka_unit_test(no_end_is_null),
		cmocka_unit_test(undefined_statistics_are_null),
		cmocka_unit_test(all_promised_keys_are_there),
		cmocka_unit_test(every_key_is_documented),
		cmocka_unit_test(hostile_bytes_stay_valid_text),
		cmocka_unit_test(many_vms_of_many_forks_take_no_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
