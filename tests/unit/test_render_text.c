// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/unit/render_fixture.h"

static void no_long_line_and_no_control_character(void **state)
{
	struct fx *x = fx_typical();
	char *text = fx_render(&x->view, fsv_text);
	size_t column = 0;

	(void)state;
	assert_non_null(text);
	for (char *c = text; *c; c++) {
		column = *c == '\n' ? 0 : column + 1;
		assert_true(column <= 100);
		assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
	}
	free(text);
	free(x);
}

static void colours_only_when_asked(void **state)
{
	struct fx *x = fx_typical();
	char *text;

	(void)state;
	x->view.colour = true;
	text = fx_render(&x->view, fsv_text);
	assert_non_null(strstr(text, "\x1b[1m"));
	/* the hostile name's own sequence is gone even then */
	assert_null(strstr(text, "evil\x1b"));
	free(text);
	free(x);
}

static void says_that_the_cells_sum(void **state)
{
	struct fx *x = fx_typical();
	char *text = fx_render(&x->view, fsv_text);

	(void)state;
	assert_non_null(strstr(text, "exactly 36802560 ns, the whole gap"));
	assert_non_null(strstr(text, "the whole window"));
	assert_null(strstr(text, "ERROR"));
	free(text);
	x->forks[0].cells[FSA_S_GUEST][FSA_C_UNKNOWN].ns++;
	text = fx_render(&x->view, fsv_text);
	assert_non_null(strstr(text, "ERROR: the cells sum to 36802561 ns"));
	free(text);
	free(x);
}

static void a_fork_without_end_is_said_and_counted(void **state)
{
	struct fx *x = fx_typical();
	char *text = fx_render(&x->view, fsv_text);

	(void)state;
	assert_non_null(strstr(text, "ack:mailbox was NOT reached"));
	assert_non_null(strstr(text, "1 of 2 never reached the end"));
	assert_non_null(strstr(text, "no end"));
	assert_non_null(strstr(text, "2 of 3 forks complete"));
	free(text);
	free(x);
}

static void small_samples_have_no_percentile(void **state)
{
	struct fx *x = fx_typical();
	char *text = fx_render(&x->view, fsv_text);

	(void)state;
	assert_non_null(strstr(text, "n<20"));
	assert_non_null(strstr(text, "n<100"));
	free(text);
	x->cohorts[0].gap.n = 20;
	x->cohorts[0].gap.p95 = 123000000;
	text = fx_render(&x->view, fsv_text);
	assert_non_null(strstr(text, "123.0 ms"));
	free(text);
	free(x);
}

static void differences_of_means_add_up(void **state)
{
	struct fx *x = fx_typical();
	char *text = fx_render(&x->view, fsv_text);

	(void)state;
	assert_non_null(strstr(text, "\"first\" (n 1) against \"steady\" (n 1)"));
	assert_non_null(strstr(text, "a factor of 4.00"));
	assert_non_null(strstr(text, "fault.major          +   21.0 ms   76.1 %"));
	free(text);
	free(x);
}

static void the_verdict_keeps_its_words(void **state)
{
	struct fx *x = fx_typical();
	char *text;

	(void)state;
	fx_verdict(&x->forks[0], FSA_V_MIXED);
	fx_verdict(&x->forks[1], FSA_V_UNKNOWN);
	text = fx_render(&x->view, fsv_text);
	assert_non_null(strstr(text, "verdict: mixed: memory faults 90.2 % and guest (not split)"));
	assert_non_null(strstr(text, "verdict: unknown: unknown + tracer are"));
	free(text);
	free(x);
}

static void one_fork_can_be_chosen(void **state)
{
	struct fx *x = fx_typical();
	char *text;

	(void)state;
	x->view.only_fork = 2;
	text = fx_render(&x->view, fsv_text);
	assert_null(strstr(text, "== fork 1"));
	assert_non_null(strstr(text, "== fork 2"));
	assert_null(strstr(text, "== cohort"));
	free(text);
	x->view.only_fork = 0;
	x->view.cohort = "first";
	text = fx_render(&x->view, fsv_text);
	assert_non_null(strstr(text, "== fork 1"));
	assert_null(strstr(text, "== fork 2"));
	assert_null(strstr(text, "cohort \"steady\""));
	free(text);
	free(x);
}

static void brief_leaves_out_the_forks_pages(void **state)
{
	struct fx *x = fx_typical();
	char *text;

	(void)state;
	x->view.brief = true;
	text = fx_render(&x->view, fsv_text);
	assert_null(strstr(text, "== fork"));
	assert_non_null(strstr(text, "forks, in order of resume"));
	assert_non_null(strstr(text, "== cohort \"steady\""));
	assert_non_null(strstr(text, "== how far to trust this"));
	free(text);
	free(x);
}

static void nothing_to_show_is_said(void **state)
{
	struct fx *x = fx_new();
	char *text = fx_render(&x->view, fsv_text);

	(void)state;
	assert_non_null(strstr(text, "no fork to show: no VM of this recording was restored"));
	free(text);
	free(x);
}

static void losses_and_cost_come_from_the_statistics(void **state)
{
	struct fx *x = fx_typical();
	char *text;

	(void)state;
	x->info.stats = json_loads(
		"{\"lost\": {\"records\": 7, \"stacks\": 2, \"state\": 0},"
		" \"lost_cpu\": [{\"cpu\": 1, \"records\": 7, \"stacks\": 2, \"state\": 0}],"
		" \"lost_vm\": [{\"vm\": 3, \"records\": 7, \"stacks\": 2, \"state\": 0}],"
		" \"probe_stats\": true, \"probe_ns\": 300000, \"probe_cnt\": 10,"
		" \"progs\": [{\"name\": \"p\", \"misses\": 5}],"
		" \"cost\": {\"user_ns\": 4000000, \"sys_ns\": 1000000},"
		" \"wall_ns\": 2000000000}",
		0, NULL);
	x->info.meta = json_loads(
		"{\"host\": {\"kernel\": \"6.18\", \"cpus\": 2, \"kvm\": \"hardware svm\"},"
		" \"hooks\": [{\"want\": \"exits\", \"got\": \"tp_btf/kvm_exit\", \"rank\": 1},"
		" {\"want\": \"uffd\", \"got\": \"\", \"rank\": 0, \"why\": \"EPERM\","
		"  \"lost\": \"userfaultfd waits look like sleeps\"}]}",
		0, NULL);
	x->info.events = 3000;
	text = fx_render(&x->view, fsv_text);
	assert_non_null(strstr(text, "LOST: 7 records, 0 spans"));
	assert_non_null(strstr(text, "no time is): 2"));
	assert_non_null(strstr(text, "CPU 1: 7 records"));
	assert_non_null(strstr(text, "100 ns per recorded event"));
	assert_non_null(strstr(text, "LOST: 5 runs of probes that the kernel skipped"));
	assert_non_null(strstr(text, "1 of 2 by their best way"));
	assert_non_null(strstr(text, "uffd: NOT SEEN: userfaultfd waits look like sleeps; EPERM"));
	assert_non_null(strstr(text, "5.0 ms in 2.000 s of recording"));
	free(text);
	json_decref(x->info.stats);
	json_decref(x->info.meta);
	free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_long_line_and_no_control_character),
		cmocka_unit_test(colours_only_when_asked),
		cmocka_unit_test(says_that_the_cells_sum),
		cmocka_unit_test(a_fork_without_end_is_said_and_counted),
		cmocka_unit_test(small_samples_have_no_percentile),
		cmocka_unit_test(differences_of_means_add_up),
		cmocka_unit_test(the_verdict_keeps_its_words),
		cmocka_unit_test(one_fork_can_be_chosen),
		cmocka_unit_test(brief_leaves_out_the_forks_pages),
		cmocka_unit_test(nothing_to_show_is_said),
		cmocka_unit_test(losses_and_cost_come_from_the_statistics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
