// SPDX-License-Identifier: BSD-2-Clause
/* Classes of memory faults, asynchronous ones, what was lost, what was not seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "attribute/records/classify.h"
#include "../attr/attr.h"

#define END PIO_END(2000, 2010, 2030)
#define STACKS                                                                                   \
	"STACK 1 ffffffff81000100 ffffffff81000200\nSTACK 2 ffffffff81000300 ffffffff81000200\n" \
	"STACK 3 ffffffff81000400\n"                                                             \
	"SYM ffffffff81000000 _text\nSYM ffffffff810000f0 handle_userfault\n"                    \
	"SYM ffffffff810001f0 __handle_mm_fault\nSYM ffffffff810002f0 folio_wait_bit_common\n"   \
	"SYM ffffffff810003f0 schedule\n"

#define P    1u
#define W    2u
#define HUGE (FS_H_PF | FS_H_HMM | FS_H_HUGETLB)

static void classes(void **state)
{
	static const struct {
		uint32_t hints;
		uint64_t error;
		unsigned int isa, n_alloc;
		uint8_t st;
		bool iowait;
		enum fsa_cause want;
	} t[] = {
		/* with the function probe, in the order of the table */
		{FS_H_PF | FS_H_HMM | FS_H_UFFD | FS_H_MAJOR, 0, 2, 0, 0, 0, FSA_C_FAULT_UFFD},
		{FS_H_PF | FS_H_HMM | FS_H_MAJOR | FS_H_COW, 0, 2, 0, 0, 0, FSA_C_FAULT_MAJOR},
		{FS_H_PF | FS_H_HMM | FS_H_SWAPIN, 0, 2, 0, 0, 0, FSA_C_FAULT_MAJOR},
		{FS_H_PF | FS_H_HMM | FS_H_COW | FS_H_FILEMAP, W, 2, 1, 0, 0, FSA_C_FAULT_COW},
		{FS_H_PF | FS_H_HMM | FS_H_ZERO, 0, 2, 1, 0, 0, FSA_C_FAULT_ZERO},
		{FS_H_PF | FS_H_HMM | FS_H_FILEMAP, 0, 2, 0, 0, 0, FSA_C_FAULT_CACHED},
		{FS_H_PF | FS_H_HMM, 0, 2, 0, 0, 0, FSA_C_FAULT_MAPPED},
		{FS_H_PF, P | W, 2, 0, 0, 0, FSA_C_FAULT_WP},
		{FS_H_PF | FS_H_FASTPF, 0, 2, 0, 0, 0, FSA_C_FAULT_WP},
		{FS_H_PF | FS_H_SPURIOUS, P, 2, 0, 0, 0, FSA_C_FAULT_RETRY},
		{FS_H_PF | FS_H_INVALIDATED, 0, 2, 0, 0, 0, FSA_C_FAULT_RETRY},
		/* hugetlb: what was done is seen, or it is not known */
		{HUGE | FS_H_UFFD | FS_H_COW, W, 2, 0, 0, 0, FSA_C_FAULT_UFFD},
		{HUGE | FS_H_BIO, 0, 2, 0, 0, 0, FSA_C_FAULT_MAJOR},
		{HUGE | FS_H_COW | FS_H_INVALIDATED, W, 2, 0, 0, 0, FSA_C_FAULT_COW},
		{HUGE | FS_H_ZERO, 0, 2, 0, 0, 0, FSA_C_FAULT_ZERO},
		{HUGE | FS_H_HUGE_SEEN, 0, 2, 0, 0, 0, FSA_C_FAULT_CACHED},
		{HUGE | FS_H_HUGE_SEEN, W, 2, 0, 0, 0, FSA_C_FAULT_WP},
		{HUGE | FS_H_HUGE_SEEN | FS_H_VMA_SHARED, W, 2, 0, 0, 0, FSA_C_FAULT_CACHED},
		{HUGE | FS_H_INVALIDATED, P | W, 2, 0, 0, 0, FSA_C_UNKNOWN},
		{HUGE, 0, 2, 0, 0, 0, FSA_C_UNKNOWN},
		{FS_H_PF | FS_H_HUGETLB, 0, 2, 0, 0, 0, FSA_C_UNKNOWN},
		{FS_H_PF | FS_H_HUGETLB | FS_H_COW, W, 2, 512, 0, 0, FSA_C_UNKNOWN},
		{FS_H_PF | FS_H_HUGETLB | FS_H_ZERO, 0, 2, 512, 0, 0, FSA_C_UNKNOWN},
		/* tracepoints only */
		{FS_H_PF, 0, 2, 0, AT_ST_UFFD, 0, FSA_C_FAULT_UFFD},
		{FS_H_PF | FS_H_BIO | FS_H_CACHE_ADD, 0, 2, 8, 0, 0, FSA_C_FAULT_MAJOR},
		{FS_H_PF | FS_H_CACHE_ADD, 0, 2, 8, 0, 1, FSA_C_FAULT_MAJOR},
		{FS_H_PF | FS_H_FILEMAP, 0, 2, 0, AT_ST_READ, 0, FSA_C_FAULT_MAJOR},
		{FS_H_PF | FS_H_FILEMAP, W, 2, 1, 0, 0, FSA_C_FAULT_COW},
		{FS_H_PF | FS_H_ZERO, W, 2, 1, 0, 0, FSA_C_FAULT_ZERO},
		{FS_H_PF | FS_H_FILEMAP, 0, 2, 0, 0, 0, FSA_C_FAULT_CACHED},
		{FS_H_PF | FS_H_CACHE_ADD, 0, 2, 1, 0, 0, FSA_C_FAULT_CACHED},
		{FS_H_PF, 0, 2, 0, 0, 0, FSA_C_FAULT_MAPPED},
		/* Intel: the exit qualification; bit 0 is a read, bits 3 to 5 what was allowed */
		{FS_H_PF, 1, 1, 0, 0, 0, FSA_C_FAULT_MAPPED},
		{FS_H_PF, 2, 1, 0, 0, 0, FSA_C_FAULT_MAPPED},
		{FS_H_PF, 2 | 8 | 32, 1, 0, 0, 0, FSA_C_FAULT_WP},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		if (at_fault_class(t[i].hints, t[i].error, t[i].isa, t[i].n_alloc, t[i].st,
				   t[i].iowait) != t[i].want)
			fail_msg("case %zu is not %s", i, fsa_cause_name(t[i].want));
	assert_true(at_is_fault(FS_H_PF, 0x400, FS_ISA_SVM));
	assert_true(at_is_fault(0, 0x400, FS_ISA_SVM));
	assert_true(at_is_fault(0, 48, FS_ISA_VMX));
	assert_false(at_is_fault(FS_H_PF | FS_H_MMIO, 0x400, FS_ISA_SVM));
	assert_false(at_is_fault(0, 0x60, FS_ISA_SVM));
	assert_false(at_is_fault(0, 49, FS_ISA_VMX));
}

/* A fault's time is its whole segment: the work as well as the sleeps, less the waits for a CPU. */
static void whole_segment(void **state)
{
	struct fsa_result *res;

	(void)state;
	res = attr_run(STANDARD
		       "ts=1290 BIO " V "ts_start=1120 bytes=4096\n"
		       "ts=1310 OFFCPU " V "ts_out=1130 ts_wake=1300 prev_state=0x2 iowait=1 "
		       "waker_flags=IRQ|BIO prev_comm=\"hog\"\n"
		       "ts=1400 VMEXIT " V "ts_exit=1100 reason=0x400 isa=SVM gpa=0x5000 "
		       "hva=0x7f0000005000 hints=PF|HMM|MAJOR|BIO|OFFCPU n_bio=1 stack=7\n" END,
		       "pio:0xf4");
	assert_string_equal(attr_cells(&res->forks[0]),
			    "sched.delay=20 exit.kernel=40 exit.vmm=10 fault.major=290 "
			    "guest.run=650");
	assert_int_equal(res->forks[0].fault_class[FSA_C_FAULT_MAJOR].count, 1);
	assert_int_equal(res->forks[0].fault_class[FSA_C_FAULT_MAJOR].p50_ns, 290);
	assert_int_equal(res->forks[0].cells[FSA_S_GUEST][FSA_C_FAULT_MAJOR].count, 1);
	assert_int_equal(res->forks[0].ntop_faults, 1);
	assert_int_equal(res->forks[0].top_faults[0].gpa, 0x5000);
	assert_int_equal(res->forks[0].top_faults[0].hva, 0x7f0000005000);
	assert_int_equal(res->forks[0].top_faults[0].io_bytes, 4096);
	assert_int_equal(res->forks[0].top_faults[0].at_ns, 100);
	assert_int_equal(res->forks[0].verdict, FSA_V_GUEST);
	attr_done(res);
	/* quota and hog inside a fault */
	attr_expect(STANDARD "ts=1300 OFFCPU " V "ts_out=1110 waker_flags=PREEMPT|THROTTLED "
			     "throttled_ns=100\n"
			     "ts=1400 VMEXIT " V "ts_exit=1100 reason=0x400 isa=SVM "
			     "hints=PF|HMM|FILEMAP|OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=100 sched.throttle=100 exit.kernel=40 exit.vmm=10 "
		    "fault.cached=110 guest.run=650");
}

static void by_stack(void **state)
{
	(void)state;
	attr_expect(STACKS STANDARD
		    "ts=1310 OFFCPU " V "ts_out=1130 ts_wake=1300 prev_state=0x1 stack=1\n"
		    "ts=1400 VMEXIT " V "ts_exit=1100 reason=0x400 isa=SVM hints=PF|OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=20 exit.kernel=40 exit.vmm=10 fault.uffd=290 guest.run=650");
	/* another's read of the same page */
	attr_expect(STACKS STANDARD
		    "ts=1310 OFFCPU " V "ts_out=1130 ts_wake=1300 prev_state=0x2 stack=2\n"
		    "ts=1400 VMEXIT " V "ts_exit=1100 reason=0x400 isa=SVM hints=PF|OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=20 exit.kernel=40 exit.vmm=10 fault.major=290 guest.run=650");
	attr_expect(STACKS STANDARD
		    "ts=1310 OFFCPU " V "ts_out=1130 ts_wake=1300 prev_state=0x2 stack=3\n"
		    "ts=1400 VMEXIT " V "ts_exit=1100 reason=0x400 isa=SVM hints=PF|OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=20 exit.kernel=40 exit.vmm=10 fault.mapped=290 guest.run=650");
}

/* A page's lock that another thread held (no read: a thread gave it up) makes no major fault. */
static void page_lock_is_no_read(void **state)
{
	(void)state;
	attr_expect(STACKS STANDARD
		    "ts=1310 OFFCPU " V
		    "ts_out=1130 ts_wake=1300 prev_state=0x102 iowait=1 stack=2 "
		    "waker_tid=42 waker_tgid=42 waker_comm=\"khugepaged\"\n"
		    "ts=1400 VMEXIT " V
		    "ts_exit=1100 reason=0x400 isa=SVM hints=PF|HMM|FILEMAP|OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=20 exit.kernel=40 exit.vmm=10 fault.cached=290 guest.run=650");
	/* a worker that ends an I/O (a delayed device, a network file system) does */
	attr_expect(STACKS STANDARD
		    "ts=1310 OFFCPU " V
		    "ts_out=1130 ts_wake=1300 prev_state=0x102 iowait=1 stack=2 "
		    "waker_tid=42 waker_tgid=42 waker_comm=\"kworker/0:2\"\n"
		    "ts=1400 VMEXIT " V
		    "ts_exit=1100 reason=0x400 isa=SVM hints=PF|HMM|FILEMAP|OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=20 exit.kernel=40 exit.vmm=10 fault.major=290 guest.run=650");
}

/* KVM touches guest memory on its way to the first entry: no exit holds that fault. */
static void before_the_first_entry(void **state)
{
	(void)state;
	attr_expect(VMM RESUMED "ts=1020 FIRST_RUN " V REGS "\n"
				"ts=1310 OFFCPU " V
				"ts_out=1130 ts_wake=1300 prev_state=0x2 iowait=1 "
				"waker_flags=IRQ|BIO\n"
				"ts=1400 MMFAULT " V "ts_start=1100 addr=0x7f0000009000 "
				"hints=HMM|MAJOR|BIO|OFFCPU has_end=1\n"
				"ts=1450 VMEXIT " V "run_ns=430\n" END,
		    "pio:0xf4",
		    "sched.delay=20 exit.kernel=140 exit.vmm=10 fault.major=290 guest.run=550");
}

static void mmio_is_no_fault(void **state)
{
	(void)state;
	attr_expect(STANDARD "ts=1400 VMEXIT " V
			     "ts_exit=1100 reason=0x400 isa=SVM hints=PF|MMIO\n" END,
		    "pio:0xf4", "sched.delay=10 exit.kernel=340 exit.vmm=10 guest.run=650");
}

/* Guest memory that KVM touched in an exit of another kind, and the VMM outside exits. */
static void touched_by_the_host(void **state)
{
	(void)state;
	attr_expect(STANDARD "ts=1400 VMEXIT " V
			     "ts_exit=1100 reason=0x7c isa=SVM hints=HMM|FILEMAP "
			     "hva=0x7f0000005000 mm_ns=120\n" END,
		    "pio:0xf4",
		    "sched.delay=10 exit.kernel=220 exit.vmm=10 fault.cached=120 guest.run=650");
	/* not the guest's memory: no fault of the guest's */
	attr_expect(STANDARD "ts=1400 VMEXIT " V
			     "ts_exit=1100 reason=0x7c isa=SVM hints=HMM|FILEMAP "
			     "hva=0x550000005000 mm_ns=120\n" END,
		    "pio:0xf4", "sched.delay=10 exit.kernel=340 exit.vmm=10 guest.run=650");
	/* a thread of the VMM on the path */
	attr_expect(STANDARD
		    "ts=1150 OFFCPU " M "ts_out=1060 ts_wake=1140 prev_state=0x1 waker_tid=11 "
		    "waker_tgid=10\n"
		    "ts=1160 VMEXIT " V "ts_exit=1130 reason=0x400 isa=SVM hints=MMIO|PF\n"
		    "ts=1350 MMFAULT " M "ts_start=1200 addr=0x7f0000009000 hints=HMM|COW "
		    "has_end=1\n"
		    "ts=1450 MMFAULT " M "ts_start=1400 addr=0x550000009000 hints=HMM|ZERO "
		    "has_end=1\n"
		    "ts=1510 OFFCPU " V "ts_out=1220 ts_wake=1500 prev_state=0x1 waker_tid=10 "
		    "waker_tgid=10\n"
		    "ts=1550 VMEXIT " V "ts_exit=1200 reason=0x78 isa=SVM hints=HALT|OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=30 exit.kernel=90 exit.vmm=10 vmm.io=200 fault.cow=150 "
		    "guest.run=530");
}

#define APF_EXIT                                              \
	"ts=1120 APF " V "op=NOT_PRESENT a=0x1000 b=0x5000\n" \
	"ts=1130 VMEXIT " V "ts_exit=1100 reason=0x400 isa=SVM hints=PF|APF_NOT_PRESENT\n"
#define APF_READY                                       \
	"ts=1540 APF " V "op=READY a=0x1000 b=0x5000\n" \
	"ts=1550 VMEXIT " V "ts_exit=1300 reason=0x78 isa=SVM hints=HALT|OFFCPU|APF_READY\n"
#define APF_HALT                                                                     \
	"ts=1510 OFFCPU " V "ts_out=1320 ts_wake=1500 prev_state=0x1 waker_tid=300 " \
	"waker_tgid=300 waker_flags=WORK work=0x77\n"

/* From not present to ready all time outside the guest is the fault's, halts included. */
static void asynchronous(void **state)
{
	struct fsa_result *res;

	(void)state;
	res = attr_run(
		STANDARD APF_EXIT
		"ts=1490 WORK cpu=0 tgid=300 tid=300 vm=1 ts_queue=1122 ts_start=1140 "
		"work=0x77 queuer_tid=11 queuer_tgid=10 hints=BIO|CACHE_ADD\n" APF_HALT APF_READY
			END,
		"pio:0xf4");
	/* guest mode goes on from 1130 to 1300; runnable from 1500 to 1510 */
	assert_string_equal(attr_cells(&res->forks[0]),
			    "sched.delay=20 exit.kernel=50 exit.vmm=10 fault.major=260 "
			    "guest.run=670");
	/* one fault, not one per exit */
	assert_int_equal(res->forks[0].fault_class[FSA_C_FAULT_MAJOR].count, 1);
	attr_done(res);
	attr_expect(STACKS STANDARD APF_EXIT
		    "ts=1490 WORK cpu=0 tgid=300 tid=300 vm=1 ts_queue=1122 ts_start=1140 "
		    "work=0x77 queuer_tid=11 queuer_tgid=10 stack=1\n" APF_HALT APF_READY END,
		    "pio:0xf4",
		    "sched.delay=20 exit.kernel=50 exit.vmm=10 fault.uffd=260 guest.run=670");
}

/* Work of another kind that the same thread queued before does not decide the class. */
static void asynchronous_other_work(void **state)
{
	(void)state;
	attr_expect(STACKS STANDARD APF_EXIT
		    "ts=1150 WORK cpu=0 tgid=300 tid=300 vm=1 ts_queue=1125 ts_start=1140 "
		    "work=0x66 queuer_tid=11 queuer_tgid=10\n"
		    "ts=1490 WORK cpu=0 tgid=300 tid=300 vm=1 ts_queue=1122 ts_start=1140 "
		    "work=0x77 queuer_tid=11 queuer_tgid=10 stack=1\n" APF_HALT APF_READY END,
		    "pio:0xf4",
		    "sched.delay=20 exit.kernel=50 exit.vmm=10 fault.uffd=260 guest.run=670");
}

/*
 * While the page is not there the fault goes on, also when another has the CPU; from then on
 * waiting for the CPU is that. The exit in which the fault began knew of the userfaultfd.
 */
static void asynchronous_and_preempted(void **state)
{
	attr_expect(STANDARD
		    "ts=1120 APF " V "op=NOT_PRESENT a=0x1000\n"
		    "ts=1130 VMEXIT " V "ts_exit=1100 reason=0x400 isa=SVM "
		    "hints=PF|UFFD|APF_NOT_PRESENT\n"
		    "ts=1400 OFFCPU " V "ts_out=1210 waker_flags=PREEMPT next_comm=\"hog\"\n"
		    "ts=1440 APF " V "op=READY a=0x1000\n"
		    "ts=1450 VMEXIT " V "ts_exit=1200 reason=0x60 isa=SVM hints=OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=10 exit.kernel=50 exit.vmm=10 fault.uffd=270 guest.run=670");
	attr_expect(STANDARD
		    "ts=1120 APF " V "op=NOT_PRESENT a=0x1000\n"
		    "ts=1130 VMEXIT " V "ts_exit=1100 reason=0x400 isa=SVM "
		    "hints=PF|UFFD|APF_NOT_PRESENT\n"
		    "ts=1350 WORK cpu=0 tgid=300 tid=300 vm=1 ts_queue=1122 ts_start=1140 "
		    "work=0x77 queuer_tid=11 queuer_tgid=10 hints=UFFD\n"
		    "ts=1400 OFFCPU " V "ts_out=1210 waker_flags=PREEMPT next_comm=\"hog\"\n"
		    "ts=1440 APF " V "op=READY a=0x1000\n"
		    "ts=1450 VMEXIT " V "ts_exit=1200 reason=0x60 isa=SVM hints=OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=60 exit.kernel=50 exit.vmm=10 fault.uffd=220 guest.run=670");
	(void)state;
}

/* An unseen wake-up makes a sleep unknown, but not one that a fault decides on. */
static void unseen_in_a_fault(void **state)
{
	(void)state;
	attr_expect(STANDARD "ts=1310 OFFCPU " V
			     "ts_out=1130 prev_state=0x2 waker_flags=UNSEEN iowait=1\n"
			     "ts=1400 VMEXIT " V
			     "ts_exit=1100 reason=0x400 isa=SVM hints=PF|HMM|OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=10 exit.kernel=40 exit.vmm=10 fault.major=300 "
		    "guest.run=650");
}

/* Two under way at once, answered in the other order: one stretch. */
static void asynchronous_overlap(void **state)
{
	(void)state;
	attr_expect(STANDARD "ts=1120 APF " V "op=NOT_PRESENT a=0x1000\n"
			     "ts=1130 VMEXIT " V
			     "ts_exit=1100 reason=0x400 isa=SVM hints=PF|APF_NOT_PRESENT\n"
			     "ts=1220 APF " V "op=NOT_PRESENT a=0x2000\n"
			     "ts=1230 VMEXIT " V
			     "ts_exit=1200 reason=0x400 isa=SVM hints=PF|APF_NOT_PRESENT\n"
			     "ts=1320 APF " V "op=READY a=0x2000\n"
			     "ts=1330 VMEXIT " V "ts_exit=1300 reason=0x60 isa=SVM\n"
			     "ts=1420 APF " V "op=READY a=0x1000\n"
			     "ts=1430 VMEXIT " V "ts_exit=1400 reason=0x60 isa=SVM\n"
			     "ts=1530 VMEXIT " V "ts_exit=1500 reason=0x60 isa=SVM\n" END,
		    "pio:0xf4",
		    "sched.delay=10 exit.kernel=80 exit.vmm=10 fault.major=110 guest.run=800");
}

/* --- losses and blind spots --- */

static void lost_exit(void **state)
{
	/* CPU 1 loses a record between 1300 and 1700: what the vCPU did there is not known */
	static const char text[] = "ts=100 PROC_ADD cpu=0 tgid=10 tid=10 start_ns=90 comm=\"vmm\"\n"
				   "ts=110 VM_CREATE cpu=0 tgid=10 tid=10 vm=1 ts_start=105 fd=5\n"
				   "ts=1020 FIRST_RUN seq=10 " V REGS "\n"
				   "ts=1050 VMEXIT seq=11 " V "run_ns=30\n"
				   "ts=1300 VMEXIT seq=12 " V "ts_exit=1200 reason=0x60 isa=SVM\n"
				   "ts=1700 IRQ_INJECT seq=14 " V "vector=0x20\n"
				   "ts=1900 VMEXIT seq=15 " V "ts_exit=1800 reason=0x60 isa=SVM\n"
				   "ts=2010 PIO seq=16 " V "port=0xf4 rw=1\n"
				   "ts=2030 VMEXIT seq=17 " V "ts_exit=2000 reason=0x7b isa=SVM\n";
	struct fsa_result *res = attr_run(text, "pio:0xf4");

	(void)state;
	assert_string_equal(attr_path(&res->forks[0]),
			    "exit.kernel[1020,1050) guest.run[1050,1200) exit.kernel[1200,1300) "
			    "unknown[1300,1700) guest.run[1700,1800) exit.kernel[1800,1900) "
			    "guest.run[1900,2000) exit.kernel[2000,2010)");
	assert_true(attr_noted(&res->forks[0], FSA_N_LOST_EVENTS));
	assert_int_equal(res->unknown_ns, 400);
	attr_done(res);
	/* the recorder's own count */
	res = attr_run(
		"STATS {\"lost_vm\":[{\"vm\":1,\"records\":3,\"stacks\":9,\"state\":2}]}\n" STANDARD
			END,
		"pio:0xf4");
	assert_int_equal(res->forks[0].lost, 5);
	assert_true(attr_noted(&res->forks[0], FSA_N_LOST_EVENTS));
	attr_done(res);
	/* rows of any order, several of one VM, numbers that make no sense */
	res = attr_run(
		"STATS {\"lost_vm\":[{\"vm\":4294967297,\"records\":1},{\"vm\":1,\"records\":2},7,"
		"{\"vm\":1,\"state\":4},{\"vm\":0,\"records\":8},{\"vm\":1,\"records\":-9}]}"
		"\n" STANDARD END,
		"pio:0xf4");
	assert_int_equal(res->forks[0].lost, 6);
	attr_done(res);
	res = attr_run("STATS {\"lost_vm\":[{\"vm\":1,\"records\":9223372036854775807,"
		       "\"state\":9223372036854775807,\"slots\":9}]}\n" STANDARD END,
		       "pio:0xf4");
	assert_int_equal(res->forks[0].lost, UINT64_MAX);
	attr_done(res);
}

/* A hole that the recorder counts against another VM, and that left nothing unknown here. */
static void loss_of_another(void **state)
{
	static const char text[] =
		"STATS {\"lost_vm\":[{\"vm\":2,\"records\":1,\"stacks\":0,\"state\":0}]}\n" STANDARD
		"ts=1300 MARK cpu=2 seq=5 name=\"a\"\nts=1400 MARK cpu=2 seq=9 name=\"b\"\n" END;
	struct fsa_result *res = attr_run(text, "pio:0xf4");

	(void)state;
	assert_false(attr_noted(&res->forks[0], FSA_N_LOST_EVENTS));
	attr_done(res);
	/* without such counts (a recording cut short) it may be this one's */
	res = attr_run(strchr(text, '\n') + 1, "pio:0xf4");
	assert_true(attr_noted(&res->forks[0], FSA_N_LOST_EVENTS));
	attr_done(res);
}

/* A record that stands after one with a later number is late, not lost. */
static void late_is_not_lost(void **state)
{
	struct fsa_result *res =
		attr_run(VMM RESUMED "ts=1020 FIRST_RUN seq=1 " V REGS "\n"
				     "ts=1050 VMEXIT seq=2 " V "run_ns=30\n"
				     "ts=1300 IRQ_INJECT seq=4 " V "vector=0x20\n"
				     "ts=1301 VMEXIT seq=3 " V "ts_exit=1200 reason=0x60 isa=SVM\n"
				     "ts=2010 PIO seq=5 " V "port=0xf4 rw=1\n"
				     "ts=2030 VMEXIT seq=6 " V "ts_exit=2000 reason=0x7b isa=SVM\n",
			 "pio:0xf4");

	(void)state;
	assert_false(attr_noted(&res->forks[0], FSA_N_LOST_EVENTS));
	assert_int_equal(res->unknown_ns, 0);
	attr_done(res);
}

/* A KVM without entries and exits: time inside KVM_RUN is not separable. */
static void no_exits(void **state)
{
	struct fsa_result *res =
		attr_run(VMM RESUMED "ts=1020 FIRST_RUN " V REGS "\n"
				     "ts=1200 RUN " V "ts_start=1020 reason=2\n"
				     "ts=1400 OFFCPU " V "ts_out=1250 waker_flags=PREEMPT\n"
				     "ts=1610 PIO " V "port=0xf4 rw=1\n"
				     "ts=1700 RUN " V "ts_start=1500 reason=2\n",
			 "pio:0xf4");

	(void)state;
	assert_string_equal(attr_cells(&res->forks[0]), "sched.delay=160 exit.vmm=160 unknown=290");
	assert_true(attr_noted(&res->forks[0], FSA_N_NO_EXITS));
	/* 320 of 610 are certain, and more than what is not known */
	assert_int_equal(res->forks[0].verdict, FSA_V_VCPU);
	attr_done(res);
}

static void interrupts(void **state)
{
	struct fsa_result *res = attr_run(VMM "ts=900 IRQ_SET " M "gsi=5 level=1\n"
					      "ts=901 IRQ_ACCEPT " M "vector=0x2f\n" RESUMED ENTERED
					      "ts=1100 IRQ_INJECT " V "vector=0x2f\n"
					      "ts=1150 IRQ_INJECT " V "vector=0x2f reinjected=1\n"
					      "ts=1160 IRQ_INJECT " V "vector=0x2f reinjected=1\n"
					      "ts=1800 IRQ_INJECT " V "vector=0x2f\n"
					      "ts=1900 IRQ_SET " M "gsi=6 level=1\n" END,
					  "pio:0xf4");
	const struct fsa_fork *f = &res->forks[0];
	size_t raise = 0, inject = 0;

	(void)state;
	for (size_t i = 0; i < f->nmilestones; i++) {
		if (!strcmp(f->milestones[i].name, "raise")) {
			raise++;
			assert_int_equal(f->milestones[i].at_ns, 900);
			assert_string_equal(f->milestones[i].note, "gsi 5, vector 0x2f");
		}
		if (!strcmp(f->milestones[i].name, "inject")) {
			inject++;
			assert_int_equal(f->milestones[i].at_ns, 1160);
			assert_string_equal(f->milestones[i].note, "vector 0x2f, injected 3 times");
		}
	}
	assert_int_equal(raise, 1);
	assert_int_equal(inject, 1);
	attr_done(res);
}

#define NPF(t0, t1, hints)                    \
	"ts=" #t1 " VMEXIT " V "ts_exit=" #t0 \
	" reason=0x400 isa=SVM gpa=0x5000 error_code=2 hints=" hints "\n"
#define MAPPED(flags)    \
	"ts=105 MMAP " M \
	"ts_start=101 addr=0x7f0000000000 size=0x10000000 ino=7 dev=3 map_flags=" flags "\n"

/* A copy of 2 MiB, a first read, and a fault that the host had no part in: known, or not. */
static void hugetlb_memory(void **state)
{
	static const struct {
		const char *faults, *cells;
		bool huge;
	} t[] = {
		/* seen by the function probe, and with it what was done */
		{NPF(1100, 1300, "PF|HMM|HUGETLB|HUGE_SEEN|COW|INVALIDATED")
			 NPF(1400, 1450, "PF|HMM|HUGETLB|HUGE_SEEN|ZERO") NPF(1500, 1510, "PF"),
		 "sched.delay=10 exit.kernel=40 exit.vmm=10 fault.cow=200 fault.zero=50 "
		 "fault.mapped=10 guest.run=690",
		 true},
		/* ... but not what was done */
		{NPF(1100, 1300, "PF|HMM|HUGETLB|INVALIDATED") NPF(1400, 1450, "PF|HMM|HUGETLB")
			 NPF(1500, 1510, "PF"),
		 "sched.delay=10 exit.kernel=40 exit.vmm=10 fault.mapped=10 guest.run=690 "
		 "unknown=250",
		 true},
		/* small pages: as ever */
		{NPF(1100, 1300, "PF|HMM|INVALIDATED") NPF(1400, 1450, "PF|HMM")
			 NPF(1500, 1510, "PF"),
		 "sched.delay=10 exit.kernel=40 exit.vmm=10 fault.mapped=60 fault.retry=200 "
		 "guest.run=690",
		 false},
		/* tracepoints alone: known by the mapping, and nothing of its faults */
		{NPF(1100, 1300, "PF|INVALIDATED") NPF(1400, 1450, "PF") NPF(1500, 1510, "PF"),
		 "sched.delay=10 exit.kernel=40 exit.vmm=10 guest.run=690 unknown=260", true},
		/* function probes that KVM's way to hugetlb memory goes past, as up to 6.5 */
		{NPF(1100, 1300, "PF|COW|INVALIDATED") NPF(1400, 1450, "PF") NPF(1500, 1510, "HMM"),
		 "sched.delay=10 exit.kernel=40 exit.vmm=10 guest.run=690 unknown=260", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct fsa_result *res;
		char text[8192];

		snprintf(text, sizeof(text), "%s%s%s%s", i >= 3 ? MAPPED("0x40002") : MAPPED("0x2"),
			 STANDARD, t[i].faults, END);
		res = attr_run(text, "pio:0xf4");
		assert_int_equal(res->nforks, 1);
		assert_string_equal(attr_cells(&res->forks[0]), t[i].cells);
		assert_int_equal(res->forks[0].hugetlb, t[i].huge);
		assert_int_equal(attr_noted(&res->forks[0], FSA_N_HUGETLB), t[i].huge);
		attr_done(res);
	}
}

/* Each fault counts with the size of its page, where that was seen. */
static void huge_sizes(void **state)
{
	struct fsa_result *res = attr_run(
		STANDARD NPF(1100, 1300, "PF|HMM|HUGETLB|HUGE_SEEN|HUGE_2M|COW")
			NPF(1400, 1450, "PF|HMM|HUGETLB|HUGE_SEEN|HUGE_1G|COW")
				NPF(1460, 1470, "PF|HMM|HUGETLB|HUGE_SEEN|COW")
					NPF(1480, 1485, "PF|HMM|COW")
						NPF(1490, 1494, "PF|HMM|HUGETLB|HUGE_2M") END,
		"pio:0xf4");
	const struct fsa_fault_class *k = &res->forks[0].fault_class[FSA_C_FAULT_COW];
	static const struct {
		enum fsa_cause cause;
		uint64_t bytes;
		bool huge;
	} top[] = {{FSA_C_FAULT_COW, 2 << 20, true},
		   {FSA_C_FAULT_COW, 1 << 30, true},
		   {FSA_C_FAULT_COW, 0, true},
		   {FSA_C_FAULT_COW, 0, false},
		   {FSA_C_UNKNOWN, 2 << 20, true}};

	(void)state;
	assert_int_equal(k->count, 4);
	for (unsigned int h = 0; h < FSA_NHUGE; h++)
		assert_int_equal(k->huge[h], 1);
	assert_int_equal(res->forks[0].ntop_faults, 5);
	for (size_t i = 0; i < 5; i++) {
		const struct fsa_top_fault *x = &res->forks[0].top_faults[i];

		assert_int_equal(x->cause, top[i].cause);
		assert_int_equal(x->huge != FSA_NHUGE, top[i].huge);
		assert_int_equal(fsa_huge_bytes(x->huge), top[i].bytes);
	}
	attr_done(res);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hugetlb_memory),
		cmocka_unit_test(huge_sizes),
		cmocka_unit_test(classes),
		cmocka_unit_test(whole_segment),
		cmocka_unit_test(by_stack),
		cmocka_unit_test(page_lock_is_no_read),
		cmocka_unit_test(before_the_first_entry),
		cmocka_unit_test(mmio_is_no_fault),
		cmocka_unit_test(touched_by_the_host),
		cmocka_unit_test(asynchronous),
		cmocka_unit_test(asynchronous_overlap),
		cmocka_unit_test(asynchronous_other_work),
		cmocka_unit_test(asynchronous_and_preempted),
		cmocka_unit_test(unseen_in_a_fault),
		cmocka_unit_test(lost_exit),
		cmocka_unit_test(loss_of_another),
		cmocka_unit_test(late_is_not_lost),
		cmocka_unit_test(no_exits),
		cmocka_unit_test(interrupts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
