// SPDX-License-Identifier: BSD-2-Clause
/*
 * Guests of two vCPUs: thread 11 runs vCPU 0, thread 12 vCPU 1. The guest's wake-ups say which of
 * them the path is on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "../attr/guest_text.h"

#define W "cpu=2 tgid=10 tid=12 vm=1 vcpu_id=1 "

#define TWO                                                                                  \
	VMM "ts=141 FORK cpu=0 tgid=10 tid=10 vm=1 child_tid=12 child_tgid=10 "              \
	    "comm=\"v1\"\n" RAISED RESUMED                                                   \
	    "ts=1011 OFFCPU cpu=2 tgid=10 tid=12 vm=1 ts_out=151 ts_wake=1001 waker_tid=10 " \
	    "waker_tgid=10 prev_state=0x1 waker_comm=\"vmm\"\n"                              \
	    "ts=1020 FIRST_RUN " V REGS "\n"                                                 \
	    "ts=1021 FIRST_RUN " W REGS "\n"                                                 \
	    "ts=1040 IRQ_INJECT " W "vector=0x30\n"                                          \
	    "ts=1050 VMEXIT " V "run_ns=30\n"                                                \
	    "ts=1060 VMEXIT " W "run_ns=39\n"

#define RINGS "GUEST vm=1 tgid=10 at_ns=1000000\nGDIR " GUEST_ALL " ncpus=2\n"

/* The interrupt comes to CPU 1, whose worker wakes the agent on CPU 0. */
#define CPU1                                                            \
	"GRING index=1\n"                                               \
	"GREC ts=1100 IRQ tid=0 x=9 a=\"acpi\" flags=HARDIRQ\n"         \
	"GREC ts=2000 WORK_QUEUE tid=0 x=0x111 a=0xf1 flags=HARDIRQ\n"  \
	"GREC ts=2100 WAKING tid=0 x=20 a=\"kworker/\" flags=HARDIRQ\n" \
	"GREC ts=2500 IRQ_END tid=0 x=9 a=1 flags=HARDIRQ\n"            \
	"GREC ts=3000 SWITCH tid=0 x=20 a=\"kworker/\"\n"               \
	"GREC ts=3500 WORK tid=20 x=0x111 a=0xf1\n" CLOCK_NOTIFY        \
	"GREC ts=5200 SWITCH tid=20 x=0 flags=0x1\n"

#define CPU0_SLEPT                                                                  \
	"ts=4610 OFFCPU " V "ts_out=1520 ts_wake=4600 prev_state=0x1 waker_tid=12 " \
	"waker_tgid=10\n"                                                           \
	"ts=4800 VMEXIT " V "ts_exit=1500 reason=0x78 isa=SVM hints=HALT|OFFCPU\n"

static void woken_by_the_other_cpu(void **state)
{
	struct fsa_result *res;
	const struct fsa_fork *f;

	(void)state;
	res = attr_run(
		TWO CPU0_SLEPT ACKED(
			"mailbox", 40000, 45000,
			50000) "ts=60000 VMEXIT " W "ts_exit=55000 reason=0x60 isa=SVM\n" RINGS
			       "GRING index=0\nGREC ts=1200 WAKEUP tid=0 x=3\n"
			       "GREC ts=4850 VECTOR tid=0 x=0xfd flags=HARDIRQ\n"
			       "GREC ts=4900 VECTOR_END tid=0 x=0xfd flags=HARDIRQ\n"
			       "GREC ts=5000 SWITCH tid=0 x=71 a=\"forkscop\"\n"
			       "GREC ts=32000 UDP_SEND tid=71 x=9000 a=40\n" CPU1 AGENT_STAGES(1),
		"ack:mailbox");
	f = &res->forks[0];
	guest_check(f);
	assert_int_equal(f->guest.outside, 0);
	assert_string_equal(guest_stages(f), "raise=1000 inject=1040 notify=4500 wakeup=5000 "
					     "mailbox=30000 ack=45000");
	assert_string_equal(guest_cells(f),
			    "inject/sched.delay=10 inject/sched.blocked=1 inject/exit.kernel=19 "
			    "inject/exit.vmm=10 "
			    "notify/exit.kernel=20 notify/guest.signal=2900 notify/guest.idle=540 "
			    "wakeup/sched.delay=10 wakeup/exit.kernel=190 wakeup/guest.other=50 "
			    "wakeup/guest.idle=250 "
			    "mailbox/guest.signal=25000 "
			    "ack/exit.kernel=5000 ack/guest.signal=10000");
	assert_false(attr_noted(f, FSA_N_PATH_AMBIGUOUS));
	assert_string_equal(guest_ran(f, 4860), "vector 0xfd reschedule");
	attr_done(res);
}

#define END_ON_0  ACKED("mailbox", 40000, 45000, 50000)
#define OTHER_END "ts=60000 VMEXIT " W "ts_exit=55000 reason=0x60 isa=SVM\n"

/* The notice comes on CPU 0; the agent then waits for a lock whose holder runs on CPU 1. */
static void a_lock_held_on_the_other_cpu(void **state)
{
	struct fsa_result *res;
	const struct fsa_fork *f;

	(void)state;
	res = attr_run(TWO "ts=1045 IRQ_INJECT " V "vector=0x30\n" END_ON_0 OTHER_END RINGS
			   "GRING index=0\n" IRQ_TO_WORKER CLOCK_NOTIFY
			   "GREC ts=5200 SWITCH tid=20 x=71 a=\"forkscop\" flags=0x1\n"
			   "GREC ts=10000 LOCK tid=71 a=0x99\n"
			   "GREC ts=10100 SWITCH tid=71 x=0 flags=0x2\n"
			   "GREC ts=20500 SWITCH tid=0 x=71 a=\"forkscop\"\n"
			   "GREC ts=20600 LOCK_END tid=71 a=0x99\n"
			   "GREC ts=32000 UDP_SEND tid=71 x=9000 a=40\n"
			   "GRING index=1\n"
			   "GREC ts=1100 WAKEUP tid=50 x=3\n"
			   "GREC ts=12000 SWITCH tid=50 x=51 a=\"hog\"\n"
			   "GREC ts=15000 SWITCH tid=51 x=50 a=\"holder\"\n"
			   "GREC ts=20100 WAKING tid=50 x=71 a=\"forkscop\"\n" AGENT_STAGES(1),
		       "ack:mailbox");
	f = &res->forks[0];
	guest_check(f);
	assert_int_equal(f->guest.outside, 0);
	/* until the lock is given the path is where its holder is: behind a hog, on CPU 1 */
	assert_string_equal(guest_ran(f, 13000), "hog");
	assert_string_equal(guest_ran(f, 16000), "holder");
	assert_string_equal(guest_ran(f, 9000), "holder");
	assert_string_equal(guest_ran(f, 20200), "idle");
	assert_int_equal(f->cells[FSA_S_MAILBOX][FSA_C_GUEST_OTHER].ns, 20100 - 5200);
	assert_int_equal(f->cells[FSA_S_MAILBOX][FSA_C_GUEST_IDLE].ns, 400);
	/* which was running already when the signal came: its CPU is the path's from the start */
	assert_int_equal(f->cells[FSA_S_NOTIFY][FSA_C_GUEST_SIGNAL].ns, 0);
	assert_false(attr_noted(f, FSA_N_PATH_AMBIGUOUS));
	attr_done(res);
}

/* The agent goes on on the other CPU: so does the path. */
static void the_agent_moves(void **state)
{
	struct fsa_result *res;
	const struct fsa_fork *f;

	(void)state;
	res = attr_run(TWO "ts=1045 IRQ_INJECT " V "vector=0x30\n"
			   "ts=45000 NET_TX cpu=2 tgid=10 tid=12 vm=1 what=STAGE payload_len=20 "
			   "payload=\"stage=mailbox mac=xx\\n\"\n"
			   "ts=50000 VMEXIT " W "ts_exit=40000 reason=0x400 isa=SVM hints=MMIO\n"
			   "ts=60000 VMEXIT " V "ts_exit=55000 reason=0x60 isa=SVM\n" RINGS
			   "GRING index=0\n" IRQ_TO_WORKER CLOCK_NOTIFY
			   "GREC ts=5200 SWITCH tid=20 x=71 a=\"forkscop\" flags=0x1\n"
			   "GREC ts=10000 SWITCH tid=71 x=30 a=\"hog\" flags=PREEMPT\n"
			   "GRING index=1\n"
			   "GREC ts=1100 WAKEUP tid=40 x=3\n"
			   "GREC ts=12000 SWITCH tid=40 x=71 a=\"forkscop\"\n"
			   "GREC ts=32000 UDP_SEND tid=71 x=9000 a=40\n" AGENT_STAGES(1),
		       "ack:mailbox");
	f = &res->forks[0];
	guest_check(f);
	assert_int_equal(f->guest.outside, 0);
	assert_string_equal(guest_ran(f, 9000), "forkscop...");
	assert_string_equal(guest_ran(f, 11000), "tid 40"); /* what CPU 1 did before it took over */
	assert_string_equal(guest_ran(f, 13000), "forkscop...");
	assert_int_equal(f->cells[FSA_S_NOTIFY][FSA_C_GUEST_SIGNAL].ns, 1450 + 1500);
	assert_int_equal(f->cells[FSA_S_MAILBOX][FSA_C_GUEST_OTHER].ns, 2000);
	assert_int_equal(f->cells[FSA_S_MAILBOX][FSA_C_GUEST_SIGNAL].ns, 4800 + 18000);
	assert_int_equal(f->cells[FSA_S_ACK][FSA_C_EXIT_KERNEL].ns, 5000);
	assert_false(attr_noted(f, FSA_N_PATH_AMBIGUOUS));
	attr_done(res);
}

/* A device's interrupt on the other CPU ends a sleep: the path comes back to where it began. */
static void a_device_on_the_other_cpu(void **state)
{
	struct fsa_result *res;
	const struct fsa_fork *f;

	(void)state;
	res = attr_run(TWO "ts=1045 IRQ_INJECT " V "vector=0x30\n" END_ON_0 OTHER_END RINGS
			   "GRING index=0\n" IRQ_TO_WORKER CLOCK_NOTIFY
			   "GREC ts=5200 SWITCH tid=20 x=71 a=\"forkscop\" flags=0x1\n"
			   "GREC ts=10000 FAULT tid=71 a=0x7000\n"
			   "GREC ts=10100 SWITCH tid=71 x=0 flags=0x2\n"
			   "GREC ts=20500 SWITCH tid=0 x=71 a=\"forkscop\"\n"
			   "GREC ts=20600 FAULT_END tid=71 a=0x7000 x=1\n"
			   "GREC ts=32000 UDP_SEND tid=71 x=9000 a=40\n"
			   "GRING index=1\n"
			   "GREC ts=1100 WAKEUP tid=0 x=3\n"
			   "GREC ts=20000 IRQ tid=0 x=11 a=\"virtio\" flags=HARDIRQ\n"
			   "GREC ts=20100 WAKING tid=0 x=71 a=\"forkscop\" flags=HARDIRQ\n"
			   "GREC ts=20200 IRQ_END tid=0 x=11 flags=HARDIRQ\n" AGENT_STAGES(1),
		       "ack:mailbox");
	f = &res->forks[0];
	guest_check(f);
	assert_int_equal(f->guest.outside, 0);
	assert_string_equal(guest_ran(f, 20050), "irq 11 virtio");
	assert_string_equal(guest_ran(f, 15000), "idle");
	assert_string_equal(guest_ran(f, 9000), "forkscop...");
	assert_int_equal(f->cells[FSA_S_NOTIFY][FSA_C_GUEST_SIGNAL].ns, 1450 + 1500);
	assert_int_equal(f->cells[FSA_S_MAILBOX][FSA_C_GUEST_OTHER].ns, 100);
	attr_done(res);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(woken_by_the_other_cpu),
		cmocka_unit_test(a_lock_held_on_the_other_cpu),
		cmocka_unit_test(the_agent_moves),
		cmocka_unit_test(a_device_on_the_other_cpu),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
