// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include "tests/unit/render_fixture.h"

/* Sum of the weights of the lines that begin with @root. */
static uint64_t sum(const char *text, const char *root)
{
	uint64_t all = 0;

	for (const char *p = text; *p; p = strchr(p, '\n') + 1) {
		const char *nl = strchr(p, '\n'), *blank = nl;

		assert_non_null(nl);
		while (blank > p && *blank != ' ')
			blank--;
		if (!strncmp(p, root, strlen(root)))
			all += strtoull(blank + 1, NULL, 10);
	}
	return all;
}

static void weights_sum_to_the_gap_exactly(void **state)
{
	struct fx *x = fx_typical();
	char *text = fx_render(&x->view, fsv_folded), root[16];

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		snprintf(root, sizeof(root), "fork %u;", i + 1);
		assert_true(x->forks[i].gap_ns > 0);
		/* what never reached its end has no gap that could be summed up with the others' */
		assert_true(sum(text, root) == (x->forks[i].complete ? x->forks[i].gap_ns : 0));
	}
	free(text);
	free(x);
}

static void the_only_fork_needs_no_end(void **state)
{
	struct fx *x = fx_typical();
	unsigned int open = 0;
	char *text, root[16];

	(void)state;
	while (x->forks[open].complete)
		assert_true(++open < x->res.nforks);
	x->view.only_fork = open + 1;
	text = fx_render(&x->view, fsv_folded);
	snprintf(root, sizeof(root), "fork %u;", open + 1);
	assert_true(sum(text, root) == x->forks[open].gap_ns);
	free(text);
	free(x);
}

static void frames_stand_in_their_order(void **state)
{
	struct fx *x = fx_typical();
	char *text = fx_render(&x->view, fsv_folded);

	(void)state;
	assert_non_null(strstr(text, "fork 1;memory_faults;guest;fault.major;NPF;"
				     "guest:0xffffffff81234567 [exit rip] 28000040\n"));
	assert_non_null(strstr(text, "fork 1;memory_faults;guest;fault.cached;NPF;"
				     "guest:user code [exit rip] 5200280\n"));
	free(text);
	free(x);
}

static void equal_stacks_are_one_line(void **state)
{
	struct fx *x = fx_new();
	struct fsa_fork *f = fx_fork(x, "vmm");
	char *text;

	(void)state;
	for (int i = 0; i < 20; i++)
		fx_seg(f, 3, FSA_S_GUEST, i & 1 ? FSA_C_EXIT_VMM : FSA_C_VMM_IO);
	text = fx_render(&x->view, fsv_folded);
	assert_string_equal(text, "fork 1;vcpu_progress;guest;exit.vmm 30\n"
				  "fork 1;vcpu_progress;guest;vmm.io 30\n");
	free(text);
	free(x);
}

static void hostile_labels_cannot_break_a_line(void **state)
{
	struct fx *x = fx_new();
	struct fsa_fork *f = fx_fork(x, "vmm");
	char *text;

	(void)state;
	fx_seg(f, 5, FSA_S_GUEST, FSA_C_SCHED_DELAY)->label = 2;
	fx_seg(f, 5, FSA_S_GUEST, FSA_C_SCHED_DELAY)->label = 4000000000u; /* no such label */
	text = fx_render(&x->view, fsv_folded);
	assert_string_equal(
		text, "fork 1;vcpu_progress;guest;sched.delay 5\n"
		      "fork 1;vcpu_progress;guest;sched.delay;evil:name<script>&\"'??[31m 5\n");
	free(text);
	free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_sum_to_the_gap_exactly),
		cmocka_unit_test(the_only_fork_needs_no_end),
		cmocka_unit_test(frames_stand_in_their_order),
		cmocka_unit_test(equal_stacks_are_one_line),
		cmocka_unit_test(hostile_labels_cannot_break_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
