// SPDX-License-Identifier: BSD-2-Clause
/* The critical path and what it says of every kind of time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "../attr/attr.h"

#define END PIO_END(2000, 2010, 2030)

static void plain(void **state)
{
	(void)state;
	attr_expect(STANDARD END, "pio:0xf4",
		    "sched.delay=10 exit.kernel=40 exit.vmm=10 guest.run=950");
}

static void exit_kernel_and_irq(void **state)
{
	struct fsa_result *res = attr_run(
		STANDARD "ts=1200 VMEXIT " V "ts_exit=1100 reason=0x60 isa=SVM\n" END, "pio:0xf4");
	const struct fsa_fork *f = &res->forks[0];

	(void)state;
	assert_string_equal(attr_cells(f),
			    "sched.delay=10 exit.kernel=140 exit.vmm=10 guest.run=850");
	/* an exit for a host interrupt says so in its frame; guest time ends with its exit's RIP */
	assert_string_equal(f->labels[f->segs[4].label], "irq");
	assert_int_equal(f->segs[5].rip, 0xffffffff81000200);
	assert_int_equal(f->ntop_exits, 2);
	assert_int_equal(f->top_exits[0].reason, 0x60);
	assert_int_equal(f->top_exits[0].ns, 100);
	attr_done(res);
}

/* An exit to the VMM: user time by the RUN records, the rest is the kernel's. */
static void exit_vmm(void **state)
{
	(void)state;
	attr_expect(STANDARD "ts=1120 RUN " V "ts_start=1020 reason=2\n"
			     "ts=1400 VMEXIT " V "ts_exit=1100 reason=0x7b isa=SVM hints=USER "
			     "run_ns=50\n" END,
		    "pio:0xf4", "sched.delay=10 exit.kernel=110 exit.vmm=240 guest.run=650");
	/* the next RUN says where it began; the exit's own run_ns is not needed */
	attr_expect(STANDARD "ts=1120 RUN " V "ts_start=1020 reason=2\n"
			     "ts=1400 VMEXIT " V "ts_exit=1100 reason=0x7b isa=SVM hints=USER\n"
			     "ts=1920 RUN " V "ts_start=1350 reason=2\n"
			     "ts=1950 VMEXIT " V "ts_exit=1900 hints=USER run_ns=10\n" END,
		    "pio:0xf4", "sched.delay=10 exit.kernel=140 exit.vmm=260 guest.run=600");
	/* KVM_RUN is interrupted before it ever entered the guest */
	attr_expect(VMM RESUMED "ts=1020 FIRST_RUN " V REGS "\n"
				"ts=1030 RUN " V "ts_start=1020 error=-4\n"
				"ts=1100 VMEXIT " V "run_ns=40\n" END,
		    "pio:0xf4", "sched.delay=10 exit.kernel=60 exit.vmm=40 guest.run=900");
}

/* The kernel may skip the programs that see KVM_RUN return: then how long it took is not known. */
static void return_unseen(void **state)
{
	(void)state;
	/* KVM_RUN was called again 50 ns before the entry */
	attr_expect(STANDARD "ts=1400 VMEXIT " V "ts_exit=1100 reason=0x7b isa=SVM run_ns=50\n" END,
		    "pio:0xf4",
		    "sched.delay=10 exit.kernel=90 exit.vmm=10 guest.run=650 unknown=250");
	/* ... and that was not seen either, but that it had returned */
	attr_expect(
		STANDARD "ts=1400 VMEXIT " V "ts_exit=1100 reason=0x7b isa=SVM hints=USER\n" END,
		"pio:0xf4", "sched.delay=10 exit.kernel=40 exit.vmm=10 guest.run=650 unknown=300");
	/* before and after it, returns that were seen */
	attr_expect(
		STANDARD
		"ts=1110 RUN " V "ts_start=1020 reason=2\n"
		"ts=1150 VMEXIT " V "ts_exit=1100 reason=0x7b isa=SVM hints=USER run_ns=10\n"
		"ts=1300 VMEXIT " V "ts_exit=1200 reason=0x7b isa=SVM run_ns=20\n"
		"ts=1410 RUN " V "ts_start=1280 reason=2\n"
		"ts=1450 VMEXIT " V "ts_exit=1400 reason=0x7b isa=SVM hints=USER run_ns=10\n" END,
		"pio:0xf4", "sched.delay=10 exit.kernel=100 exit.vmm=70 guest.run=750 unknown=80");
	/* a halt that a signal ended for a moment: asleep is asleep */
	attr_expect(STANDARD "ts=1310 OFFCPU " V "ts_out=1130 ts_wake=1310 prev_state=0x1 "
			     "waker_flags=IRQ\n"
			     "ts=1400 VMEXIT " V
			     "ts_exit=1100 reason=0x78 isa=SVM hints=HALT|OFFCPU run_ns=50\n" END,
		    "pio:0xf4",
		    "sched.delay=10 exit.kernel=90 exit.vmm=10 guest.idle=180 guest.run=650 "
		    "unknown=70");
}

static void preempted_and_throttled(void **state)
{
	struct fsa_result *res;

	(void)state;
	res = attr_run(STANDARD
		       "ts=1300 OFFCPU " V "ts_out=1110 waker_flags=PREEMPT next_comm=\"hog\"\n"
		       "ts=1350 VMEXIT " V "ts_exit=1100 reason=0x60 isa=SVM hints=OFFCPU\n" END,
		       "pio:0xf4");
	assert_string_equal(attr_cells(&res->forks[0]),
			    "sched.delay=200 exit.kernel=100 exit.vmm=10 guest.run=700");
	assert_string_equal(res->forks[0].labels[res->forks[0].segs[5].label], "hog");
	attr_done(res);
	/* the quota's own account: 150 of the 190 */
	attr_expect(STANDARD "ts=1300 OFFCPU " V "ts_out=1110 waker_flags=PREEMPT|THROTTLED "
			     "throttled_ns=150\n"
			     "ts=1350 VMEXIT " V
			     "ts_exit=1100 reason=0x60 isa=SVM hints=OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=50 sched.throttle=150 exit.kernel=100 exit.vmm=10 guest.run=700");
	/* left because of the quota, and no account of it: all of it */
	attr_expect(STANDARD "ts=1300 OFFCPU " V "ts_out=1110 waker_flags=PREEMPT|THROTTLED\n"
			     "ts=1350 VMEXIT " V
			     "ts_exit=1100 reason=0x60 isa=SVM hints=OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=10 sched.throttle=190 exit.kernel=100 exit.vmm=10 guest.run=700");
}

static void stopped(void **state)
{
	(void)state;
	attr_expect(STANDARD "ts=1120 RUN " V "ts_start=1020 error=-4\n"
			     "ts=1310 OFFCPU " V "ts_out=1130 ts_wake=1300 prev_state=0x4 "
			     "waker_tid=99 waker_tgid=99\n"
			     "ts=1400 VMEXIT " V "ts_exit=1100 reason=0x60 isa=SVM "
			     "hints=USER|OFFCPU run_ns=50\n" END,
		    "pio:0xf4",
		    "sched.delay=20 sched.blocked=170 exit.kernel=110 exit.vmm=60 guest.run=650");
	/* stopped inside a fault: not the fault's */
	attr_expect(STANDARD "ts=1310 OFFCPU " V "ts_out=1130 ts_wake=1300 prev_state=0x8 "
			     "waker_tid=99 waker_tgid=99\n"
			     "ts=1400 VMEXIT " V "ts_exit=1100 reason=0x400 isa=SVM "
			     "hints=PF|HMM|OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=20 sched.blocked=170 exit.kernel=40 exit.vmm=10 fault.mapped=120 "
		    "guest.run=650");
}

/* A switch between entry and exit (6.1 stamps the exit late) ends guest mode there. */
static void switch_in_guest_mode(void **state)
{
	(void)state;
	attr_expect(STANDARD "ts=1300 OFFCPU " V "ts_out=1100 waker_flags=PREEMPT\n"
			     "ts=1350 VMEXIT " V "ts_exit=1320 reason=0x60 isa=SVM\n" END,
		    "pio:0xf4", "sched.delay=210 exit.kernel=90 exit.vmm=10 guest.run=700");
}

static void halts(void **state)
{
	(void)state;
	/* asleep until its timer, then the way to the CPU, then to the guest */
	attr_expect(STANDARD "ts=1310 OFFCPU " V "ts_out=1120 ts_wake=1300 prev_state=0x1 "
			     "waker_flags=IRQ|TIMER waker_tid=77 waker_tgid=77\n"
			     "ts=1320 HALT " V "ns=200 waited=1 valid=1\n"
			     "ts=1350 VMEXIT " V "ts_exit=1100 reason=0x78 isa=SVM "
			     "hints=HALT|OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=20 exit.kernel=80 exit.vmm=10 guest.idle=200 guest.run=700");
	/* polling was enough */
	attr_expect(STANDARD "ts=1320 HALT " V "ns=200 waited=0 valid=1\n"
			     "ts=1350 VMEXIT " V
			     "ts_exit=1100 reason=0x78 isa=SVM hints=HALT\n" END,
		    "pio:0xf4",
		    "sched.delay=10 exit.kernel=70 exit.vmm=10 guest.idle=220 guest.run=700");
	/* the wake-up was not seen */
	attr_expect(STANDARD "ts=1310 OFFCPU " V "ts_out=1120 prev_state=0x1 waker_flags=UNSEEN\n"
			     "ts=1350 VMEXIT " V "ts_exit=1100 reason=0x78 isa=SVM "
			     "hints=HALT|OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=10 exit.kernel=80 exit.vmm=10 guest.idle=20 guest.run=700 "
		    "unknown=190");
}

/* The main thread asleep until the vCPU's kick, then the ack: back to the vCPU at the kick. */
#define ACK(stage, ts) \
	"ts=" #ts " NET_TX " M "what=STAGE payload=\"stage=" stage " mac=x ip=y\\n\"\n"
#define KICK                                                                                      \
	"ts=1995 OFFCPU " M "ts_out=1060 ts_wake=1990 prev_state=0x1 waker_tid=11 waker_tgid=10 " \
	"waker_comm=\"vcpu\"\n"                                                                   \
	"ts=1999 VMEXIT " V "ts_exit=1980 reason=0x400 isa=SVM hints=MMIO|PF\n"
#define COVER "ts=3050 VMEXIT " V "ts_exit=3000 reason=0x60 isa=SVM\n"

static void ack_through_io_thread(void **state)
{
	struct fsa_result *res = attr_run(STANDARD KICK ACK("mailbox", 2010) COVER, "ack:mailbox");
	const struct fsa_fork *f = &res->forks[0];

	(void)state;
	assert_string_equal(attr_path(f),
			    "sched.delay[1000,1010) exit.vmm[1010,1020) exit.kernel[1020,1050) "
			    "guest.run[1050,1980) exit.kernel[1980,1990) sched.delay[1990,1995) "
			    "vmm.io[1995,2010)");
	assert_string_equal(f->labels[f->segs[6].label], "vmm");
	assert_true(f->complete);
	assert_string_equal(f->end, "ack:mailbox");
	attr_done(res);
}

/* Halted until a thread of the VMM raised an interrupt: that thread's work is the path. */
static void halted_for_io_thread(void **state)
{
	(void)state;
	attr_expect(STANDARD
		    "ts=1150 OFFCPU " M "ts_out=1060 ts_wake=1140 prev_state=0x1 waker_tid=11 "
		    "waker_tgid=10 waker_comm=\"vcpu\"\n"
		    "ts=1160 VMEXIT " V "ts_exit=1130 reason=0x400 isa=SVM hints=MMIO|PF\n"
		    "ts=1510 OFFCPU " V "ts_out=1220 ts_wake=1500 prev_state=0x1 waker_tid=10 "
		    "waker_tgid=10 waker_comm=\"vmm\"\n"
		    "ts=1550 VMEXIT " V "ts_exit=1200 reason=0x78 isa=SVM hints=HALT|OFFCPU\n" END,
		    "pio:0xf4",
		    /* guest 1050-1130, kick 1130-1140, vmm runnable 1140-1150, ran 1150-1500,
		     * vCPU runnable 1500-1510, its way back 1510-1550, guest 1550-2000 */
		    "sched.delay=30 exit.kernel=90 exit.vmm=10 vmm.io=350 guest.run=530");
	/* that thread itself only waited for the world outside: the guest was idle */
	attr_expect(STANDARD
		    "ts=1490 OFFCPU " M "ts_out=1060 ts_wake=1480 prev_state=0x1 "
		    "waker_flags=SOFTIRQ waker_tid=55 waker_tgid=55\n"
		    "ts=1510 OFFCPU " V "ts_out=1220 ts_wake=1500 prev_state=0x1 waker_tid=10 "
		    "waker_tgid=10 waker_comm=\"vmm\"\n"
		    "ts=1550 VMEXIT " V "ts_exit=1200 reason=0x78 isa=SVM hints=HALT|OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=30 exit.kernel=80 exit.vmm=10 vmm.io=10 guest.idle=280 "
		    "guest.run=600");
}

/* A kernel worker injected the interrupt that a thread of the VMM had asked for. */
static void halted_for_worker(void **state)
{
	(void)state;
	attr_expect(STANDARD
		    "ts=1150 OFFCPU " M "ts_out=1060 ts_wake=1140 prev_state=0x1 waker_tid=11 "
		    "waker_tgid=10 waker_comm=\"vcpu\"\n"
		    "ts=1160 VMEXIT " V "ts_exit=1130 reason=0x400 isa=SVM hints=MMIO|PF\n"
		    "ts=1505 WORK cpu=0 tgid=300 tid=300 vm=1 ts_queue=1400 ts_start=1450 "
		    "work=0x1234 queuer_tid=10 queuer_tgid=10\n"
		    "ts=1510 OFFCPU " V "ts_out=1220 ts_wake=1500 prev_state=0x1 waker_tid=300 "
		    "waker_tgid=300 waker_flags=WORK work=0x1234 waker_comm=\"kworker/0:1\"\n"
		    "ts=1550 VMEXIT " V "ts_exit=1200 reason=0x78 isa=SVM hints=HALT|OFFCPU\n" END,
		    "pio:0xf4",
		    "sched.delay=30 exit.kernel=90 exit.vmm=10 vmm.io=350 guest.run=530");
}

/* Asleep in the VMM's handling of an exit: its waker if that is a thread of the VMM. */
static void asleep_in_vmm(void **state)
{
	(void)state;
	attr_expect(STANDARD
		    "ts=1120 RUN " V "ts_start=1020 reason=2\n"
		    "ts=1130 OFFCPU " M "ts_out=1060 ts_wake=1125 prev_state=0x1 waker_tid=11 "
		    "waker_tgid=10\n"
		    "ts=1310 OFFCPU " V "ts_out=1140 ts_wake=1300 prev_state=0x1 waker_tid=10 "
		    "waker_tgid=10 waker_comm=\"vmm\"\n"
		    "ts=1400 VMEXIT " V "ts_exit=1100 reason=0x7b isa=SVM hints=USER|OFFCPU "
		    "run_ns=50\n" END,
		    "pio:0xf4",
		    /* 1100-1120 kernel, 1120-1125 vmm, 1125-1130 runnable (main), 1130-1300 main,
		     * 1300-1310 runnable, 1310-1350 vmm, 1350-1400 kernel */
		    "sched.delay=25 exit.kernel=110 exit.vmm=55 vmm.io=170 guest.run=650");
	attr_expect(STANDARD
		    "ts=1120 RUN " V "ts_start=1020 reason=2\n"
		    "ts=1310 OFFCPU " V "ts_out=1140 ts_wake=1300 prev_state=0x1 waker_tid=99 "
		    "waker_tgid=99\n"
		    "ts=1400 VMEXIT " V "ts_exit=1100 reason=0x7b isa=SVM hints=USER|OFFCPU "
		    "run_ns=50\n" END,
		    "pio:0xf4",
		    "sched.delay=20 sched.blocked=160 exit.kernel=110 exit.vmm=70 guest.run=650");
}

/* After the resume, before its first KVM_RUN: a lock of the VMM. */
static void lock_before_first_run(void **state)
{
	(void)state;
	attr_expect(VMM "ts=950 OFFCPU " M "ts_out=200 ts_wake=940 prev_state=0x1 waker_tid=70 "
			"waker_tgid=70\n"
			"ts=1010 OFFCPU " V "ts_out=150 ts_wake=1000 waker_tid=10 waker_tgid=10 "
			"prev_state=0x1\n"
			"ts=1090 OFFCPU " V "ts_out=1015 ts_wake=1080 waker_tid=10 waker_tgid=10 "
			"prev_state=0x1 waker_flags=LOCK\n"
			"ts=1100 FIRST_RUN " V REGS "\n"
			"ts=1130 VMEXIT " V "run_ns=30\n" END,
		    "pio:0xf4",
		    "sched.delay=20 sched.blocked=65 exit.kernel=40 exit.vmm=15 guest.run=870");
}

static void two_vcpus_ipi(void **state)
{
	/* vCPU 1 (thread 12) is halted until vCPU 0 sends it an IPI, then writes to the port */
	struct fsa_result *res = attr_run(
		STANDARD
		"ts=141 FORK " M "child_tid=12 child_tgid=10 comm=\"vcpu1\"\n"
		"ts=1015 OFFCPU cpu=0 tgid=10 tid=12 vm=1 ts_out=151 ts_wake=1005 waker_tid=10 "
		"waker_tgid=10 prev_state=0x1\n"
		"ts=1020 FIRST_RUN cpu=0 tgid=10 tid=12 vm=1 vcpu_id=1 " REGS "\n"
		"ts=1051 VMEXIT cpu=0 tgid=10 tid=12 vm=1 vcpu_id=1 run_ns=31\n"
		"ts=1510 OFFCPU cpu=0 tgid=10 tid=12 vm=1 ts_out=1070 ts_wake=1500 "
		"prev_state=0x1 waker_tid=11 waker_tgid=10 waker_comm=\"vcpu\"\n"
		"ts=1520 VMEXIT " V "ts_exit=1490 reason=0x402 isa=SVM\n"
		"ts=1530 VMEXIT cpu=0 tgid=10 tid=12 vm=1 vcpu_id=1 ts_exit=1060 reason=0x78 "
		"isa=SVM hints=HALT|OFFCPU\n"
		"ts=1610 PIO cpu=0 tgid=10 tid=12 vm=1 port=0xf4 size=1 count=1 rw=1\n"
		"ts=1620 VMEXIT cpu=0 tgid=10 tid=12 vm=1 vcpu_id=1 ts_exit=1600 reason=0x7b "
		"isa=SVM\n"
		"ts=1540 OFFCPU " V "ts_out=1525 waker_flags=PREEMPT\n"
		"ts=2530 VMEXIT " V "ts_exit=2500 reason=0x60 isa=SVM\n",
		"pio:0xf4");
	const struct fsa_fork *f = &res->forks[0];

	(void)state;
	assert_string_equal(attr_path(f),
			    "sched.delay[1000,1010) exit.vmm[1010,1020) exit.kernel[1020,1050) "
			    "guest.run[1050,1490) exit.kernel[1490,1500) sched.delay[1500,1510) "
			    "exit.kernel[1510,1530) guest.run[1530,1600) exit.kernel[1600,1610)");
	assert_int_equal(f->vcpus, 2);
	/* after the IPI both ran for 60 ns of 610: which one the guest waited for is not known */
	assert_true(attr_noted(f, FSA_N_PATH_AMBIGUOUS));
	attr_done(res);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(exit_kernel_and_irq),
		cmocka_unit_test(exit_vmm),
		cmocka_unit_test(return_unseen),
		cmocka_unit_test(preempted_and_throttled),
		cmocka_unit_test(stopped),
		cmocka_unit_test(switch_in_guest_mode),
		cmocka_unit_test(halts),
		cmocka_unit_test(ack_through_io_thread),
		cmocka_unit_test(halted_for_io_thread),
		cmocka_unit_test(halted_for_worker),
		cmocka_unit_test(asleep_in_vmm),
		cmocka_unit_test(lock_before_first_run),
		cmocka_unit_test(two_vcpus_ipi),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
