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

/* What is left of a fault before and behind a stretch in which something is missing is one fault.
 */
static void a_fault_in_two_is_one(void **state)
{
	struct fsa_result *res;
	const struct fsa_fault_class *k;

	(void)state;
	/* a thread of the VMM touches guest memory [1200, 1350), and something is missing there */
	res = attr_run(STANDARD
		       "ts=1150 OFFCPU " M "ts_out=1060 ts_wake=1140 prev_state=0x1 waker_tid=11 "
		       "waker_tgid=10\n"
		       "ts=1160 VMEXIT " V "ts_exit=1130 reason=0x400 isa=SVM hints=MMIO|PF\n"
		       "ts=1350 MMFAULT " M "ts_start=1200 addr=0x7f0000009000 hints=HMM|COW "
		       "has_end=1\n"
		       "ts=1510 OFFCPU " V "ts_out=1220 ts_wake=1500 prev_state=0x1 waker_tid=10 "
		       "waker_tgid=10\n"
		       "ts=1550 VMEXIT " V
		       "ts_exit=1200 reason=0x78 isa=SVM hints=HALT|OFFCPU\n" PIO_END(
			       2000, 2010, 2030) MISSED(1250, 1300, 0, "fs_page_alloc"),
		       "pio:0xf4");
	assert_non_null(strstr(attr_path(&res->forks[0]),
			       "fault.cow[1200,1250) unknown[1250,1300) fault.cow[1300,1350)"));
	k = &res->forks[0].fault_class[FSA_C_FAULT_COW];
	assert_int_equal(k->count, 1);
	assert_int_equal(k->ns, 100);
	assert_int_equal(res->forks[0].cells[FSA_S_GUEST][FSA_C_FAULT_COW].count, 1);
	attr_done(res);
}

/* The exit that ends guest mode says where the guest was then, not before something is missing. */
static void a_place_is_that_of_the_last_part(void **state)
{
	struct fsa_result *res =
		attr_run(STANDARD RUNNING MISSED(1300, 1400, 1, "fs_kvm_exit"), "pio:0xf4");
	const struct fsa_fork *f = &res->forks[0];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < f->nsegs; i++)
		if (f->segs[i].cause == FSA_C_GUEST_RUN && f->segs[i].t1 > 1200) {
			bool whole = f->segs[i].t0 != 1200;

			assert_int_equal(f->segs[i].reason == UINT32_MAX, !whole);
			n++;
		}
	assert_int_equal(n, 3); /* [1200, 1300), [1400, 2000), [2100, 3000) */
	attr_done(res);
}

/* A reading that ends before it begins, or at once, costs itself alone, and is counted. */
static void odd_readings_are_counted(void **state)
{
	struct fsa_result *res;

	(void)state;
	res = attr_run(STANDARD RUNNING MISSED(1150, 1150, 1, "fs_page_alloc")
			       MISSED(1900, 1150, 1, "fs_kvm_exit")
				       MISSED(2500, 1300, 4294967295, "fs_kvm_exit"),
		       "pio:0xf4");
	assert_string_equal(
		attr_cells(&res->forks[0]),
		"sched.delay=10 exit.kernel=140 exit.vmm=10 fault.zero=100 guest.run=1750");
	assert_int_equal(res->odd_events, 3);
	attr_done(res);
	/* and hides none of the others */
	res = attr_run(STANDARD RUNNING MISSED(1150, 1900, 1, "fs_page_alloc")
			       MISSED(1950, 10, 1, "fs_page_alloc")
				       MISSED(2050, 2060, 1, "fs_page_alloc"),
		       "pio:0xf4");
	assert_string_equal(attr_cells(&res->forks[0]),
			    "sched.delay=10 exit.kernel=40 exit.vmm=10 guest.run=1750 unknown=200");
	assert_int_equal(res->odd_events, 1);
	attr_done(res);
}

/* --- of the file --- */

static void more_than_are_held_are_counted(void **state)
{
	enum { BATCH = 4096 };
	struct fs_ev_missed *e = calloc(BATCH, sizeof(*e));
	struct fsr_missed t = {0};

	(void)state;
	assert_non_null(e);
	for (size_t i = 0; i < BATCH; i++) {
		e[i].h.kind = FS_EV_MISSED;
		e[i].h.len = sizeof(*e);
		e[i].h.ts = 1;
	}
	for (size_t i = 0; i < FSR_MAX_MISSED; i += BATCH)
		assert_int_equal(fsr_missed_add(&t, e, BATCH * sizeof(*e)), 0);
	assert_int_equal(t.v.n, FSR_MAX_MISSED);
	assert_int_equal(t.left_out, 0);
	assert_int_equal(fsr_missed_add(&t, e, 3 * sizeof(*e)), 0);
	assert_int_equal(t.v.n, FSR_MAX_MISSED);
	assert_int_equal(t.left_out, 3);
	fsr_missed_free(&t);
	free(e);
}

static void only_whole_records_are_taken(void **state)
{
	struct fs_ev_missed e[2] = {
		{.h = {.kind = FS_EV_MISSED, .len = sizeof(e[0]), .ts = 1}, .runs = 1}};
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
		cmocka_unit_test(a_fault_in_two_is_one),
		cmocka_unit_test(a_place_is_that_of_the_last_part),
		cmocka_unit_test(odd_readings_are_counted),
		cmocka_unit_test(more_than_are_held_are_counted),
		cmocka_unit_test(only_whole_records_are_taken),
	};

	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
