// SPDX-License-Identifier: BSD-2-Clause
/* Runs of the recorder's programs that the kernel skipped: what becomes unknown, and what does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "../attr/attr.h"
#include "record/missed.h"

/* A page fault [1100, 1200), guest mode to 2000, an exit to 2100, guest mode to 3000, the end 3010.
 */
#define FAULT "reason=0x400 isa=SVM hints=PF|HMM|VMA_KNOWN|ZERO n_pf=1 "
#define RUNNING                                        \
	"ts=1200 VMEXIT " V "ts_exit=1100 " FAULT "\n" \
	"ts=2100 VMEXIT " V "ts_exit=2000 reason=0x7b isa=SVM\n" PIO_END(3000, 3010, 3030)

#define MISSED(from, to, cpu, prog)                                                               \
	"ts=" #to " MISSED cpu=65535 ts_start=" #from " runs=3 on_cpu=" #cpu " prog=\"" prog "\"" \
	"\n"

static void nothing_is_missed(void **state)
{
	struct fsa_result *res;

	(void)state;
	attr_expect(STANDARD RUNNING, "pio:0xf4",
		    "sched.delay=10 exit.kernel=140 exit.vmm=10 fault.zero=100 guest.run=1750");
	res = attr_run(STANDARD RUNNING MISSED(1, 50, 1, "fs_page_alloc"), "pio:0xf4");
	assert_false(attr_noted(&res->forks[0], FSA_N_LOST_EVENTS));
	attr_done(res);
}

/* The fault's page may have come by another way; guest mode and waiting for a CPU are certain. */
static void an_exit_is_in_doubt_as_a_whole(void **state)
{
	struct fsa_result *res;

	(void)state;
	res = attr_run(STANDARD RUNNING MISSED(1150, 1900, 1, "fs_page_alloc"), "pio:0xf4");
	assert_string_equal(
		attr_cells(&res->forks[0]),
		"sched.delay=10 exit.kernel=140 exit.vmm=10 guest.run=1750 unknown=100");
	assert_true(attr_noted(&res->forks[0], FSA_N_LOST_EVENTS));
	attr_done(res);
}

/* What is written behind the fork's end, as the readings are, counts all the same. */
static void a_reading_may_come_after_the_end(void **state)
{
	(void)state;
	attr_expect(STANDARD RUNNING
		    "ts=3500 EXIT_TASK " M
		    "group_dead=1\n" MISSED(1950, 9000, 1, "fs_kvm_userspace_exit"),
		    "pio:0xf4",
		    "sched.delay=10 exit.kernel=30 exit.vmm=10 fault.zero=100 guest.run=1750 "
		    "unknown=110");
}

static void another_cpu_is_another_matter(void **state)
{
	(void)state;
	attr_expect(STANDARD RUNNING MISSED(1, 9000, 0, "fs_page_alloc"), "pio:0xf4",
		    "sched.delay=10 exit.kernel=140 exit.vmm=10 fault.zero=100 guest.run=1750");
}

static void a_cpu_that_is_not_known_is_each(void **state)
{
	(void)state;
	attr_expect(STANDARD RUNNING MISSED(1, 9000, 4294967295, "fs_page_alloc"), "pio:0xf4",
		    "sched.delay=10 guest.run=1750 unknown=250");
}

/* Guest mode is what lies between an entry and an exit. */
static void a_missed_exit_leaves_nothing_certain(void **state)
{
	(void)state;
	attr_expect(STANDARD RUNNING MISSED(1300, 1400, 1, "fs_kvm_exit"), "pio:0xf4",
		    "sched.delay=10 exit.kernel=140 exit.vmm=10 fault.zero=100 guest.run=1650 "
		    "unknown=100");
}

/* A port access that no record tells of changes no ledger, but a fork that misses its end says so.
 */
static void ends_can_be_missed(void **state)
{
	struct fsa_result *res;

	(void)state;
	attr_expect(STANDARD RUNNING MISSED(1, 9000, 1, "fs_kvm_pio_rax"), "pio:0xf4",
		    "sched.delay=10 exit.kernel=140 exit.vmm=10 fault.zero=100 guest.run=1750");
	res = attr_run(STANDARD RUNNING MISSED(1, 9000, 1, "fs_kvm_pio"), "pio:0x80");
	assert_false(res->forks[0].complete);
	assert_true(attr_noted(&res->forks[0], FSA_N_LOST_EVENTS));
	attr_done(res);
}

static void overlapping_readings_are_one(void **state)
{
	(void)state;
	attr_expect(STANDARD RUNNING MISSED(1000, 1500, 1, "fs_page_alloc")
			    MISSED(1400, 2050, 1, "fs_sys_exit")
				    MISSED(1100, 1200, 1, "fs_hmm_exit"),
		    "pio:0xf4", "sched.delay=10 exit.kernel=10 guest.run=1750 unknown=240");
}

/* --- of the file --- */

static void only_whole_records_are_taken(void **state)
{
	struct fs_ev_missed e[2] = {{.h = {.kind = FS_EV_MISSED, .len = sizeof(e[0])}, .runs = 1}};
	struct fsr_missed t = {0};

	(void)state;
	memset(e[0].prog, 'x', sizeof(e[0].prog));
	e[1] = e[0];
	assert_int_equal(fsr_missed_add(&t, e, sizeof(e)), 0);
	assert_int_equal(t.v.n, 2);
	assert_int_equal(t.v.v[0].prog[sizeof(e[0].prog) - 1], '\0');
	e[0].h.len = 40; /* another kind of that name: too short, and the next is found behind it */
	assert_int_equal(fsr_missed_add(&t, e, 39), 0);
	e[0].h.len = 8;
	assert_int_equal(fsr_missed_add(&t, e, sizeof(e)), 0);
	e[0].h.len = 0xfff8;
	assert_int_equal(fsr_missed_add(&t, e, sizeof(e)), 0);
	assert_int_equal(t.v.n, 2);
	fsr_missed_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_missed),
		cmocka_unit_test(an_exit_is_in_doubt_as_a_whole),
		cmocka_unit_test(a_reading_may_come_after_the_end),
		cmocka_unit_test(another_cpu_is_another_matter),
		cmocka_unit_test(a_cpu_that_is_not_known_is_each),
		cmocka_unit_test(a_missed_exit_leaves_nothing_certain),
		cmocka_unit_test(ends_can_be_missed),
		cmocka_unit_test(overlapping_readings_are_one),
		cmocka_unit_test(only_whole_records_are_taken),
	};

	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
