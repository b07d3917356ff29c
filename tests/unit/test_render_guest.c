// SPDX-License-Identifier: BSD-2-Clause
/* What all renderers report of the guest recording. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "attribute/result/digest.h"
#include "guestsyms/ownsyms.h"
#include "render/trust.h"
#include "tests/unit/render_fixture.h"

static struct fx *split(void)
{
	struct fx *x = fx_split();

	for (size_t i = 0; i < x->res.nforks; i++)
		assert_int_equal(fsa_digest(&x->forks[i]), 0);
	return x;
}

static void drop(struct fx *x)
{
	for (size_t i = 0; i < x->res.nforks; i++) {
		free(x->forks[i].places);
		free(x->forks[i].top_tasks);
	}
	free(x);
}

static void has(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("\"%s\" is missing in:\n%.6000s", what, text);
}

static void the_chain_tells_each_stage(void **state)
{
	struct fx *x = split();
	char *text = fx_render(&x->view, fsv_text);

	(void)state;
	has(text,
	    "resume signal: vmclock, awaited by forkscope-guest (tid 71), which reports its own");
	has(text,
	    "\n  raise       21.1 us    0.3 %  #...............     +21.1 us     host  gsi 9, ");
	has(text, "\n  notify       3.4 ms   54.3 %  ...##########...      +5.0 ms   9.8 us  "
		  "kworker/0:1");
	has(text,
	    "\n  apply             -        -  not seen: it begins after the end of this window\n");
	free(text);
	drop(x);
}

static void the_matrix_fits_its_terminal(void **state)
{
	static const unsigned int widths[] = {0, 80, 92, 100, 140};
	struct fx *x = split();

	(void)state;
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		char *text, *p, *end;

		x->view.columns = widths[i];
		text = fx_render(&x->view, fsv_text);
		p = strstr(text, "\nthe ledger:");
		assert_non_null(p);
		end = strstr(p, "(exactly 6297837 ns");
		assert_non_null(end);
		p = strchr(p + 1, '\n') + 1; /* the heading is prose */
		for (int col = 0; p < end; p++) {
			col = *p == '\n' ? 0 : col + 1;
			assert_true(col <= (int)(widths[i] ? widths[i] : 100));
		}
		/* every stage that holds time is there, at any width */
		for (int s = FSA_S_RAISE; s <= FSA_S_ACK; s++)
			if (s != FSA_S_APPLY)
				has(text, fsa_stage_name((enum fsa_stage)s));
		free(text);
	}
	drop(x);
}

static void all_seven_stages_fit_100_columns(void **state)
{
	struct fx *x = split();
	struct fsa_fork *f = &x->forks[0];
	char *text, *head;

	(void)state;
	fx_seg(f, 1100 * 1000000ull, FSA_S_APPLY, FSA_C_GUEST_SIGNAL);
	fx_seg(f, 77 * 1000000000ull, FSA_S_ACK, FSA_C_EXIT_VMM);
	text = fx_render(&x->view, fsv_text);
	head = strstr(text, "\n  cause ");
	assert_non_null(head);
	has(head, "raise  inject  notify  wakeup mailbox   apply     ack\n");
	has(head, " 77.00s\n");
	free(text);
	drop(x);
}

static void a_fork_without_its_half_says_why(void **state)
{
	struct fx *x = split();
	char *text;

	(void)state;
	text = fx_render(&x->view, fsv_text);
	has(text,
	    "guest recording: none: the VMM ended before its memory was read: guest time is one sum");
	/* said once for the fork and once in the sum: the note would be a third time */
	assert_null(strstr(text, fsa_note_text(FSA_N_NO_GUEST)));
	has(text,
	    "guest recording: read of 2 of 3 forks, used of 2; 2468 records, none lost\n    1 fork: the "
	    "VMM ended");
	/* cohorts of which one is split and one is not have no parts to compare */
	assert_null(strstr(text, "not split\" (n 1) against"));
	free(text);
	x->forks[2].guest.why = NULL;
	text = fx_render(&x->view, fsv_text);
	has(text, "guest recording: none: the recording has none, so");
	free(text);
	drop(x);
}

static void losses_and_doubts_are_told(void **state)
{
	struct fx *x = split();
	char *text;

	(void)state;
	x->forks[0].guest.lost = 17;
	x->forks[0].guest.partial = 3;
	x->forks[1].guest.flags = 1;
	x->forks[1].guest.clock_used = false;
	x->forks[1].clock_error_ns = 23400;
	text = fx_render(&x->view, fsv_text);
	has(text, "1234 records; 17 were LOST, 3 partial");
	has(text, "LOST: 17, partial: 3");
	has(text, "lacking: its tasks are not separable");
	has(text, "lacking: the signal's handlers were not seen");
	has(text, "guest clock: +-23.4 us; limited by containment before");
	has(text, "clock error: at most +-23.4 us, p95 needs 20 forks (n = 2 forks, in 1 the VM's");
	free(text);
	x->forks[1].guest.outside = 2;
	text = fx_render(&x->view, fsv_text);
	has(text, "WRONG: 2 guest events lie outside guest mode");
	free(text);
	drop(x);
}

static void tasks_are_named(void **state)
{
	struct fx *x = split();
	char *text = fx_render(&x->view, fsv_text);

	(void)state;
	has(text, "\n  notify   guest.other       2.9 ms   46.2 %         1  hog;task\n");
	has(text, "swapper/0 ?[31m<&>\n");
	free(text);
	text = fx_render(&x->view, fsv_folded);
	has(text, "fork 1;vcpu_progress;notify;guest.other;INTR;task:hog:task;"
		  "guest:0xffffffff81000323 [exit rip] 2908700\n");
	free(text);
	drop(x);
}

static void cohorts_have_stages(void **state)
{
	struct fx *x = split();
	char *text = fx_render(&x->view, fsv_text);

	(void)state;
	has(text, "by stage of the signal path\n    raise                    2     31.6 us");
	free(text);
	drop(x);
}

static void missing_reasons_are_counted(void *arg, const char *why, size_t forks)
{
	char *all = arg;

	snprintf(all + strlen(all), 200, "%zu %s;", forks, why);
}

static void reasons_come_most_frequent_first(void **state)
{
	struct fx *x = fx_new();
	char all[600] = "";

	(void)state;
	for (int i = 0; i < 5; i++)
		fx_fork(x, "vmm")->guest.why = i % 2 ? "rare" : "often";
	fsv_guest_missing(&x->view, missing_reasons_are_counted, all);
	assert_string_equal(all, "3 often;2 rare;");
	free(x);
}

static void quantiles_need_forks(void **state)
{
	struct fx *x = fx_new();
	struct fsa_fork many[20] = {0};
	struct fsv_trust_guest g;

	(void)state;
	for (int i = 0; i < 20; i++)
		many[i] = (struct fsa_fork){.guest = {.read = true, .used = true},
					    .clock_error_ns = (uint64_t)(i * 7 % 20 + 1) * 1000};
	x->res.forks = many;
	x->res.nforks = 19;
	fsv_trust_guest(&x->view, &g);
	assert_true(g.error_p95 == FSV_NOT_RECORDED);
	x->res.nforks = 20;
	fsv_trust_guest(&x->view, &g);
	assert_true(g.error_p95 == 19000 && g.error_max == 20000 && g.n_error == 20);
	free(x);
}

/* --- symbols of the guests themselves --- */

struct texts {
	const char *a, *b;
	int asked;
};

static const char *text_of(void *arg, const uint8_t id[16], size_t *len)
{
	struct texts *t = arg;
	const char *text = id[0] == 'a' ? t->a : t->b;

	t->asked++;
	*len = text ? strlen(text) : 0;
	return text;
}

static void each_fork_by_its_own_symbols(void **state)
{
	static const char a[] = "ffffffff81000000 T _stext\nffffffff81000300 T in_a\n"
				"ffffffff81000480 T pv_native_safe_halt\nffffffff810004a0 T after\n"
				"ffffffff81f00000 T _etext\n";
	static const char b[] = "ffffffff81000000 T _stext\nffffffff81000300 T in_b\n"
				"ffffffff81000480 T pv_native_safe_halt\nffffffff810004a0 T after\n"
				"ffffffff81f00000 T _etext\n";
	struct texts t = {a, b, 0};
	struct fx *x = split();
	struct fsy_own *own;
	char *text;

	(void)state;
	memcpy(x->forks[0].guest.id, "a", 2);
	memcpy(x->forks[1].guest.id, "b", 2);
	assert_int_equal(fsy_own_load(&x->res, 0, text_of, &t, &own), 0);
	assert_int_equal(t.asked, 2);
	assert_int_equal(own->n, 2);
	x->view.own = own;
	text = fx_render(&x->view, fsv_folded);
	has(text,
	    "fork 1;vcpu_progress;notify;guest.other;INTR;task:hog:task;guest:in_a [exit rip]");
	has(text,
	    "fork 2;vcpu_progress;notify;guest.other;INTR;task:hog:task;guest:in_b [exit rip]");
	free(text);
	text = fx_render(&x->view, fsv_text);
	has(text, "guest symbols: 5 from the snapshot itself (1 fork): taken, not proven");
	free(text);
	fsy_own_free(own);
	drop(x);
}

static void useless_symbols_are_said(void **state)
{
	struct texts t = {"no symbols at all\n", NULL, 0};
	struct fx *x = split();
	struct fsy_own *own;
	char *text;

	(void)state;
	memcpy(x->forks[0].guest.id, "a", 2);
	memcpy(x->forks[1].guest.id, "b", 2);
	assert_int_equal(fsy_own_load(&x->res, 0, text_of, &t, &own), 0);
	x->view.own = own;
	text = fx_render(&x->view, fsv_text);
	has(text, "is not a symbol");
	has(text, "none from the snapshot itself (1 fork): the");
	free(text);
	text = fx_render(&x->view, fsv_json);
	has(text, "\"guests\"");
	free(text);
	fsy_own_free(own);
	drop(x);
}

static void as_many_snapshots_as_forks_are_bounded(void **state)
{
	static const char a[] = "ffffffff81000000 T _stext\n";
	struct texts t = {a, a, 0};
	struct fx *x = fx_new();
	struct fsa_fork *many = calloc(500, sizeof(*many));
	struct fsy_own *own;

	(void)state;
	for (unsigned int i = 0; i < 500; i++) {
		many[i].guest.read = true;
		memcpy(many[i].guest.id, &i, sizeof(i));
	}
	x->res.forks = many;
	x->res.nforks = 500;
	assert_int_equal(fsy_own_load(&x->res, 0, text_of, &t, &own), 0);
	assert_int_equal(own->n, FSY_MAX_OWN);
	assert_int_equal(t.asked, FSY_MAX_OWN);
	assert_null(fsy_own_of(own, &many[499]));
	fsy_own_free(own);
	free(many);
	free(x);
}

/* --- JSON --- */

static json_t *at(json_t *o, const char *key)
{
	json_t *x = json_object_get(o, key);

	if (!x)
		fail_msg("no key %s", key);
	return x;
}

static void json_tells_the_same(void **state)
{
	struct fx *x = split();
	char *text = fx_render(&x->view, fsv_json);
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *fork, *stages, *s;
	json_int_t sum = 0;
	size_t i;

	(void)state;
	assert_non_null(o);
	assert_int_equal(json_integer_value(at(at(o, "trust"), "lost_guest")), 0);
	assert_int_equal(json_integer_value(at(at(o, "trust"), "clock_error_ns")), 9800);
	fork = json_array_get(at(o, "forks"), 0);
	assert_string_equal(json_string_value(at(at(fork, "signal"), "kind")), "vmclock");
	stages = at(at(fork, "signal"), "stages");
	json_array_foreach (stages, i, s)
		sum += json_integer_value(at(s, "ns"));
	assert_int_equal(i, 7);
	assert_int_equal(sum, json_integer_value(at(fork, "window_ns")));
	assert_true(json_is_null(at(json_array_get(stages, 5), "at_ns")));
	assert_true(json_is_true(at(at(fork, "guest"), "used")));
	assert_int_equal(json_integer_value(at(at(at(fork, "guest"), "clock"), "error_ns")), 9800);
	fork = json_array_get(at(o, "forks"), 2);
	assert_true(json_is_null(at(at(fork, "guest"), "clock")));
	assert_string_equal(json_string_value(at(at(fork, "guest"), "why")),
			    "the VMM ended before its memory was read: guest time is one sum");
	json_decref(o);
	free(text);
	drop(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_chain_tells_each_stage),
		cmocka_unit_test(the_matrix_fits_its_terminal),
		cmocka_unit_test(all_seven_stages_fit_100_columns),
		cmocka_unit_test(a_fork_without_its_half_says_why),
		cmocka_unit_test(losses_and_doubts_are_told),
		cmocka_unit_test(tasks_are_named),
		cmocka_unit_test(cohorts_have_stages),
		cmocka_unit_test(reasons_come_most_frequent_first),
		cmocka_unit_test(quantiles_need_forks),
		cmocka_unit_test(each_fork_by_its_own_symbols),
		cmocka_unit_test(useless_symbols_are_said),
		cmocka_unit_test(as_many_snapshots_as_forks_are_bounded),
		cmocka_unit_test(json_tells_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
