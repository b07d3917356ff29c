// SPDX-License-Identifier: BSD-2-Clause
/* Agents that are not ours: several threads, no stages, acks that are lost or never sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "../attr/guest_text.h"

#define PEER(how) GUEST(GUEST_ALL) "GWATCHER 0 tid=71 tgid=70 how=" how " comm=\"peer\"\nGRING\n"
/* The kernel's line of the fork at 3800; the worker is done at 5000. */
#define FORK_LINE                                            \
	"GREC ts=3600 STEP tid=20 x=VMGENID_NOTIFY\n"        \
	"GREC ts=3700 STEP tid=20 x=VMFORK\n"                \
	"GREC ts=3800 STEP tid=20 x=PRINTK a=\"random: \"\n" \
	"GREC ts=4800 STEP_END tid=20 x=VMFORK\n"            \
	"GREC ts=5000 WORK_END tid=20 x=0x111 a=0xf1\n"
#define TO_HOG "GREC ts=5200 SWITCH tid=20 x=30 a=\"hog\" flags=0x1\n"
/* An interrupt of that vector over task 30 wakes @who 100 later, and is over after 200. */
#define WOKEN(ts, at, end, vector, who)                                       \
	"GREC ts=" #ts " VECTOR tid=30 x=" vector " flags=HARDIRQ\n"          \
	"GREC ts=" #at " WAKING tid=30 x=" #who " a=\"peer\" flags=HARDIRQ\n" \
	"GREC ts=" #end " VECTOR_END tid=30 x=" vector " flags=HARDIRQ\n"
#define FROM_HOG(ts, who) "GREC ts=" #ts " SWITCH tid=30 x=" #who " a=\"peer\" flags=PREEMPT\n"
#define TO_SLEEP(ts, who) "GREC ts=" #ts " SWITCH tid=" #who " x=30 a=\"hog\" flags=0x1\n"
#define READS(t0, t1)                                      \
	"GREC ts=" #t0 " STEP tid=71 x=KMSG_READ a=8192\n" \
	"GREC ts=" #t1 " STEP_END tid=71 x=KMSG_READ a=60\n"
#define SENDS(ts) "GREC ts=" #ts " UDP_SEND tid=71 x=9000 a=40\n"
#define SLEEPS    WOKEN(6000, 6100, 6200, "0xec", 72) FROM_HOG(6500, 72) TO_SLEEP(7000, 72)

/* The notification of @guest, whose ack `mailbox` ends the window, as far as its links tell. */
static void expect_links(const char *text, const char *end, const char *links)
{
	struct fsa_result *res = guest_run(text, end);

	assert_string_equal(guest_stages(&res->forks[0]), links);
	attr_done(res);
}

/* A thread of its runtime sleeps; the one that reads the log is woken by printk, later. */
static void a_nap_tells_nothing(void **state)
{
	(void)state;
	expect_links(HOST PEER("KMSG_READ") IRQ_TO_WORKER FORK_LINE TO_HOG SLEEPS WOKEN(
			     8000, 8100, 8200, "0xf6", 71) FROM_HOG(9000, 71) READS(9100, 9200)
			     SENDS(32000),
		     "ack:mailbox",
		     "raise=1000 inject=1040 notify=8100 wakeup=9000 mailbox=32000 ack=45000");
	/* printk was in no hurry: the tick woke the reader, once */
	expect_links(HOST PEER("KMSG_READ") IRQ_TO_WORKER FORK_LINE TO_HOG SLEEPS WOKEN(
			     8000, 8100, 8200, "0xec", 71) FROM_HOG(9000, 71) READS(9100, 9200)
			     SENDS(32000),
		     "ack:mailbox",
		     "raise=1000 inject=1040 notify=8100 wakeup=9000 mailbox=32000 ack=45000");
}

/* Another line of the log had woken the reader before the one of the fork was written. */
static void woken_by_another_line(void **state)
{
	(void)state;
	expect_links(HOST PEER("KMSG_READ") IRQ_TO_WORKER
		     "GREC ts=3550 WAKING tid=20 x=71 a=\"peer\"\n" FORK_LINE
		     "GREC ts=5200 SWITCH tid=20 x=71 a=\"peer\" flags=0x1\n" READS(5300, 5400)
			     TO_SLEEP(5500, 71) SLEEPS FROM_HOG(7100, 71) READS(7200, 7300)
				     SENDS(32000),
		     "ack:mailbox",
		     "raise=1000 inject=1040 notify=3800 wakeup=5200 mailbox=32000 ack=45000");
}

/* The thread that printk woke does not read itself: it wakes the one that does. */
static void handed_over(void **state)
{
	(void)state;
	expect_links(
		HOST PEER("KMSG_READ") IRQ_TO_WORKER FORK_LINE TO_HOG WOKEN(8000, 8100, 8200,
									    "0xf6", 72)
			FROM_HOG(9000,
				 72) "GREC ts=9100 WAKING tid=72 x=71 a=\"peer\"\n"
				     "GREC ts=9500 SWITCH tid=72 x=71 a=\"peer\" flags=0x1\n" READS(
					     9600, 9700) SENDS(32000),
		"ack:mailbox",
		"raise=1000 inject=1040 notify=8100 wakeup=9000 mailbox=32000 ack=45000");
}

static void expect_not_separable(const char *text)
{
	struct fsa_result *res = attr_run(text, "ack:mailbox");
	const struct fsa_fork *f = &res->forks[0];

	assert_true(f->guest.used);
	assert_string_equal(guest_stages(f), "raise=-1000 inject=-1000 notify=-1000 wakeup=-1000 "
					     "mailbox=32000 ack=45000");
	assert_non_null(strstr(f->stages[2].why, "not separable"));
	attr_done(res);
}

static void not_separable(void **state)
{
	(void)state;
	/* the tick woke the reader twice: a sleep, and the line */
	expect_not_separable(HOST PEER("KMSG_READ") IRQ_TO_WORKER FORK_LINE TO_HOG WOKEN(
		6000, 6100, 6200, "0xec", 71) FROM_HOG(6500, 71) TO_SLEEP(7000, 71)
				     WOKEN(8000, 8100, 8200, "0xec", 71) FROM_HOG(9000, 71)
					     READS(9100, 9200) SENDS(32000));
	/* two threads, and no read of either is recorded */
	expect_not_separable(HOST PEER("KMSG_READ") IRQ_TO_WORKER FORK_LINE TO_HOG SLEEPS WOKEN(
		8000, 8100, 8200, "0xf6", 71) FROM_HOG(9000, 71) SENDS(32000));
	/* it slept when the line was written, and what woke it was not seen */
	expect_not_separable(
		HOST PEER("KMSG_READ") IRQ_TO_WORKER
		"GREC ts=3510 SWITCH tid=20 x=71 a=\"peer\" flags=PREEMPT\n"
		"GREC ts=3520 SWITCH tid=71 x=20 a=\"kworker/\" flags=0x1\n" FORK_LINE TO_HOG SLEEPS
			FROM_HOG(9000, 71) READS(9100, 9200) SENDS(32000));
}

/* --- the end of the decoding --- */

#define CALLS(t0, t1)                        \
	"GREC ts=" #t0 " RTNL tid=71 x=16\n" \
	"GREC ts=" #t1 " RTNL_END tid=71 x=16\n"
#define AWAKE                                             \
	PEER("VMCLOCK_POLL")                              \
	IRQ_TO_WORKER                                     \
	"GREC ts=4000 STEP tid=20 x=VMCLOCK_NOTIFY\n"     \
	"GREC ts=4500 WAKING tid=20 x=71 a=\"peer\"\n"    \
	"GREC ts=4600 STEP_END tid=20 x=VMCLOCK_NOTIFY\n" \
	"GREC ts=5000 WORK_END tid=20 x=0x111 a=0xf1\n"   \
	"GREC ts=10000 SWITCH tid=20 x=71 a=\"peer\" flags=0x1\n"
#define APPLIED VMM RAISED RESUMED ENTERED_IRQ ACKED("applied", 40000, 45000, 50000)
#define WORKS   CALLS(12000, 13000) CALLS(14000, 15000)

static void expect_bound(const char *text, const char *end)
{
	struct fsa_result *res = attr_run(text, end);
	const struct fsa_fork *f = &res->forks[0];

	assert_string_equal(guest_stages(f), "raise=1000 inject=1040 notify=4500 wakeup=10000 "
					     "mailbox=12000 apply=15000 ack=45000");
	assert_non_null(strstr(f->stages[4].why, "at the latest"));
	assert_int_equal(f->cells[FSA_S_MAILBOX][FSA_C_GUEST_SIGNAL].ns, 2000);
	attr_done(res);
}

/* It sends no `mailbox` ack, or that is lost: its netlink work is not its decoding. */
static void no_mailbox_ack(void **state)
{
	(void)state;
	expect_bound(APPLIED AWAKE WORKS SENDS(40000), "ack:applied");
	expect_bound(APPLIED AWAKE SENDS(11000) WORKS SENDS(40000), "ack:applied");
	/* nor where the loss lets another ack end the window */
	expect_bound(APPLIED AWAKE WORKS SENDS(40000), "ack:mailbox");
	/* what it called before it woke up is something else */
	expect_bound(APPLIED PEER("VMCLOCK_POLL") "GREC ts=1010 RTNL tid=71 x=16\n"
						  "GREC ts=1020 RTNL_END tid=71 x=16\n"
						  "GREC ts=1030 SWITCH tid=71 x=0 a=\"swapper\" "
						  "flags=0x1\n" IRQ_TO_WORKER
						  "GREC ts=4000 STEP tid=20 x=VMCLOCK_NOTIFY\n"
						  "GREC ts=4500 WAKING tid=20 x=71 a=\"peer\"\n"
						  "GREC ts=4600 STEP_END tid=20 x=VMCLOCK_NOTIFY\n"
						  "GREC ts=5000 WORK_END tid=20 x=0x111 a=0xf1\n"
						  "GREC ts=10000 SWITCH tid=20 x=71 a=\"peer\" "
						  "flags=0x1\n" WORKS SENDS(40000),
		     "ack:applied");
}

/* Both acks left the VM, alike in port and length: the first of them is the decoding's. */
static void both_acks(void **state)
{
	(void)state;
	expect_links(VMM RAISED RESUMED ENTERED_IRQ
		     "ts=20000 NET_TX " V "what=STAGE dport=9000 len=82 payload_len=20 "
		     "payload=\"stage=mailbox mac=xx\\n\"\n"
		     "ts=45000 NET_TX " V "what=STAGE dport=9000 len=82 payload_len=20 "
		     "payload=\"stage=applied mac=xx\\n\"\n"
		     "ts=50000 VMEXIT " V
		     "ts_exit=40000 reason=0x400 isa=SVM hints=MMIO\n" AWAKE SENDS(11000)
			     WORKS SENDS(40000),
		     "ack:applied",
		     "raise=1000 inject=1040 notify=4500 wakeup=10000 mailbox=11000 apply=15000 "
		     "ack=45000");
}

/* Neither an ack nor a call: neither stage is given a length. */
static void nothing_bounds_it(void **state)
{
	struct fsa_result *res = attr_run(APPLIED AWAKE SENDS(40000), "ack:applied");
	const struct fsa_fork *f = &res->forks[0];

	(void)state;
	assert_string_equal(guest_stages(f), "raise=1000 inject=1040 notify=4500 wakeup=10000 "
					     "mailbox=-10000 apply=-10000 ack=45000");
	assert_non_null(strstr(f->stages[4].why, "no `mailbox` ack"));
	assert_non_null(strstr(f->stages[5].why, "not separable"));
	for (int c = 0; c < FSA_NCAUSES; c++)
		assert_true(!f->cells[FSA_S_MAILBOX][c].ns && !f->cells[FSA_S_APPLY][c].ns);
	attr_done(res);
}

/* A window that ends at the first packet: whatever is not seen says why. */
static void first_packet(void **state)
{
	struct fsa_result *res =
		attr_run(VMM RAISED RESUMED ENTERED_IRQ
			 "ts=20000 NET_TX " V "what=FIRST eth_proto=0x806\n"
			 "ts=50000 VMEXIT " V
			 "ts_exit=40000 reason=0x400 isa=SVM hints=MMIO\n" AWAKE SENDS(30000),
			 "first-tx");
	const struct fsa_fork *f = &res->forks[0];

	(void)state;
	assert_string_equal(guest_stages(f), "raise=1000 inject=1040 notify=4500 wakeup=10000 "
					     "mailbox=-10000 ack=-20000");
	for (size_t i = 0; i < f->nstages; i++)
		assert_true(f->stages[i].seen || (f->stages[i].why && *f->stages[i].why));
	assert_non_null(strstr(f->stages[5].why, "first-tx"));
	attr_done(res);
}

/* The first packet is an ack: it ends the window as any other would. */
static void first_packet_is_an_ack(void **state)
{
	struct fsa_result *res =
		attr_run(VMM RESUMED ENTERED
			 "ts=20000 NET_TX " V "what=FIRST|STAGE payload=\"stage=mailbox \"\n"
			 "ts=50000 VMEXIT " V "ts_exit=40000 reason=0x400 isa=SVM hints=MMIO\n",
			 "first-tx");

	(void)state;
	assert_true(res->forks[0].complete);
	assert_int_equal(res->forks[0].end_ns, 20000);
	assert_int_equal(res->forks[0].nacks, 1);
	attr_done(res);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nap_tells_nothing),
		cmocka_unit_test(woken_by_another_line),
		cmocka_unit_test(handed_over),
		cmocka_unit_test(not_separable),
		cmocka_unit_test(no_mailbox_ack),
		cmocka_unit_test(both_acks),
		cmocka_unit_test(nothing_bounds_it),
		cmocka_unit_test(first_packet),
		cmocka_unit_test(first_packet_is_an_ack),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
