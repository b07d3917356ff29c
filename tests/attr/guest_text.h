/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of which the recordings of the guest tests are made. */
#ifndef FORKSCOPE_TEST_ATTR_GUEST_TEXT_H
#define FORKSCOPE_TEST_ATTR_GUEST_TEXT_H

#include "guest.h"

/* The host's side: a memory fault of the guest from 20000 to 22000, the ack at 45000. */
#define HOST                                                                                       \
	VMM RAISED RESUMED ENTERED_IRQ                                                             \
		"ts=22000 VMEXIT " V                                                               \
		"ts_exit=20000 reason=0x400 isa=SVM hints=PF gpa=0x5000\n" ACKED("mailbox", 40000, \
										 45000, 50000)

/* Interrupt 9 queues the work that the kernel's worker (20) executes. */
#define IRQ_TO_WORKER                                                   \
	"GREC ts=1050 IRQ tid=0 x=9 a=\"acpi\" flags=HARDIRQ\n"         \
	"GREC ts=2000 WORK_QUEUE tid=0 x=0x111 a=0xf1 flags=HARDIRQ\n"  \
	"GREC ts=2100 WAKING tid=0 x=20 a=\"kworker/\" flags=HARDIRQ\n" \
	"GREC ts=2500 IRQ_END tid=0 x=9 a=1 flags=HARDIRQ\n"            \
	"GREC ts=3000 SWITCH tid=0 x=20 a=\"kworker/\"\n"               \
	"GREC ts=3500 WORK tid=20 x=0x111 a=0xf1\n"

#define CLOCK_NOTIFY                                       \
	"GREC ts=4000 STEP tid=20 x=VMCLOCK_NOTIFY\n"      \
	"GREC ts=4500 WAKING tid=20 x=71 a=\"forkscop\"\n" \
	"GREC ts=4600 STEP_END tid=20 x=VMCLOCK_NOTIFY\n"  \
	"GREC ts=5000 WORK_END tid=20 x=0x111 a=0xf1\n"

#define AGENT_RUNS                                              \
	"GREC ts=5200 SWITCH tid=20 x=30 a=\"hog\" flags=0x1\n" \
	"GREC ts=10000 SWITCH tid=30 x=71 a=\"forkscop\"\n"     \
	"GREC ts=11000 FAULT tid=71 a=0x7000 x=4\n"             \
	"GREC ts=25000 FAULT_END tid=71 a=0x7000\n"             \
	"GREC ts=32000 UDP_SEND tid=71 x=9000 a=40\n"           \
	"GREC ts=40000 UDP_SENT tid=71 a=40\n"

#define AGENT_STAGES(kind)                                       \
	"GAGENT\n"                                               \
	"GREC ts=26000 STAGE tid=71 x=SIGNAL_SEEN a=" #kind "\n" \
	"GREC ts=30000 STAGE tid=71 x=MAILBOX_SEEN\n"            \
	"GREC ts=31000 STAGE tid=71 x=ACK a=\"mailbox\"\n"

#define CLOCK_CHAIN GUEST(GUEST_ALL) "GRING\n" IRQ_TO_WORKER CLOCK_NOTIFY AGENT_RUNS

#endif
