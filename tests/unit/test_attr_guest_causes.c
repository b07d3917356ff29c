// SPDX-License-Identifier: BSD-2-Clause
/*
 * What guest time was spent on: injected loads in the cells where they belong, losses, faults at
 * the recorder's own pages, and that all of it agrees with what the host alone says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "../attr/guest_text.h"

static uint64_t cell(const struct fsa_fork *f, enum fsa_stage s, enum fsa_cause c)
{
	return f->cells[s][c].ns;
}

/* The one fork of @text, with its result in @res. */
static const struct fsa_fork *fork_of(const char *text, const char *end, struct fsa_result **res)
{
	*res = attr_run(text, end);
	assert_int_equal((*res)->nforks, 1);
	guest_check(&(*res)->forks[0]);
	assert_int_equal((*res)->forks[0].guest.outside, 0);
	return &(*res)->forks[0];
}

/* The signal's interrupt while task 40 has the CPU: the worker is woken and has to wait. */
#define IRQ_OVER_40                                                      \
	"GREC ts=1050 IRQ tid=40 x=9 a=\"acpi\" flags=HARDIRQ\n"         \
	"GREC ts=1060 WORK_QUEUE tid=40 x=0x111 a=0xf1 flags=HARDIRQ\n"  \
	"GREC ts=1070 WAKING tid=40 x=20 a=\"kworker/\" flags=HARDIRQ\n" \
	"GREC ts=1100 IRQ_END tid=40 x=9 a=1 flags=HARDIRQ\n"

/* A real-time task that has the CPU from the resume on: the notify work waits for it. */
static void hog_before_the_worker(void **state)
{
	struct fsa_result *res;
	const struct fsa_fork *f = fork_of(
		HOST GUEST(GUEST_ALL) "GRING\n" IRQ_OVER_40
				      "GREC ts=3100 SWITCH tid=40 x=20 a=\"kworker/\" flags=0x1\n"
				      "GREC ts=3500 WORK tid=20 x=0x111 a=0xf1\n" CLOCK_NOTIFY
					      AGENT_RUNS AGENT_STAGES(1),
		"ack:mailbox", &res);

	(void)state;
	assert_int_equal(cell(f, FSA_S_NOTIFY, FSA_C_GUEST_OTHER), 2000);
	assert_int_equal(cell(f, FSA_S_NOTIFY, FSA_C_GUEST_SIGNAL), 50 + 1400);
	assert_string_equal(guest_ran(f, 2000), "tid 40"); /* nothing gave its name */
	assert_int_equal(cell(f, FSA_S_WAKEUP, FSA_C_GUEST_OTHER), 5000);
	assert_int_equal(f->bucket_ns[FSA_B_GUEST], 0);
	attr_done(res);
}

/*
 * The program of the WORK record took its number and was preempted before it took the time: what
 * others recorded meanwhile is not later for that.
 */
static void preempted_program(void **state)
{
	struct fsa_result *res;
	const struct fsa_fork *f = fork_of(
		HOST GUEST(GUEST_ALL) "GRING\n" IRQ_OVER_40
				      "GREC ts=1200 SWITCH tid=40 x=20 a=\"kworker/\" flags=0x1\n"
				      "GREC ts=3500 WORK tid=20 x=0x111 a=0xf1\n"
				      "GREC ts=1300 SWITCH tid=20 x=40 a=\"hog\" flags=PREEMPT\n"
				      "GREC ts=3100 SWITCH tid=40 x=20 a=\"kworker/\" "
				      "flags=0x1\n" CLOCK_NOTIFY AGENT_RUNS AGENT_STAGES(1),
		"ack:mailbox", &res);

	(void)state;
	assert_int_equal(cell(f, FSA_S_NOTIFY, FSA_C_GUEST_OTHER), 100 + 1800);
	assert_int_equal(cell(f, FSA_S_NOTIFY, FSA_C_GUEST_SIGNAL), 50 + 100 + 1400);
	assert_string_equal(guest_ran(f, 1900), "hog");
	assert_int_equal(f->bucket_ns[FSA_B_GUEST], 0);
	attr_done(res);
}

#define LOCKED(start)                                                                          \
	VMM RAISED RESUMED ENTERED_IRQ ACKED("mailbox", 32500, 33000,                          \
					     33500) ACKED("applied", 80000, 85000, 86000)      \
		GUEST(GUEST_ALL) "GRING\n" IRQ_TO_WORKER CLOCK_NOTIFY                          \
				 "GREC ts=5200 SWITCH tid=20 x=71 a=\"forkscop\" flags=0x1\n"  \
				 "GREC ts=32000 UDP_SEND tid=71 x=9000 a=40\n"                 \
				 "GREC ts=34000 RTNL tid=71 x=16\n"                            \
				 "GREC ts=35000 LOCK tid=71 a=0x99\n"                          \
				 "GREC ts=35100 SWITCH tid=71 x=50 a=\"holder\" flags=0x2\n"   \
				 "GREC ts=55100 WAKING tid=50 x=71 a=\"forkscop\"\n"           \
				 "GREC ts=55200 SWITCH tid=50 x=71 a=\"forkscop\" flags=0x1\n" \
				 "GREC ts=55300 LOCK_END tid=71 a=0x99\n"                      \
				 "GREC ts=60000 RTNL_END tid=71 x=16\n"                        \
				 "GREC ts=70000 UDP_SEND tid=71 x=9000 a=40\n"                 \
				 "GAGENT\n"                                                    \
				 "GREC ts=26000 STAGE tid=71 x=SIGNAL_SEEN a=1\n"              \
				 "GREC ts=30000 STAGE tid=71 x=MAILBOX_SEEN\n"                 \
				 "GREC ts=" start " STAGE tid=71 x=NETLINK_START\n"            \
				 "GREC ts=61000 STAGE tid=71 x=NETLINK_DONE\n"

/* The netlink lock is held by another: the agent waits for it in `apply`. */
static void holder_of_a_lock(void **state)
{
	struct fsa_result *res;
	const struct fsa_fork *f = fork_of(LOCKED("33600"), "ack:applied", &res);

	(void)state;
	assert_string_equal(guest_stages(f), "raise=1000 inject=1040 notify=4500 wakeup=5200 "
					     "mailbox=30000 apply=61000 ack=85000");
	assert_int_equal(cell(f, FSA_S_APPLY, FSA_C_GUEST_OTHER), 55200 - 35100);
	assert_string_equal(guest_ran(f, 40000), "holder");
	assert_int_equal(cell(f, FSA_S_APPLY, FSA_C_GUEST_SIGNAL),
			 (32500 - 30000) + (35100 - 33500) + (61000 - 55200));
	attr_done(res);
	/* with the end before it there is no such stage */
	f = fork_of(LOCKED("33600"), "ack:mailbox", &res);
	assert_string_equal(guest_stages(f), "raise=1000 inject=1040 notify=4500 wakeup=5200 "
					     "mailbox=30000 ack=33000");
	attr_done(res);
	/* nor when it has begun while that ack was on its way */
	f = fork_of(LOCKED("32600"), "ack:mailbox", &res);
	assert_string_equal(guest_stages(f), "raise=1000 inject=1040 notify=4500 wakeup=5200 "
					     "mailbox=30000 ack=33000");
	attr_done(res);
}

/* The notification is held back: the guest halts until it is raised. */
static void held_back(void **state)
{
	struct fsa_result *res;
	const struct fsa_fork *f = fork_of(
		VMM RESUMED ENTERED
		"ts=30000 IRQ_SET " M "gsi=9 level=1\nts=30001 IRQ_ACCEPT " M "vector=0x30\n"
		"ts=30020 OFFCPU " V "ts_out=3020 ts_wake=30010 prev_state=0x1 waker_tid=99 "
		"waker_tgid=99\n" INJECTED(
			30030) "ts=30050 VMEXIT " V
			       "ts_exit=3000 reason=0x78 isa=SVM hints=HALT|OFFCPU\n" ACKED(
				       "mailbox", 60000, 65000, 66000)
				       GUEST(GUEST_ALL) "GRING\n"
							"GREC ts=1060 VECTOR tid=0 x=0xec "
							"flags=HARDIRQ\n"
							"GREC ts=1100 VECTOR_END tid=0 x=0xec "
							"flags=HARDIRQ\n"
							"GREC ts=30060 IRQ tid=0 x=9 a=\"acpi\" "
							"flags=HARDIRQ\n"
							"GREC ts=30100 WORK_QUEUE tid=0 x=0x111 "
							"a=0xf1 flags=HARDIRQ\n"
							"GREC ts=30110 WAKING tid=0 x=20 "
							"a=\"kworker/\" flags=HARDIRQ\n"
							"GREC ts=30200 IRQ_END tid=0 x=9 a=1 "
							"flags=HARDIRQ\n"
							"GREC ts=30300 SWITCH tid=0 x=20 "
							"a=\"kworker/\"\n"
							"GREC ts=30400 WORK tid=20 x=0x111 a=0xf1\n"
							"GREC ts=30500 STEP tid=20 "
							"x=VMCLOCK_NOTIFY\n"
							"GREC ts=30600 WAKING tid=20 x=71 "
							"a=\"forkscop\"\n"
							"GREC ts=30700 STEP_END tid=20 "
							"x=VMCLOCK_NOTIFY\n"
							"GREC ts=30800 WORK_END tid=20 x=0x111 "
							"a=0xf1\n"
							"GREC ts=31000 SWITCH tid=20 x=71 "
							"a=\"forkscop\" flags=0x1\n"
							"GREC ts=50000 UDP_SEND tid=71 x=9000\n"
							"GAGENT\nGREC ts=40000 STAGE tid=71 "
							"x=SIGNAL_SEEN a=1\n"
							"GREC ts=45000 STAGE tid=71 "
							"x=MAILBOX_SEEN\n",
		"ack:mailbox", &res);

	(void)state;
	assert_string_equal(guest_stages(f), "raise=30000 inject=30030 notify=30600 wakeup=31000 "
					     "mailbox=45000 ack=65000");
	/* the idle task until its halt, and the halt itself; not the interrupt of its timer */
	assert_int_equal(cell(f, FSA_S_RAISE, FSA_C_GUEST_IDLE), 10 + 1900 + 27000);
	assert_int_equal(cell(f, FSA_S_RAISE, FSA_C_GUEST_OTHER), 40);
	assert_int_equal(f->verdict_top[0], FSA_B_SIGNAL);
	attr_done(res);
}

/* Halted because the agent waits for a page of its own, which its own disk delivers. */
static void the_guests_own_disk(void **state)
{
	struct fsa_result *res;
	const struct fsa_fork *f = fork_of(
		VMM RAISED RESUMED ENTERED_IRQ
		"ts=20020 OFFCPU " V "ts_out=12020 ts_wake=20010 prev_state=0x1 waker_tid=99 "
		"waker_tgid=99\n"
		"ts=20050 VMEXIT " V "ts_exit=12000 reason=0x78 isa=SVM hints=HALT|OFFCPU\n" ACKED(
			"mailbox", 40000, 45000, 50000)
			GUEST(GUEST_ALL) "GRING\n" IRQ_TO_WORKER CLOCK_NOTIFY
					 "GREC ts=5200 SWITCH tid=20 x=71 a=\"forkscop\" "
					 "flags=0x1\n"
					 "GREC ts=11000 FAULT tid=71 a=0x7000 x=4\n"
					 "GREC ts=11500 SWITCH tid=71 x=0 flags=0x2\n"
					 "GREC ts=21000 SOFTIRQ tid=0 x=4 flags=SOFTIRQ\n"
					 "GREC ts=21100 WAKING tid=0 x=71 a=\"forkscop\" "
					 "flags=SOFTIRQ\n"
					 "GREC ts=21200 SOFTIRQ_END tid=0 x=4 flags=SOFTIRQ\n"
					 "GREC ts=21500 SWITCH tid=0 x=71 a=\"forkscop\"\n"
					 "GREC ts=25000 FAULT_END tid=71 a=0x7000 x=1\n"
					 "GREC ts=32000 UDP_SEND tid=71 x=9000 a=40\n" AGENT_STAGES(
						 1),
		"ack:mailbox", &res);

	(void)state;
	/* its end is no signal: the notice stays the clock's */
	assert_string_equal(guest_stages(f), "raise=1000 inject=1040 notify=4500 wakeup=5200 "
					     "mailbox=30000 ack=45000");
	assert_int_equal(cell(f, FSA_S_MAILBOX, FSA_C_GUEST_FAULT),
			 500 + (20010 - 12000) + (25000 - 21500));
	assert_int_equal(cell(f, FSA_S_MAILBOX, FSA_C_GUEST_IDLE),
			 500 + (21000 - 20050) + (21500 - 21200));
	assert_int_equal(cell(f, FSA_S_MAILBOX, FSA_C_GUEST_OTHER), 200);
	assert_string_equal(guest_ran(f, 21000), "softirq 4 block");
	attr_done(res);
}

static void the_recorders_own_pages(void **state)
{
	struct fsa_result *res;
	const struct fsa_fork *f =
		fork_of(HOST CLOCK_CHAIN AGENT_STAGES(1) "GFRAMES 7 5 9\n", "ack:mailbox", &res);

	(void)state;
	assert_int_equal(cell(f, FSA_S_MAILBOX, FSA_C_TRACER), 2000);
	assert_int_equal(f->fault_class[FSA_C_FAULT_MAPPED].count, 0);
	assert_int_equal(f->bucket_ns[FSA_B_TRACER], 2000);
	attr_done(res);
}

/* Records are missing: nothing is claimed of the time between those that are there. */
static void lost_records(void **state)
{
	struct fsa_result *res;
	const struct fsa_fork *f = fork_of(
		HOST GUEST(GUEST_ALL) "GRING torn=2\n" IRQ_TO_WORKER CLOCK_NOTIFY
				      "GREC ts=5200 SWITCH tid=20 x=30 a=\"hog\" flags=0x1\n"
				      "GREC n=13 ts=10000 SWITCH tid=30 x=71 a=\"forkscop\"\n"
				      "GREC ts=32000 UDP_SEND tid=71 x=9000 a=40\n" AGENT_STAGES(1),
		"ack:mailbox", &res);

	(void)state;
	assert_true(attr_noted(f, FSA_N_GUEST_LOST));
	assert_int_equal(f->guest.partial, 2);
	assert_int_equal(cell(f, FSA_S_WAKEUP, FSA_C_GUEST_RUN), 4800);
	assert_int_equal(cell(f, FSA_S_WAKEUP, FSA_C_GUEST_OTHER), 200);
	assert_int_equal(f->bucket_ns[FSA_B_GUEST], 4800);
	assert_int_equal(cell(f, FSA_S_MAILBOX, FSA_C_GUEST_SIGNAL), 18000);
	attr_done(res);
	/* lost before the first of them: what ran at the snapshot is not what ran then */
	f = fork_of(HOST GUEST(GUEST_ALL) "GRING first=6 lost=6\n" CLOCK_NOTIFY AGENT_RUNS
			    AGENT_STAGES(1),
		    "ack:mailbox", &res);
	assert_true(attr_noted(f, FSA_N_GUEST_LOST));
	assert_int_equal(cell(f, FSA_S_NOTIFY, FSA_C_GUEST_RUN), 4000 - 1050);
	assert_false(f->stages[0].seen);
	assert_non_null(strstr(f->stages[1].why, "not in the guest's records"));
	attr_done(res);
}

/* A record of a task that nothing had switched to: one was lost although no number is missing. */
static void contradicting_records(void **state)
{
	struct fsa_result *res;
	const struct fsa_fork *f = fork_of(
		HOST GUEST(GUEST_ALL) "GRING\n" IRQ_TO_WORKER CLOCK_NOTIFY
				      "GREC ts=10000 FAULT tid=71 a=0x7000 x=4\n"
				      "GREC ts=25000 FAULT_END tid=71 a=0x7000\n"
				      "GREC ts=32000 UDP_SEND tid=71 x=9000 a=40\n" AGENT_STAGES(1),
		"ack:mailbox", &res);

	(void)state;
	assert_true(attr_noted(f, FSA_N_GUEST_LOST));
	assert_int_equal(cell(f, FSA_S_WAKEUP, FSA_C_GUEST_RUN), 5000);
	assert_int_equal(cell(f, FSA_S_MAILBOX, FSA_C_GUEST_FAULT), 13000);
	attr_done(res);
}

/* The host alone: the same recording, the same host causes, and all guest time in one piece. */
static void the_host_alone_agrees(void **state)
{
	const char *text = HOST CLOCK_CHAIN AGENT_STAGES(1) "GFRAMES 5\n";
	struct fsa_opts o = attr_opts("resume", "ack:mailbox");
	uint64_t with[FSA_NCAUSES] = {0}, guest = 0;
	struct fsa_result *res;
	const struct fsa_fork *f = fork_of(text, "ack:mailbox", &res);

	(void)state;
	for (int s = 0; s < FSA_NSTAGES; s++)
		for (int c = 0; c < FSA_NCAUSES; c++)
			with[c] += f->cells[s][c].ns;
	attr_done(res);
	o.no_guest = true;
	res = attr_run_opts(text, o);
	f = &res->forks[0];
	assert_false(f->guest.read);
	assert_int_equal(f->nstages, 0);
	assert_int_equal(f->clock_error_ns, 0);
	for (int c = 0; c < FSA_C_FAULT_UFFD; c++)
		assert_int_equal(f->cells[FSA_S_GUEST][c].ns, with[c]);
	for (int c = FSA_C_GUEST_FAULT; c <= FSA_C_GUEST_RUN; c++)
		guest += with[c];
	assert_int_equal(f->cells[FSA_S_GUEST][FSA_C_GUEST_RUN].ns, guest);
	/* what was a fault is one, but for those of the recorder */
	assert_int_equal(f->cells[FSA_S_GUEST][FSA_C_FAULT_MAPPED].ns,
			 with[FSA_C_FAULT_MAPPED] + with[FSA_C_TRACER]);
	attr_done(res);
}

/* The mailbox ack never left: the guest's own record of the decoding ends the window. */
static void lost_mailbox_ack(void **state)
{
	static const char *const text =
		VMM RAISED RESUMED ENTERED_IRQ ACKED("applied", 40000, 45000, 50000)
			CLOCK_CHAIN AGENT_STAGES(1);
	struct fsa_result *res;
	const struct fsa_fork *f = fork_of(text, "ack:mailbox", &res);

	(void)state;
	assert_true(f->complete);
	assert_int_equal(f->end_ns, 30000);
	assert_non_null(strstr(f->end, "decoded"));
	assert_true(attr_noted(f, FSA_N_MAILBOX_ACK_LOST));
	assert_string_equal(guest_stages(f), "raise=1000 inject=1040 notify=4500 wakeup=10000 "
					     "mailbox=30000");
	assert_int_equal(res->ncohorts, 1);
	assert_string_equal(res->cohorts[0].name, "mailbox ack lost, decoded");
	attr_done(res);
	/* no ack at all: the same, where there was nothing but a time-out */
	f = fork_of(VMM RAISED RESUMED ENTERED_IRQ
		    "ts=2000000 VMEXIT " V
		    "ts_exit=1000000 reason=0x60 isa=SVM\n" CLOCK_CHAIN AGENT_STAGES(1),
		    "ack:mailbox", &res);
	assert_true(f->complete);
	assert_int_equal(f->end_ns, 30000);
	assert_false(attr_noted(f, FSA_N_CUT));
	attr_done(res);
	/* and an agent that says nothing of itself: the end is what it was */
	f = fork_of(VMM RAISED RESUMED ENTERED_IRQ ACKED("applied", 40000, 45000, 50000)
			    CLOCK_CHAIN,
		    "ack:mailbox", &res);
	assert_int_equal(f->end_ns, 45000);
	assert_string_equal(res->cohorts[0].name, "mailbox ack lost");
	attr_done(res);
}

/* The recording ends while the agent waits for a CPU. */
static void cut_in_the_middle(void **state)
{
	struct fsa_result *res;
	const struct fsa_fork *f = fork_of(
		VMM RAISED RESUMED ENTERED_IRQ
		"ts=9500 VMEXIT " V
		"ts_exit=9000 reason=0x60 isa=SVM\n" GUEST(GUEST_ALL) OWN_WATCHER(
			"VMCLOCK_POLL") "GRING\n" IRQ_TO_WORKER CLOCK_NOTIFY
					"GREC ts=5200 SWITCH tid=20 x=30 a=\"hog\" flags=0x1\n",
		"ack:mailbox", &res);

	(void)state;
	assert_false(f->complete);
	assert_string_equal(guest_stages(f), "raise=1000 inject=1040 notify=4500 wakeup=-9500 "
					     "mailbox=-9500 ack=-9500");
	assert_non_null(strstr(f->stages[3].why, "the window ended"));
	assert_int_equal(cell(f, FSA_S_WAKEUP, FSA_C_GUEST_OTHER), 200 + 3800);
	attr_done(res);
}

/* What is closer than the clock error is not ordered; what is further off is out of order. */
static void the_clock_error(void **state)
{
	struct fsa_result *res;
	const struct fsa_fork *f;

	(void)state;
	guest_clock_error = 6000;
	f = fork_of(HOST CLOCK_CHAIN AGENT_STAGES(1), "ack:mailbox", &res);
	guest_clock_error = 0;
	assert_int_equal(f->clock_error_ns, 6000);
	assert_int_equal(f->stages[1].error_ns, 0);
	assert_int_equal(f->stages[2].error_ns, 6000);
	assert_non_null(strstr(f->stages[2].why, "not ordered"));
	assert_non_null(strstr(f->stages[3].why, "not ordered"));
	assert_string_equal(f->stages[4].why, "");
	assert_true(f->stages[3].seen);
	/* each piece of guest mode begins and ends with the signal or a fault: nothing moves */
	assert_int_equal(f->guest.doubt_ns, 0);
	attr_done(res);
	/* one that begins with another task: what the signal loses that one gains */
	guest_clock_error = 100;
	f = fork_of(
		VMM RAISED RESUMED ENTERED_IRQ ACKED("mailbox", 40000, 45000, 50000) GUEST(
			GUEST_ALL) "GRING\nGREC ts=1050 WAKEUP tid=8\n"
				   "GREC ts=3000 SWITCH tid=8 x=71 a=\"forkscop\"\n"
				   "GREC ts=32000 UDP_SEND tid=71 x=9000 a=40\n" AGENT_STAGES(3),
		"ack:mailbox", &res);
	guest_clock_error = 0;
	assert_int_equal(f->guest.doubt_ns, 200);
	attr_done(res);
	/* the ack of the host is earlier than the decoding by more than the error */
	f = fork_of(HOST GUEST(GUEST_ALL) "GRING\n" IRQ_TO_WORKER CLOCK_NOTIFY AGENT_RUNS
					  "GAGENT\nGREC ts=7000 STAGE tid=71 x=MAILBOX_SEEN\n"
					  "GREC ts=26000 STAGE tid=71 x=SIGNAL_SEEN a=1\n",
		    "ack:mailbox", &res);
	assert_false(f->stages[4].seen);
	assert_non_null(strstr(f->stages[4].why, "out of order"));
	assert_int_equal(f->stages[4].at_ns, f->stages[3].at_ns);
	attr_done(res);
}

/* No guest recording is normal, and reported; one that was looked for and is wrong is noted. */
static void without_a_guest_part(void **state)
{
	static const struct {
		const char *text, *why;
		bool noted;
	} cases[] = {
		{HOST, "the recording has none", false},
		{HOST "GUEST vm=1 tgid=10 at_ns=99 state=ABSENT\n", "no recorder", false},
		{HOST "GUEST vm=1 tgid=10 at_ns=99 state=GONE\n", "ended before", true},
		{HOST "GUEST vm=1 tgid=10 at_ns=99 state=BAD why=\"list leaves the memory\"\n",
		 "list leaves the memory", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fsa_result *res = attr_run(cases[i].text, "ack:mailbox");
		const struct fsa_fork *f = &res->forks[0];

		assert_false(f->guest.read);
		assert_non_null(strstr(f->guest.why, cases[i].why));
		assert_non_null(strstr(f->guest.why, "one sum"));
		assert_int_equal(attr_noted(f, FSA_N_NO_GUEST), cases[i].noted);
		assert_int_equal(f->cells[FSA_S_GUEST][FSA_C_GUEST_RUN].ns, 36950);
		attr_done(res);
	}
	guest_clock_refused = "no mapping keeps every event inside guest mode";
	struct fsa_result *res = attr_run(HOST CLOCK_CHAIN AGENT_STAGES(1), "ack:mailbox");

	guest_clock_refused = NULL;
	assert_true(res->forks[0].guest.read);
	assert_false(res->forks[0].guest.used);
	assert_true(attr_noted(&res->forks[0], FSA_N_NO_GUEST));
	assert_non_null(strstr(res->forks[0].guest.why, "no mapping keeps"));
	attr_done(res);
}

/* What must never be is counted: a guest's record outside guest mode, an ack before its sending. */
static void outside_guest_mode(void **state)
{
	struct fsa_result *res;

	(void)state;
	res = attr_run(HOST GUEST(GUEST_ALL) "GRING\n" IRQ_TO_WORKER CLOCK_NOTIFY AGENT_RUNS
					     "GREC ts=42000 WAKEUP tid=71 x=3\n" AGENT_STAGES(1),
		       "ack:mailbox");
	assert_int_equal(res->forks[0].guest.outside, 1);
	attr_done(res);
	res = attr_run(VMM RAISED RESUMED ENTERED_IRQ ACKED("mailbox", 31000, 31500, 31800)
			       CLOCK_CHAIN AGENT_STAGES(1),
		       "ack:mailbox");
	assert_int_equal(res->forks[0].guest.outside, 1);
	attr_done(res);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hog_before_the_worker), cmocka_unit_test(preempted_program),
		cmocka_unit_test(holder_of_a_lock),      cmocka_unit_test(held_back),
		cmocka_unit_test(the_guests_own_disk),   cmocka_unit_test(the_recorders_own_pages),
		cmocka_unit_test(lost_records),          cmocka_unit_test(contradicting_records),
		cmocka_unit_test(the_host_alone_agrees), cmocka_unit_test(lost_mailbox_ack),
		cmocka_unit_test(cut_in_the_middle),     cmocka_unit_test(the_clock_error),
		cmocka_unit_test(without_a_guest_part),  cmocka_unit_test(outside_guest_mode),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
