// SPDX-License-Identifier: BSD-2-Clause
/* The way of a resume signal through a guest of one vCPU, for each kind of signal and agent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "../attr/guest_text.h"

static void vmclock(void **state)
{
	struct fsa_result *res;
	const struct fsa_fork *f;

	(void)state;
	guest_expect(HOST CLOCK_CHAIN AGENT_STAGES(1), "ack:mailbox",
		     "raise=1000 inject=1040 notify=4500 wakeup=10000 mailbox=30000 ack=45000",
		     "inject/sched.delay=10 inject/exit.kernel=20 inject/exit.vmm=10 "
		     "notify/exit.kernel=10 notify/guest.signal=2950 notify/guest.idle=500 "
		     "wakeup/guest.signal=500 wakeup/guest.other=5000 "
		     "mailbox/fault.mapped=2000 mailbox/guest.fault=12000 "
		     "mailbox/guest.signal=6000 "
		     "ack/exit.kernel=5000 ack/guest.signal=10000");
	res = attr_run(HOST CLOCK_CHAIN AGENT_STAGES(1), "ack:mailbox");
	f = &res->forks[0];
	assert_string_equal(f->signal_kind, "vmclock");
	assert_string_equal(f->stages[0].who, "gsi 9, vector 0x30");
	assert_string_equal(f->stages[1].who, "vector 0x30, injected 1 time");
	assert_string_equal(f->stages[2].who, "kworker/... (tid 20)");
	assert_string_equal(f->stages[3].who, "forkscop... (tid 71)");
	assert_int_equal(f->guest.agent_tid, 71);
	assert_true(f->guest.agent_forkscope);
	assert_int_equal(f->guest.events, 19);
	assert_int_equal(f->guest.probe_ns, 1900);
	/* what ran is named, the interrupt as well as the tasks */
	assert_string_equal(guest_ran(f, 1050), "irq 9 acpi");
	assert_string_equal(guest_ran(f, 2600), "idle");
	assert_string_equal(guest_ran(f, 4500), "kworker/...");
	assert_string_equal(guest_ran(f, 6000), "hog");
	assert_string_equal(guest_ran(f, 11500), "forkscop...");
	assert_false(attr_noted(f, FSA_N_NO_GUEST));
	assert_false(attr_noted(f, FSA_N_GUEST_LOST));
	attr_done(res);
}

/* What comes of the notification in any way of it that takes the same time. */
#define STAGES                 "raise=1000 inject=1040 notify=4500 wakeup=10000 mailbox=30000 ack=45000"
#define CELLS(notify, mailbox) CELLS_IDLE(notify, "500", mailbox)
#define CELLS_IDLE(notify, idle, mailbox)                                 \
	"inject/sched.delay=10 inject/exit.kernel=20 inject/exit.vmm=10 " \
	"notify/exit.kernel=10 " notify " notify/guest.idle=" idle " "    \
	"wakeup/guest.signal=500 wakeup/guest.other=5000 "                \
	"mailbox/fault.mapped=2000 " mailbox " ack/exit.kernel=5000 "     \
	"ack/guest.signal=10000"
#define WORKED  "notify/guest.signal=2950"
#define DECODED "mailbox/guest.fault=12000 mailbox/guest.signal=6000"

/* The kernel's log wakes its reader from an interrupt of that vector. */
#define LOG_READER(vector)                                                                     \
	HOST GUEST(GUEST_ALL) "GRING\n" IRQ_TO_WORKER                                          \
			      "GREC ts=3600 STEP tid=20 x=VMGENID_NOTIFY\n"                    \
			      "GREC ts=3700 STEP tid=20 x=VMFORK\n"                            \
			      "GREC ts=3800 STEP tid=20 x=PRINTK\n"                            \
			      "GREC ts=3900 STEP_END tid=20 x=PRINTK\n"                        \
			      "GREC ts=4000 VECTOR tid=20 x=" vector " flags=HARDIRQ\n"        \
			      "GREC ts=4500 WAKING tid=20 x=71 a=\"forkscop\" flags=HARDIRQ\n" \
			      "GREC ts=4700 VECTOR_END tid=20 x=" vector " flags=HARDIRQ\n"    \
			      "GREC ts=4800 STEP_END tid=20 x=VMFORK\n"                        \
			      "GREC ts=5000 WORK_END tid=20 x=0x111 a=0xf1\n" AGENT_RUNS       \
				      AGENT_STAGES(2)

/* printk sends the interrupt to itself, or leaves it to the next tick of the timer. */
static void vmgenid(void **state)
{
	(void)state;
	guest_expect(LOG_READER("0xf6"), "ack:mailbox", STAGES, CELLS(WORKED, DECODED));
	guest_expect(LOG_READER("0xec"), "ack:mailbox", STAGES, CELLS(WORKED, DECODED));
}

/* The interrupt's handler is a thread, woken when the record of the handler's first half has ended.
 */
#define THREADED(begin, in, waking, end)                                                          \
	HOST GUEST(GUEST_ALL) "GRING\n" begin "GREC ts=1050 IRQ tid=0 x=9 a=\"acpi\"" in "\n"     \
			      "GREC ts=1500 IRQ_END tid=0 x=9 a=1" in "\n"                        \
			      "GREC ts=1600 WAKING tid=0 x=40 a=\"irq/9-ac\"" waking "\n" end     \
			      "GREC ts=2000 SWITCH tid=0 x=40 a=\"irq/9-ac\"\n"                   \
			      "GREC ts=2200 WORK_QUEUE tid=40 x=0x111 a=0xf1\n"                   \
			      "GREC ts=2300 WAKING tid=40 x=20 a=\"kworker/\"\n"                  \
			      "GREC ts=3000 SWITCH tid=40 x=20 a=\"kworker/\" "                   \
			      "flags=0x1\n"                                                       \
			      "GREC ts=3500 WORK tid=20 x=0x111 a=0xf1\n" CLOCK_NOTIFY AGENT_RUNS \
				      AGENT_STAGES(1)

static void threaded_handler(void **state)
{
	(void)state;
	guest_expect(THREADED("", " flags=HARDIRQ", "", ""), "ack:mailbox", STAGES,
		     CELLS("notify/guest.signal=2150 notify/guest.other=800", DECODED));
}

/* The same in a softirq, which began before the first record, or is seen to begin. */
static void threaded_handler_in_softirq(void **state)
{
	(void)state;
	guest_expect(THREADED("", " flags=HARDIRQ|SOFTIRQ", " flags=SOFTIRQ",
			      "GREC ts=1700 SOFTIRQ_END tid=0 x=1 flags=SOFTIRQ\n"),
		     "ack:mailbox", STAGES,
		     CELLS("notify/guest.signal=2150 notify/guest.other=800", DECODED));
	guest_expect(
		THREADED("GREC ts=1050 SOFTIRQ tid=0 x=1 flags=SOFTIRQ\n", " flags=HARDIRQ|SOFTIRQ",
			 " flags=SOFTIRQ", "GREC ts=1700 SOFTIRQ_END tid=0 x=1 flags=SOFTIRQ\n"),
		"ack:mailbox", STAGES,
		CELLS_IDLE("notify/guest.signal=2150 notify/guest.other=1000", "300", DECODED));
}

/* A worker that has slept not, because it worked for others; what it did before the item is not the
 * signal's. */
#define BUSY_WORKER(begun)                                                                       \
	HOST GUEST(GUEST_ALL) "GRING\n"                                                          \
			      "GREC ts=1050 WORK tid=20 x=0x999 a=0xf9\n"                        \
			      "GREC ts=1060 IRQ tid=20 x=9 a=\"acpi\" flags=HARDIRQ\n"           \
			      "GREC ts=2000 WORK_QUEUE tid=20 x=0x111 a=0xf1 "                   \
			      "flags=HARDIRQ\n"                                                  \
			      "GREC ts=2500 IRQ_END tid=20 x=9 a=1 flags=HARDIRQ\n"              \
			      "GREC ts=3500 WORK_END tid=20 x=0x999 a=0xf9\n" begun CLOCK_NOTIFY \
				      AGENT_RUNS AGENT_STAGES(1)

#define CELLS_BUSY(signal, other)                                                             \
	"inject/sched.delay=10 inject/exit.kernel=20 inject/exit.vmm=10 "                     \
	"notify/exit.kernel=10 notify/guest.signal=" #signal " notify/guest.other=" #other    \
	" wakeup/guest.signal=500 wakeup/guest.other=5000 mailbox/fault.mapped=2000 " DECODED \
	" ack/exit.kernel=5000 ack/guest.signal=10000"

/* The kernel skipped the probe of the item's begin: its end says whose the time was. */
static void begin_unseen(void **state)
{
	(void)state;
	guest_expect(BUSY_WORKER("GREC ts=3500 WORK tid=20 x=0x111 a=0xf1\n"), "ack:mailbox",
		     STAGES, CELLS_BUSY(2440, 1010));
	guest_expect(BUSY_WORKER(""), "ack:mailbox", STAGES, CELLS_BUSY(2440, 1010));
	/* after another item, whose queueing was not seen: that one's time is not the signal's */
	guest_expect(BUSY_WORKER("GREC ts=3600 WORK_END tid=20 x=0x222 a=0xf1\n"), "ack:mailbox",
		     STAGES, CELLS_BUSY(2340, 1110));
}

/* It reads other lines when the one of the fork is written: nobody has to wake it. */
static void log_reader_awake(void **state)
{
	(void)state;
	guest_expect(HOST GUEST(GUEST_ALL) OWN_WATCHER(
			     "KMSG_READ") "GRING\n" IRQ_TO_WORKER
					  "GREC ts=3600 STEP tid=20 x=VMGENID_NOTIFY\n"
					  "GREC ts=3700 STEP tid=20 x=VMFORK\n"
					  "GREC ts=4500 STEP tid=20 x=PRINTK\n"
					  "GREC ts=4800 STEP_END tid=20 x=VMFORK\n"
					  "GREC ts=5000 WORK_END tid=20 x=0x111 a=0xf1\n"
					  "GREC ts=5200 SWITCH tid=20 x=30 a=\"hog\" flags=0x1\n"
					  "GREC ts=10000 SWITCH tid=30 x=71 a=\"forkscop\"\n"
					  "GREC ts=11000 STEP tid=71 x=KMSG_READ\n"
					  "GREC ts=12000 STEP_END tid=71 x=KMSG_READ\n"
					  "GREC ts=32000 UDP_SEND tid=71 x=9000 a=40\n"
					  "GREC ts=40000 UDP_SENT tid=71 a=40\n" AGENT_STAGES(2),
		     "ack:mailbox", STAGES, CELLS(WORKED, "mailbox/guest.signal=18000"));
}

/* A VM without a signal: the agent looks into its mailbox, and nothing is raised or sent to it. */
static void mailbox_in_turns(void **state)
{
	static const char *const text =
		HOST GUEST(GUEST_ALL) "GRING\n"
				      "GREC ts=3000 SWITCH tid=71 x=30 a=\"hog\"\n"
				      "GREC ts=4000 SWITCH tid=30 x=71 a=\"forkscop\"\n"
				      "GREC ts=32000 UDP_SEND tid=71 x=9000 a=40\n" AGENT_STAGES(5);
	struct fsa_result *res = attr_run(text, "ack:mailbox");

	(void)state;
	assert_string_equal(res->forks[0].signal_kind, "mailbox");
	for (int i = 0; i < 4; i++)
		assert_non_null(strstr(res->forks[0].stages[i].why, "has no resume signal"));
	attr_done(res);
}

/* Nobody tells an agent that reads the clock's page itself: it runs from the resume on. */
static void vmclock_spin(void **state)
{
	static const char *const text =
		HOST GUEST(GUEST_ALL) "GRING\n"
				      "GREC ts=1050 VECTOR tid=71 x=0xec flags=HARDIRQ\n"
				      "GREC ts=2050 VECTOR_END tid=71 x=0xec flags=HARDIRQ\n"
				      "GREC ts=3000 SWITCH tid=71 x=30 a=\"hog\"\n"
				      "GREC ts=4000 SWITCH tid=30 x=71 a=\"forkscop\"\n"
				      "GREC ts=32000 UDP_SEND tid=71 x=9000 a=40\n" AGENT_STAGES(3);
	struct fsa_result *res;

	(void)state;
	guest_expect(text, "ack:mailbox",
		     "raise=-1000 inject=-1000 notify=-1000 wakeup=-1000 mailbox=30000 ack=45000",
		     "mailbox/sched.delay=10 mailbox/exit.kernel=30 mailbox/exit.vmm=10 "
		     "mailbox/fault.mapped=2000 mailbox/guest.signal=24950 "
		     "mailbox/guest.other=2000 "
		     "ack/exit.kernel=5000 ack/guest.signal=10000");
	res = attr_run(text, "ack:mailbox");
	assert_string_equal(res->forks[0].signal_kind, "vmclock-spin");
	for (int i = 0; i < 4; i++)
		assert_non_null(strstr(res->forks[0].stages[i].why, "vmclock-spin"));
	assert_string_equal(guest_ran(&res->forks[0], 1500), "vector 0xec local timer");
	attr_done(res);
}

/* A clock that cannot be polled is read in turns: the agent's own timer wakes it. */
static void vmclock_in_turns(void **state)
{
	static const char *const text = HOST GUEST(GUEST_ALL) OWN_WATCHER(
		"VMCLOCK_READ") "GRING\n"
				"GREC ts=1050 VECTOR tid=0 x=0xec flags=HARDIRQ\n"
				"GREC ts=1500 WAKING tid=0 x=71 a=\"forkscop\" flags=HARDIRQ\n"
				"GREC ts=2050 VECTOR_END tid=0 x=0xec flags=HARDIRQ\n"
				"GREC ts=3000 SWITCH tid=0 x=71 a=\"forkscop\"\n"
				"GREC ts=32000 UDP_SEND tid=71 x=9000 a=40\n"
				"GAGENT\n"
				"GREC ts=30000 STAGE tid=71 x=MAILBOX_SEEN\n";
	struct fsa_result *res;

	(void)state;
	guest_expect(text, "ack:mailbox",
		     "raise=-1000 inject=-1000 notify=-1000 wakeup=-1000 mailbox=30000 ack=45000",
		     "mailbox/sched.delay=10 mailbox/exit.kernel=30 mailbox/exit.vmm=10 "
		     "mailbox/fault.mapped=2000 mailbox/guest.signal=25000 "
		     "mailbox/guest.other=1000 mailbox/guest.idle=950 "
		     "ack/exit.kernel=5000 ack/guest.signal=10000");
	res = attr_run(text, "ack:mailbox");
	assert_string_equal(res->forks[0].signal_kind, "vmclock");
	assert_non_null(strstr(res->forks[0].stages[2].why, "periodically"));
	attr_done(res);
}

/* Not ours: who polled the clock before the snapshot; it has decoded when it first sends. */
static void another_agent(void **state)
{
	static const char *const text = HOST GUEST(
		GUEST_ALL) "GWATCHER 0 tid=9 tgid=9 how=KMSG_READ comm=\"syslogd\"\n"
			   "GWATCHER 1 tid=70 tgid=70 how=VMCLOCK_POLL comm=\"forkscop-peer\"\n"
			   "GRING\n" IRQ_TO_WORKER CLOCK_NOTIFY AGENT_RUNS;
	struct fsa_result *res;

	(void)state;
	/* another of its threads (71) is woken and sends: it has the name of the process */
	guest_expect(text, "ack:mailbox",
		     "raise=1000 inject=1040 notify=4500 wakeup=10000 mailbox=32000 ack=45000",
		     "inject/sched.delay=10 inject/exit.kernel=20 inject/exit.vmm=10 "
		     "notify/exit.kernel=10 notify/guest.signal=2950 notify/guest.idle=500 "
		     "wakeup/guest.signal=500 wakeup/guest.other=5000 "
		     "mailbox/fault.mapped=2000 mailbox/guest.fault=12000 "
		     "mailbox/guest.signal=8000 "
		     "ack/exit.kernel=5000 ack/guest.signal=8000");
	res = attr_run(text, "ack:mailbox");
	assert_string_equal(res->forks[0].guest.agent, "forkscop-peer");
	assert_false(res->forks[0].guest.agent_forkscope);
	assert_string_equal(res->forks[0].signal_kind, "vmclock");
	attr_done(res);
}

/* Nobody was seen before the snapshot: then it is who sent the ack. */
static void unknown_agent(void **state)
{
	struct fsa_result *res = attr_run(HOST CLOCK_CHAIN, "ack:mailbox");

	(void)state;
	assert_true(res->forks[0].guest.used);
	assert_int_equal(res->forks[0].guest.agent_tid, 71);
	assert_string_equal(guest_stages(&res->forks[0]),
			    "raise=1000 inject=1040 notify=4500 wakeup=10000 mailbox=32000 "
			    "ack=45000");
	attr_done(res);
	/* and without that nothing is claimed */
	res = attr_run(HOST GUEST(GUEST_ALL) "GRING\n" IRQ_TO_WORKER CLOCK_NOTIFY, "ack:mailbox");
	assert_true(res->forks[0].guest.read);
	assert_false(res->forks[0].guest.used);
	assert_non_null(strstr(res->forks[0].guest.why, "nobody was seen"));
	assert_true(attr_noted(&res->forks[0], FSA_N_NO_GUEST));
	assert_int_equal(res->forks[0].nstages, 0);
	attr_done(res);
}

/* A delivery that an exit interrupts is injected again: the guest takes the last one. */
static void injected_again(void **state)
{
	static const char *const text =
		VMM RAISED RESUMED "ts=1020 FIRST_RUN " V REGS "\n" INJECTED(
			1040) "ts=1050 VMEXIT " V "run_ns=30\n"
			      "ts=1190 IRQ_INJECT " V "vector=0x30 reinjected=1\n"
			      "ts=1200 VMEXIT " V
			      "ts_exit=1050 reason=0x400 isa=SVM hints=PF gpa=0x5000\n"
			      "ts=1390 IRQ_INJECT " V "vector=0x30 reinjected=1\n"
			      "ts=1400 VMEXIT " V
			      "ts_exit=1201 reason=0x400 isa=SVM hints=PF gpa=0x6000\n"
			      /* a later one of the same vector is another delivery */
			      "ts=19000 IRQ_INJECT " V
			      "vector=0x30\n" ACKED("mailbox", 40000, 45000, 50000) GUEST(
				      GUEST_ALL) "GRING\n"
						 "GREC ts=1450 IRQ tid=0 x=9 a=\"acpi\" "
						 "flags=HARDIRQ\n"
						 "GREC ts=2000 WORK_QUEUE tid=0 x=0x111 a=0xf1 "
						 "flags=HARDIRQ\n"
						 "GREC ts=2100 WAKING tid=0 x=20 a=\"kworker/\" "
						 "flags=HARDIRQ\n"
						 "GREC ts=2500 IRQ_END tid=0 x=9 a=1 "
						 "flags=HARDIRQ\n"
						 "GREC ts=3000 SWITCH tid=0 x=20 a=\"kworker/\"\n"
						 "GREC ts=3500 WORK tid=20 x=0x111 "
						 "a=0xf1\n" CLOCK_NOTIFY AGENT_RUNS AGENT_STAGES(1);
	struct fsa_result *res = attr_run(text, "ack:mailbox");
	const struct fsa_fork *f = &res->forks[0];

	(void)state;
	assert_string_equal(guest_stages(f), "raise=1000 inject=1390 notify=4500 wakeup=10000 "
					     "mailbox=30000 ack=45000");
	assert_string_equal(f->stages[1].who, "vector 0x30, injected 3 times");
	assert_int_equal(f->cells[FSA_S_INJECT][FSA_C_FAULT_MAPPED].count, 2);
	/* the fault during which it was injected for good reaches into the next stage by 10 */
	assert_int_equal(f->cells[FSA_S_NOTIFY][FSA_C_FAULT_MAPPED].ns, 10);
	guest_check(f);
	assert_int_equal(f->guest.outside, 0);
	attr_done(res);
}

/* The recorder had no hooks for the signal itself: the wake-up that ended the wait is the notice.
 */
static void without_steps(void **state)
{
	(void)state;
	guest_expect(
		HOST GUEST(
			"flags=BPF|SPLIT|FAULTS") "GRING\n" IRQ_TO_WORKER
						  "GREC ts=4500 WAKING tid=20 x=71 a=\"forkscop\"\n"
						  "GREC ts=5000 WORK_END tid=20 x=0x111 "
						  "a=0xf1\n" AGENT_RUNS AGENT_STAGES(1),
		"ack:mailbox",
		"raise=1000 inject=1040 notify=4500 wakeup=10000 mailbox=30000 ack=45000",
		"inject/sched.delay=10 inject/exit.kernel=20 inject/exit.vmm=10 "
		"notify/exit.kernel=10 notify/guest.signal=2950 notify/guest.idle=500 "
		"wakeup/guest.signal=500 wakeup/guest.other=5000 "
		"mailbox/fault.mapped=2000 mailbox/guest.fault=12000 "
		"mailbox/guest.signal=6000 "
		"ack/exit.kernel=5000 ack/guest.signal=10000");
}

/* Not the signal's handler woke the agent, but it saw the signal then: that is said. */
static void woken_by_something_else(void **state)
{
	struct fsa_result *res = attr_run(
		HOST GUEST(GUEST_ALL) "GRING\n" IRQ_TO_WORKER
				      "GREC ts=4500 WAKING tid=20 x=71 a=\"forkscop\"\n"
				      "GREC ts=5000 WORK_END tid=20 x=0x111 a=0xf1\n" AGENT_RUNS
					      AGENT_STAGES(1) "GMETA {\"tasks\": {\"20\": "
							      "\"kworker/0:1-mm_percpu_wq\", "
							      "\"30\": \"other\"}}\n",
		"ack:mailbox");
	const struct fsa_fork *f = &res->forks[0];

	(void)state;
	assert_true(f->stages[2].seen);
	assert_non_null(strstr(f->stages[2].why, "something else woke the agent"));
	/* whole names, where the recorder has read them, and only of the same task */
	assert_string_equal(f->stages[2].who, "kworker/0:1 (tid 20)");
	assert_string_equal(guest_ran(f, 6000), "hog");
	attr_done(res);
}

/* What was on the way is in the way once the agent runs: a worker that is not done yet. */
static void the_worker_goes_on(void **state)
{
	struct fsa_result *res = attr_run(
		HOST GUEST(
			GUEST_ALL) "GRING\n" IRQ_TO_WORKER
				   "GREC ts=4000 STEP tid=20 x=VMCLOCK_NOTIFY\n"
				   "GREC ts=4500 WAKING tid=20 x=71 a=\"forkscop\"\n"
				   "GREC ts=5200 SWITCH tid=20 x=71 a=\"forkscop\" flags=PREEMPT\n"
				   "GREC ts=10000 SWITCH tid=71 x=20 a=\"kworker/\" flags=PREEMPT\n"
				   "GREC ts=11000 STEP_END tid=20 x=VMCLOCK_NOTIFY\n"
				   "GREC ts=12000 WORK_END tid=20 x=0x111 a=0xf1\n"
				   "GREC ts=13000 SWITCH tid=20 x=71 a=\"forkscop\" flags=0x1\n"
				   "GREC ts=32000 UDP_SEND tid=71 x=9000 a=40\n" AGENT_STAGES(1),
		"ack:mailbox");
	const struct fsa_fork *f = &res->forks[0];

	(void)state;
	assert_string_equal(guest_stages(f), "raise=1000 inject=1040 notify=4500 wakeup=5200 "
					     "mailbox=30000 ack=45000");
	assert_int_equal(f->cells[FSA_S_WAKEUP][FSA_C_GUEST_SIGNAL].ns, 700);
	assert_int_equal(f->cells[FSA_S_MAILBOX][FSA_C_GUEST_OTHER].ns, 3000);
	attr_done(res);
}

/* No BPF in the guest: the agent's own stamps give stages, and nothing splits them. */
static void stages_alone(void **state)
{
	struct fsa_result *res;

	(void)state;
	guest_expect(HOST GUEST("flags=0") AGENT_STAGES(1), "ack:mailbox",
		     "raise=-1000 inject=-1000 notify=-1000 wakeup=-1000 mailbox=30000 ack=45000",
		     "mailbox/sched.delay=10 mailbox/exit.kernel=30 mailbox/exit.vmm=10 "
		     "mailbox/fault.mapped=2000 mailbox/guest.run=26950 "
		     "ack/exit.kernel=5000 ack/guest.run=10000");
	res = attr_run(HOST GUEST("flags=0") AGENT_STAGES(1), "ack:mailbox");
	assert_non_null(strstr(res->forks[0].stages[2].why, "could not see wake-ups"));
	assert_int_equal(res->forks[0].bucket_ns[FSA_B_GUEST], 36950);
	attr_done(res);
}

/*
 * A program that was interrupted between taking its number and its time wrote number 0 after the
 * window's end: the records behind it, one of them in an exit (20000 to 22000), are still looked
 * at.
 */
static void outside_in_the_order_of_time(void **state)
{
	struct fsa_result *res =
		attr_run(HOST GUEST(GUEST_ALL) "GRING\n"
					       "GREC ts=49000 IRQ tid=0 x=9\n"
					       "GREC ts=30000 IRQ tid=0 x=9\n"
					       "GREC ts=21000 IRQ tid=0 x=9\n"
					       "GREC ts=15000 IRQ tid=0 x=9\n"
					       "GREC ts=24000 IRQ tid=0 x=9\n" AGENT_STAGES(1),
			 "ack:mailbox");

	(void)state;
	assert_true(res->forks[0].guest.used);
	assert_int_equal(res->forks[0].guest.outside, 1);
	attr_done(res);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vmclock),
		cmocka_unit_test(vmgenid),
		cmocka_unit_test(threaded_handler),
		cmocka_unit_test(threaded_handler_in_softirq),
		cmocka_unit_test(begin_unseen),
		cmocka_unit_test(log_reader_awake),
		cmocka_unit_test(vmclock_spin),
		cmocka_unit_test(mailbox_in_turns),
		cmocka_unit_test(vmclock_in_turns),
		cmocka_unit_test(another_agent),
		cmocka_unit_test(unknown_agent),
		cmocka_unit_test(injected_again),
		cmocka_unit_test(without_steps),
		cmocka_unit_test(stages_alone),
		cmocka_unit_test(woken_by_something_else),
		cmocka_unit_test(the_worker_goes_on),
		cmocka_unit_test(outside_in_the_order_of_time),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
