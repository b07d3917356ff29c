// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "attribute/result/digest.h"

#define KERNEL 0xffffffff81000000ull

static void drop(struct fsa_fork *f)
{
	free(f->top_tasks);
	free(f->places);
}

static void tasks_are_summed_by_stage_and_cause(void **state)
{
	struct fsa_seg segs[] = {
		{.t0 = 0, .t1 = 5, .stage = FSA_S_NOTIFY, .cause = FSA_C_GUEST_OTHER, .guest = 2},
		{.t0 = 5, .t1 = 12, .stage = FSA_S_NOTIFY, .cause = FSA_C_GUEST_SIGNAL, .guest = 1},
		{.t0 = 12, .t1 = 20, .stage = FSA_S_NOTIFY, .cause = FSA_C_GUEST_OTHER, .guest = 2},
		{.t0 = 20, .t1 = 24, .stage = FSA_S_WAKEUP, .cause = FSA_C_GUEST_OTHER, .guest = 2},
		/* neither a fault's time nor that of nobody is a task's */
		{.t0 = 24, .t1 = 99, .stage = FSA_S_WAKEUP, .cause = FSA_C_FAULT_COW, .guest = 2},
		{.t0 = 99, .t1 = 199, .stage = FSA_S_WAKEUP, .cause = FSA_C_GUEST_OTHER},
	};
	struct fsa_fork f = {.segs = segs, .nsegs = 6};

	(void)state;
	assert_int_equal(fsa_digest(&f), 0);
	assert_int_equal(f.ntop_tasks, 3);
	assert_int_equal(f.top_tasks[0].guest, 2);
	assert_int_equal(f.top_tasks[0].ns, 13);
	assert_int_equal(f.top_tasks[0].count, 2);
	assert_int_equal(f.top_tasks[1].guest, 1);
	assert_int_equal(f.top_tasks[2].stage, FSA_S_WAKEUP);
	assert_int_equal(f.top_tasks[2].ns, 4);
	/* a second time it is the same, and nothing leaks */
	assert_int_equal(fsa_digest(&f), 0);
	assert_int_equal(f.ntop_tasks, 3);
	drop(&f);
}

static void places_are_kernel_addresses_once_each(void **state)
{
	struct fsa_seg segs[] = {
		{.t1 = 1, .rip = KERNEL + 0x20, .reason = 0x78},
		{.t1 = 1, .rip = KERNEL + 0x20, .reason = 0x78},
		{.t1 = 1, .rip = KERNEL + 0x20, .reason = 0x400, .gpa = 0x5020},
		{.t1 = 1, .rip = KERNEL + 0x10, .reason = 0x400, .gpa = 0x5018},
		{.t1 = 1, .rip = 0x401000, .reason = 0x400, .gpa = 0x6000},
	};
	struct fsa_fork f = {.segs = segs, .nsegs = 5};

	(void)state;
	assert_int_equal(fsa_digest(&f), 0);
	assert_int_equal(f.nplaces, 3);
	assert_true(f.places[0].rip == KERNEL + 0x10 && !f.places[0].fetch);
	assert_true(f.places[1].rip == KERNEL + 0x20 && f.places[1].fetch);
	assert_true(f.places[2].rip == KERNEL + 0x20 && f.places[2].reason == 0x78);
	drop(&f);
}

static void a_full_table_keeps_the_fetches(void **state)
{
	struct fsa_fork f = {.nsegs = 3 * FSA_MAX_PLACES};
	size_t fetches = 0;

	(void)state;
	f.segs = calloc(f.nsegs, sizeof(*f.segs));
	assert_non_null(f.segs);
	for (size_t i = 0; i < f.nsegs; i++)
		f.segs[i] = (struct fsa_seg){.t1 = 1,
					     .rip = KERNEL + i * 0x10,
					     .gpa = i % 30 ? 0 : 0x7000 + i * 0x10 % 0x1000};
	assert_int_equal(fsa_digest(&f), 0);
	assert_int_equal(f.nplaces, FSA_MAX_PLACES);
	for (size_t i = 0; i < f.nplaces; i++) {
		fetches += f.places[i].fetch;
		assert_true(!i || f.places[i - 1].rip < f.places[i].rip);
	}
	assert_int_equal(fetches, (f.nsegs + 29) / 30);
	drop(&f);
	free(f.segs);
}

static void nothing_gives_nothing(void **state)
{
	struct fsa_fork f = {0};

	(void)state;
	assert_int_equal(fsa_digest(&f), 0);
	assert_true(!f.ntop_tasks && !f.nplaces && !f.places);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tasks_are_summed_by_stage_and_cause),
		cmocka_unit_test(places_are_kernel_addresses_once_each),
		cmocka_unit_test(a_full_table_keeps_the_fetches),
		cmocka_unit_test(nothing_gives_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
