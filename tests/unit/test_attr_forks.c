// SPDX-License-Identifier: BSD-2-Clause
/* Which VMs are forks, when their windows begin and end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "../attr/attr.h"

#define END          PIO_END(2000, 2010, 2030)
#define COVER        "ts=3050 VMEXIT " V "ts_exit=3000 reason=0x60 isa=SVM\n"
#define TX(ts, rest) "ts=" #ts " NET_TX " M rest "\n"
#define ASLEEP(wake_by) \
	"ts=1010 OFFCPU " V "ts_out=150 ts_wake=1000 prev_state=0x1 " wake_by "\n" ENTERED END

static void expect_resume(const char *text, uint64_t at, enum fsa_resume_kind kind, uint32_t by)
{
	struct fsa_result *res = attr_run(text, "pio:0xf4");

	assert_int_equal(res->nforks, 1);
	assert_int_equal(res->forks[0].resume_ns, at);
	assert_int_equal(res->forks[0].resume_kind, kind);
	assert_int_equal(res->forks[0].resume_by_tid, by);
	attr_done(res);
}

static void resume_by_wake(void **state)
{
	(void)state;
	expect_resume(STANDARD END, 1000, FSA_R_WAKE, 10);
	/* a WAKE record says the same before the thread is switched in */
	expect_resume(VMM "ts=1000 WAKE " M "target_tid=11 target_tgid=10\n" ENTERED END, 1000,
		      FSA_R_WAKE, 10);
}

static void resume_by_signal(void **state)
{
	(void)state;
	expect_resume(VMM RESUMED "ts=1012 SIGNAL " M
				  "target_tid=11 target_tgid=10 sig=35\n" ENTERED END,
		      1012, FSA_R_SIGNAL, 10);
	/* of another process: no */
	expect_resume(
		VMM RESUMED
		"ts=1012 SIGNAL cpu=0 tgid=9 tid=9 target_tid=11 target_tgid=10 sig=19\n" ENTERED
			END,
		1000, FSA_R_WAKE, 10);
}

static void not_the_resume(void **state)
{
	(void)state;
	/* in interrupt context (the end of a page read): the creation counts */
	expect_resume(VMM ASLEEP("waker_tid=10 waker_tgid=10 waker_flags=IRQ|BIO"), 140,
		      FSA_R_CREATION, 10);
	expect_resume(VMM ASLEEP("waker_tid=77 waker_tgid=77"), 140, FSA_R_CREATION, 10);
	expect_resume(VMM "ts=1000 WAKE flags=IRQCTX " M
			  "target_tid=11 target_tgid=10\n" ENTERED END,
		      140, FSA_R_CREATION, 10);
	/* the last wake-up of many, and none after the first KVM_RUN */
	expect_resume(VMM "ts=500 WAKE " M "target_tid=11 target_tgid=10\n"
			  "ts=700 WAKE " M "target_tid=11 target_tgid=10\n" ENTERED
			  "ts=1030 WAKE " M "target_tid=11 target_tgid=10\n" END,
		      700, FSA_R_WAKE, 10);
}

static void resume_is_first_run(void **state)
{
	(void)state;
	expect_resume("ts=110 VM_CREATE cpu=0 tgid=10 tid=10 vm=1 ts_start=105 fd=5\n" ENTERED END,
		      1020, FSA_R_FIRST_RUN, 0);
}

#define WAKES(ts, flags) "ts=" #ts " WAKE " M "target_tid=11 target_tgid=10 waker_flags=" flags "\n"
#define SLEPT(out, wake, in, by, state, flags)                                    \
	"ts=" #in " OFFCPU " V "ts_out=" #out " ts_wake=" #wake " waker_tid=" #by \
	" waker_tgid=10 prev_state=" state " waker_flags=" flags "\n"
#define CONT WAKES(910, "0") SLEPT(300, 910, 915, 10, "0x2001", "0")

/*
 * QEMU: `cont` wakes the vCPU at 910, which then waits for the big lock until main, or a thread
 * that had it in between, hands it over: whoever hands over a lock tells nothing.
 */
static void resume_before_a_lock(void **state)
{
	static const char by_main[] =
		VMM CONT WAKES(980, "LOCK") SLEPT(920, 980, 985, 10, "0x2001", "LOCK") ENTERED END;
	static const char by_others[] = VMM CONT SLEPT(920, 950, 955, 10, "0x2001", "LOCK")
		SLEPT(960, 980, 985, 13, "0x2001", "LOCK") ENTERED END;
	/* the waker was there before the switch was over, so that only the sleep's record knows */
	static const char race[] =
		VMM CONT WAKES(980, "0") SLEPT(920, 980, 985, 10, "0x2001", "LOCK") ENTERED END;
	static const char faster[] =
		VMM CONT WAKES(980, "0") SLEPT(981, 981, 985, 10, "0x2001", "LOCK") ENTERED END;
	/* what was sent after the message, to a thread awake or not */
	static const char kick[] =
		VMM CONT "ts=980 SIGNAL " M "target_tid=11 target_tgid=10 sig=35\n" ENTERED END;
	/* it had the lock, and went to sleep for another message */
	static const char other[] = VMM CONT SLEPT(920, 950, 955, 13, "0x2001", "LOCK")
		SLEPT(960, 980, 985, 10, "0x2001", "0") ENTERED END;

	(void)state;
	expect_resume(by_main, 910, FSA_R_WAKE, 10);
	expect_resume(by_others, 910, FSA_R_WAKE, 10);
	expect_resume(race, 910, FSA_R_WAKE, 10);
	expect_resume(faster, 910, FSA_R_WAKE, 10);
	expect_resume(kick, 980, FSA_R_SIGNAL, 10);
	expect_resume(other, 980, FSA_R_WAKE, 10);
}

/* Nor does who lets it go on inside of the kernel: seen by the wake-up, or by the sleep alone. */
static void resume_before_a_wait_in_the_kernel(void **state)
{
	static const char wake[] = VMM CONT WAKES(980, "UNINT") ENTERED END;
	static const char sleep[] = VMM CONT SLEPT(920, 980, 985, 10, "0x2", "0") ENTERED END;
	static const char only[] = VMM WAKES(980, "UNINT") ENTERED END;

	(void)state;
	expect_resume(wake, 910, FSA_R_WAKE, 10);
	expect_resume(sleep, 910, FSA_R_WAKE, 10);
	expect_resume(only, 140, FSA_R_CREATION, 10);
}

/* Two vCPUs: the earliest resume of both. */
static void resume_is_the_earliest(void **state)
{
	(void)state;
	expect_resume(STANDARD "ts=990 WAKE " M "target_tid=12 target_tgid=10\n"
			       "ts=1030 FIRST_RUN cpu=0 tgid=10 tid=12 vm=1 vcpu_id=1 " REGS
			       "\n" END,
		      990, FSA_R_WAKE, 10);
}

static size_t forks_with(const char *regs)
{
	struct fsa_result *res;
	char text[4096];
	size_t n;

	snprintf(text, sizeof(text), "%s%sts=1020 FIRST_RUN %s%s\nts=1050 VMEXIT %srun_ns=30\n%s",
		 VMM, RESUMED, V, regs, V, END);
	res = attr_run(text, "pio:0xf4");
	n = res->nforks;
	assert_int_equal(res->vms_seen, 1);
	attr_done(res);
	return n;
}

static void restores_and_boots(void **state)
{
	(void)state;
	assert_int_equal(forks_with(REGS), 1);
	/* user code: low RIP, in a system that has enabled system calls */
	assert_int_equal(forks_with("rip=0x7f1234567890 cr0=0x80050033 cr4=0x3006f0 efer=0xd01 "
				    "valid=0x1f"),
			 1);
	/* real mode; and a 64-bit kernel started by the VMM over an identity map */
	assert_int_equal(forks_with("rip=0xfff0 cr0=0x60000010 valid=0x1f"), 0);
	assert_int_equal(forks_with("rip=0x1000000 cr0=0x80000011 cr4=0x20 efer=0x500 cr3=0x9000 "
				    "valid=0x1f"),
			 0);
	/* without RIP and EFER: what CR4 has */
	assert_int_equal(forks_with("cr0=0x80050033 cr4=0x3006f0 valid=0x6"), 1);
	assert_int_equal(forks_with("cr0=0x80000011 cr4=0x20 valid=0x6"), 0);
}

/* What a VM is taken for and why, by the registers of its first entry; with --kind, whatever they
 * are. */
static void kinds(void **state)
{
	static const struct {
		const char *regs;
		enum fsa_vm_kind asked, kind;
		enum fsa_vm_why why;
		size_t forks;
	} t[] = {
		{REGS, 0, FSA_K_RESTORE, FSA_W_KERNEL, 1},
		{"rip=0x401000 cr0=0x80050033 cr4=0x3006f0 efer=0xd01 valid=0x1f", 0, FSA_K_RESTORE,
		 FSA_W_SYSCALLS, 1},
		/* a 32-bit Linux in its kernel, in PAE or not, and in a program */
		{"rip=0xc1000000 cr0=0x80050033 cr4=0x6f0 efer=0 valid=0x1f", 0, FSA_K_RESTORE,
		 FSA_W_LEGACY, 1},
		{"rip=0x8048000 cr0=0x80050033 cr4=0x90 efer=0x800 valid=0x1f", 0, FSA_K_RESTORE,
		 FSA_W_LEGACY, 1},
		/* a unikernel: an identity map, no system calls, but its own CR4 */
		{"rip=0x101200 cr0=0x80010033 cr4=0x620 efer=0x500 valid=0x1f", 0, FSA_K_RESTORE,
		 FSA_W_SET_UP, 1},
		/* one that has left all as the VMM made it cannot be distinguished from a boot */
		{"rip=0x101200 cr0=0x80000011 cr4=0x20 efer=0x500 valid=0x1f", 0, FSA_K_BOOT,
		 FSA_W_IDENTITY, 0},
		{"rip=0x101200 cr0=0x80000011 cr4=0x20 efer=0x500 valid=0x1f", FSA_K_RESTORE,
		 FSA_K_RESTORE, FSA_W_ASKED_RESTORE, 1},
		{"rip=0xfff0 cr0=0x60000010 valid=0x1f", 0, FSA_K_BOOT, FSA_W_UNPAGED, 0},
		{"rip=0xfff0 cr0=0x60000010 valid=0x1f", FSA_K_BOOT, FSA_K_BOOT, FSA_W_ASKED_BOOT,
		 1},
		{REGS, FSA_K_BOOT, FSA_K_BOOT, FSA_W_ASKED_BOOT, 1},
		{"rip=0x101200 valid=0x1", 0, FSA_K_BOOT, FSA_W_LOW, 0},
		{"valid=0", 0, FSA_K_RESTORE, FSA_W_UNREAD, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct fsa_opts o = attr_opts("resume", "pio:0xf4");
		struct fsa_result *res;
		char text[4096];

		o.kind = t[i].asked;
		snprintf(text, sizeof(text),
			 "%s%sts=1020 FIRST_RUN %s%s\nts=1050 VMEXIT %srun_ns=30\n%s", VMM, RESUMED,
			 V, t[i].regs, V, END);
		res = attr_run_opts(text, o);
		assert_int_equal(res->nvms, 1);
		if (res->vms[0].why != t[i].why)
			fail_msg("%s: %s", t[i].regs, fsa_vm_why(&res->vms[0]));
		assert_int_equal(fsa_vm_kind(&res->vms[0]), t[i].kind);
		assert_int_equal(res->vms[0].first_run_ns, 1020);
		assert_string_equal(res->vms[0].comm, "vmm");
		assert_int_equal(res->nforks, t[i].forks);
		if (t[i].forks)
			assert_int_equal(res->forks[0].restore, t[i].kind == FSA_K_RESTORE);
		attr_done(res);
	}
}

/* A vCPU that the guest had off enters without paging: the VM is judged by the others. */
static void offline_vcpu_first(void **state)
{
	struct fsa_result *res =
		attr_run(VMM RESUMED "ts=1005 FIRST_RUN cpu=0 tgid=10 tid=12 vm=1 vcpu_id=1 "
				     "cr0=0x60000010 valid=0x1f\n" ENTERED END,
			 "pio:0xf4");

	(void)state;
	assert_int_equal(res->nforks, 1);
	attr_done(res);
}

/* Exits of a VM whose first KVM_RUN was before the recording: no fork, pause and resume or not. */
static void seen_late(void **state)
{
	struct fsa_result *res = attr_run("ts=100 PROC_ADD cpu=0 tgid=10 tid=10 comm=vmm why=KVM\n"
					  "ts=110 VM_CREATE flags=LATE cpu=0 tgid=10 tid=10 vm=1\n"
					  "ts=1050 VMEXIT " V "ts_exit=1000 reason=0x60\n" END,
					  "pio:0xf4");

	(void)state;
	assert_int_equal(res->nforks, 0);
	assert_int_equal(res->vms_seen, 1);
	assert_int_equal(res->nvms, 1);
	assert_int_equal(res->vms[0].why, FSA_W_LATE);
	assert_string_equal(res->vms[0].comm, "vmm");
	attr_done(res);
}

#define LATE_VM      "ts=110 VM_CREATE flags=LATE cpu=0 tgid=10 tid=10 vm=1\n"
#define MADE_VM      "ts=110 VM_CREATE cpu=0 tgid=10 tid=10 vm=1 ts_start=105 fd=5\n"
#define LATE_VCPU    "ts=1049 VCPU_CREATE flags=LATE " V "fd=-1\n"
#define MADE_VCPU    "ts=130 VCPU_CREATE " M "ts_start=125 fd=6\n"
#define LATE_ENTRY   "ts=1050 FIRST_RUN flags=LATE " V REGS "\nts=1050 VMEXIT " V "\n"
#define AT_THE_ENTRY "sched.delay=10 exit.kernel=10 guest.run=950 unknown=40"

/* @made: the vCPU's record if it was seen being made, @bound: if it was not. */
static void expect_late_entry(const char *vm, const char *made, const char *bound, bool late)
{
	char text[4096];
	struct fsa_result *res;

	snprintf(text, sizeof(text),
		 "ts=100 PROC_ADD cpu=0 tgid=10 tid=10 start_ns=90 comm=\"vmm\"\n%s%s"
		 "ts=140 FORK " M "child_tid=11 child_tgid=10 comm=\"vcpu\"\n" RESUMED
		 "%s" LATE_ENTRY END,
		 vm, made, bound);
	res = attr_run(text, "pio:0xf4");
	assert_int_equal(res->nforks, 1);
	assert_int_equal(attr_noted(&res->forks[0], FSA_N_SEEN_LATE), late);
	assert_int_equal(res->forks[0].resume_ns, 1000);
	/* how much of the way to the first entry was KVM_RUN is not known */
	assert_string_equal(attr_cells(&res->forks[0]), AT_THE_ENTRY);
	attr_done(res);
}

/* The kernel may skip programs that see system calls: the first entry alone tells of the vCPU. */
static void first_run_unseen(void **state)
{
	struct fsa_result *res;

	(void)state;
	expect_late_entry(MADE_VM, MADE_VCPU, "", false);
	expect_late_entry(MADE_VM, "", LATE_VCPU, false);
	expect_late_entry(LATE_VM, MADE_VCPU, "", true);
	/* nothing of it was seen being made: it may have run before */
	res = attr_run(LATE_VM RESUMED LATE_VCPU LATE_ENTRY END, "pio:0xf4");
	assert_int_equal(res->nforks, 0);
	attr_done(res);
	/* asleep before the first entry: in the VMM or in KVM_RUN, but for guest memory */
	attr_expect(VMM RESUMED "ts=1040 OFFCPU " V "ts_out=1020 ts_wake=1035 prev_state=0x1 "
				"waker_tid=70 waker_tgid=70\n" LATE_ENTRY END,
		    "pio:0xf4", "sched.delay=15 exit.kernel=10 guest.run=950 unknown=35");
	/* but before a lock of its process, or another call, it was in the VMM: after that only
	 * from 1042 on is not known */
	attr_expect(VMM RESUMED "ts=1040 OFFCPU " V "ts_out=1020 ts_wake=1035 prev_state=0x1 "
				"waker_tid=10 waker_tgid=10 waker_flags=LOCK\n"
				"ts=1042 SYSCALL " V "ts_start=1041 nr=16\n" LATE_ENTRY END,
		    "pio:0xf4",
		    "sched.delay=15 sched.blocked=15 exit.kernel=10 exit.vmm=12 guest.run=950 "
		    "unknown=8");
	attr_expect(VMM RESUMED "ts=1045 MMFAULT " V "ts_start=1015 addr=0x7f0000001000 has_end=1 "
				"hints=HMM|MAJOR|BIO\n"
				"ts=1040 OFFCPU " V "ts_out=1020 ts_wake=1040 prev_state=0x2 "
				"iowait=1 waker_flags=IRQ|BIO\n" LATE_ENTRY END,
		    "pio:0xf4",
		    "sched.delay=10 exit.kernel=10 fault.major=30 guest.run=950 unknown=10");
}

/* --- ends --- */

static void expect_end(const char *text, const char *end, uint64_t at, const char *words)
{
	struct fsa_result *res = attr_run(text, end);

	assert_int_equal(res->nforks, 1);
	assert_true(res->forks[0].complete);
	assert_int_equal(res->forks[0].end_ns, at);
	assert_string_equal(res->forks[0].end, words);
	attr_done(res);
}

#define STAGE(ts, name) TX(ts, "what=STAGE payload=\"stage=" name " mac=m ip=i\\n\"")

static void ends(void **state)
{
	(void)state;
	expect_end(STANDARD STAGE(1500, "mailbox") COVER, "ack:mailbox", 1500, "ack:mailbox");
	expect_end(STANDARD STAGE(1500, "mailbox") STAGE(1600, "applied") COVER, "ack:applied",
		   1600, "ack:applied");
	expect_end(STANDARD TX(1500, "what=FIRST") TX(1600, "what=SYNACK sport=22") COVER,
		   "first-tx", 1500, "first-tx");
	/* the VMM announcing its guest (RARP) is no packet of the guest */
	expect_end(STANDARD TX(1500, "what=FIRST eth_proto=0x8035") TX(1600, "what=FIRST") COVER,
		   "first-tx", 1600, "first-tx");
	expect_end(STANDARD TX(1500, "what=SYNACK sport=80") TX(1600, "what=SYNACK sport=22") COVER,
		   "tcp:22", 1600, "tcp:22");
	expect_end(STANDARD END COVER, "pio:244", 2010, "pio:0xf4");
	expect_end(STANDARD "ts=1500 MARK name=\"no\"\nts=1600 MARK name=\"ready\"\n" COVER,
		   "mark:ready", 1600, "mark:ready");
	expect_end(STANDARD "ts=1500 MARK tgid=9 name=\"ready\"\nts=1600 MARK tgid=10 "
			    "name=\"ready\"\n" COVER,
		   "mark:ready", 1600, "mark:ready");
	expect_end(STANDARD COVER, "after:750ns", 1750, "after:750ns");
	/* a port write known by the exit alone */
	expect_end(STANDARD "ts=1540 VMEXIT " V
			    "ts_exit=1500 reason=0x7b isa=SVM info1=0xf40010\n" COVER,
		   "pio:0xf4", 1500, "pio:0xf4");
	/* read from that port: bit 0 says IN */
	expect_end(STANDARD "ts=1540 VMEXIT " V "ts_exit=1500 reason=0x7b isa=SVM info1=0xf40011\n"
			    "ts=1640 VMEXIT " V
			    "ts_exit=1600 reason=0x7b isa=SVM info1=0xf40010\n" COVER,
		   "pio:0xf4", 1600, "pio:0xf4");
}

/* The guest may send anything; a stage is one exact word. */
static void hostile_acks(void **state)
{
	struct fsa_result *res;

	(void)state;
	expect_end(STANDARD STAGE(1100, "mailboxx") STAGE(1110, "mail") STAGE(1120, "mailbox\\x01")
			   TX(1130, "what=STAGE payload=\"stage=\"")
				   TX(1140, "what=STAGE payload=\"stagemailbox\"")
					   TX(1150, "what=STAGE payload=\" stage=mailbox\"")
						   STAGE(1160, "mailbox") COVER,
		   "ack:mailbox", 1160, "ack:mailbox");
	/* before the resume nothing can have been sent by this guest */
	res = attr_run(VMM TX(900, "what=STAGE payload=\"stage=mailbox \"")
			       RESUMED ENTERED STAGE(1500, "mailbox") COVER,
		       "ack:mailbox");
	assert_int_equal(res->forks[0].end_ns, 1500);
	assert_int_equal(res->forks[0].nacks, 1);
	attr_done(res);
}

/* What an agent says of its failure is kept, as far as the recording has it. */
static void words_of_an_ack(void **state)
{
#define NETLINK "stage=error mac=06:00:ac:10:00:22 ip=172.16.0.2 reason=netlink what=route errno=22"
	struct fsa_result *res =
		attr_run(STANDARD TX(1500, "what=STAGE payload=\"" NETLINK "\\n\"")
				 TX(1510, "what=STAGE payload=\"" NETLINK " undone=yes an\"")
					 STAGE(1520, "mailbox") COVER,
			 "ack:mailbox");
	const struct fsa_fork *f = &res->forks[0];

	(void)state;
	assert_int_equal(f->nacks, 3);
	assert_string_equal(f->acks[0].words, "reason=netlink what=route errno=22");
	/* the packet's end cuts it (96 bytes are kept): no half word */
	assert_string_equal(f->acks[1].words, "reason=netlink what=route errno=22 undone=yes ...");
	assert_string_equal(f->acks[2].words, "");
	attr_done(res);
}

static void lost_mailbox_ack(void **state)
{
	struct fsa_result *res = attr_run(STANDARD STAGE(1700, "applied") COVER, "ack:mailbox");
	const struct fsa_fork *f = &res->forks[0];

	(void)state;
	assert_true(f->complete);
	assert_int_equal(f->end_ns, 1700);
	assert_string_equal(f->end, "ack:applied");
	assert_true(attr_noted(f, FSA_N_MAILBOX_ACK_LOST));
	assert_false(attr_noted(f, FSA_N_MAILBOX_ACK_LATE));
	assert_int_equal(res->ncohorts, 1);
	assert_string_equal(res->cohorts[0].name, "mailbox ack lost");
	attr_done(res);
}

/* The acks left in the wrong order: the one that was missed is there after all, and is not lost. */
static void mailbox_ack_out_of_order(void **state)
{
	struct fsa_result *res = attr_run(
		STANDARD STAGE(1700, "applied") STAGE(1800, "mailbox") COVER, "ack:mailbox");
	const struct fsa_fork *f = &res->forks[0];

	(void)state;
	assert_int_equal(f->end_ns, 1700);
	assert_string_equal(f->end, "ack:applied");
	assert_int_equal(f->nacks, 2);
	assert_false(attr_noted(f, FSA_N_MAILBOX_ACK_LOST));
	assert_true(attr_noted(f, FSA_N_MAILBOX_ACK_LATE));
	assert_string_equal(res->cohorts[0].name, "mailbox ack late");
	attr_done(res);
}

/* Acks after the end are still the fork's: the experiment's columns need them. */
static void late_acks(void **state)
{
	struct fsa_result *res = attr_run(
		STANDARD STAGE(1500, "mailbox") COVER
		"ts=900000000 EXIT_TASK cpu=2 tgid=77 tid=77\n" STAGE(900000100, "applied"),
		"ack:mailbox");
	const struct fsa_fork *f = &res->forks[0];

	(void)state;
	assert_int_equal(f->end_ns, 1500);
	assert_int_equal(f->nacks, 2);
	assert_string_equal(f->acks[1].stage, "applied");
	assert_int_equal(f->acks[1].at_ns, 900000100);
	attr_done(res);
}

static void timed_out(void **state)
{
	struct fsa_opts o = attr_opts("resume", "ack:mailbox");
	struct fsa_result *res;
	const struct fsa_fork *f;

	(void)state;
	o.timeout_ns = 1500;
	res = attr_run_opts(STANDARD COVER STAGE(4000, "mailbox"), o);
	f = &res->forks[0];
	assert_false(f->complete);
	assert_true(attr_noted(f, FSA_N_TIMED_OUT));
	assert_int_equal(f->gap_ns, 1500);
	assert_string_equal(f->end, "time-out");
	assert_string_equal(attr_cells(f), "sched.delay=10 exit.kernel=30 exit.vmm=10 "
					   "guest.run=1450");
	assert_int_equal(res->cohorts[0].timed_out, 1);
	assert_true(res->cohorts[0].gap.p50 == UINT64_MAX);
	attr_done(res);
}

static void vmm_died(void **state)
{
	struct fsa_result *res =
		attr_run(STANDARD "ts=1500 VMEXIT " V "ts_exit=1400 reason=0x60 isa=SVM\n"
				  "ts=1700 EXIT_TASK " V "code=9\n"
				  "ts=1750 EXIT_TASK " M "code=9 group_dead=1\n",
			 "ack:mailbox");
	const struct fsa_fork *f = &res->forks[0];

	(void)state;
	assert_false(f->complete);
	assert_true(attr_noted(f, FSA_N_VMM_DIED));
	assert_int_equal(f->end_ns, 1700);
	/* what the thread did between its last entry and its death is not known */
	assert_string_equal(attr_cells(f), "sched.delay=10 exit.kernel=130 exit.vmm=10 "
					   "guest.run=350 unknown=200");
	attr_done(res);
}

static void recording_cut(void **state)
{
	struct fsa_result *res;

	(void)state;
	/* in the guest when the recording ended */
	res = attr_run(STANDARD "ts=1500 FLUSH flags=CLIPPED " V "ts_run=1020\n", "ack:mailbox");
	assert_true(attr_noted(&res->forks[0], FSA_N_CUT));
	assert_int_equal(res->forks[0].end_ns, 1500);
	assert_string_equal(attr_cells(&res->forks[0]),
			    "sched.delay=10 exit.kernel=30 exit.vmm=10 guest.run=450");
	attr_done(res);
	/* halted since 1410, in an exit since 1400 */
	res = attr_run(STANDARD "ts=1500 FLUSH flags=CLIPPED " V "ts_run=1020 ts_exit=1400 "
				"ts_out=1410 prev_state=0x1 reason=0x78 hints=HALT\n",
		       "ack:mailbox");
	assert_string_equal(attr_cells(&res->forks[0]), "sched.delay=10 exit.kernel=30 exit.vmm=10 "
							"guest.idle=100 guest.run=350");
	attr_done(res);
	/* no flush: what came after the last entry is not known */
	res = attr_run(STANDARD "ts=1500 MARK name=\"x\"\n", "ack:mailbox");
	assert_string_equal(attr_cells(&res->forks[0]),
			    "sched.delay=10 exit.kernel=30 exit.vmm=10 unknown=450");
	attr_done(res);
}

/* --- several --- */

/* Two VMMs at once with the same history, 5 ns apart: nothing of one is given to the other. */
static void side_by_side(void **state)
{
	static const char *const lines[] = {
		"ts=%d PROC_ADD cpu=%d tgid=%d tid=%d start_ns=90 comm=\"vmm\"\n",
		"ts=%d VM_CREATE cpu=%d tgid=%d tid=%d vm=%d ts_start=105 fd=5\n",
		"ts=%d FIRST_RUN cpu=%d tgid=%d tid=%d vm=%d " REGS "\n",
		"ts=%d VMEXIT cpu=%d tgid=%d tid=%d vm=%d run_ns=30\n",
		"ts=%d VMEXIT cpu=%d tgid=%d tid=%d vm=%d ts_exit=%d reason=0x60 isa=SVM\n",
		"ts=%d PIO cpu=%d tgid=%d tid=%d vm=%d port=0xf4 rw=1\n",
		"ts=%d VMEXIT cpu=%d tgid=%d tid=%d vm=%d ts_exit=%d reason=0x7b isa=SVM\n",
	};
	static const int at[] = {100, 110, 1020, 1050, 1200, 2010, 2030};
	static const int from[] = {0, 0, 0, 0, 1100, 0, 2000};
	char text[8192];
	size_t n = 0;
	struct fsa_result *res;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		for (int v = 0; v < 8; v++) {
			int who = 10 + v, t = at[i] + 5 * v;

			/* each line takes as many arguments as it needs, in this order */
			n += (size_t)snprintf(text + n, sizeof(text) - n, lines[i], t, v % 3, who,
					      who, v + 1, from[i] + 5 * v);
		}
	res = attr_run(text, "pio:0xf4");
	assert_int_equal(res->nforks, 8);
	for (unsigned int i = 0; i < 8; i++) {
		const struct fsa_fork *f = &res->forks[i];

		assert_int_equal(f->id, i + 1);
		assert_int_equal(f->vm, i + 1);
		assert_int_equal(f->vmm_pid, 10 + i);
		assert_int_equal(f->gap_ns, 990);
		assert_string_equal(attr_cells(f), "exit.kernel=140 guest.run=850");
	}
	attr_done(res);
}

/* The same pid again, after the first one is gone: another fork. */
static void pid_used_again(void **state)
{
	static const char again[] =
		"ts=5100 PROC_ADD cpu=0 tgid=10 tid=10 start_ns=5090 comm=\"vmm\"\n"
		"ts=5110 VM_CREATE cpu=0 tgid=10 tid=10 vm=2 ts_start=5105 fd=5\n"
		"ts=6020 FIRST_RUN cpu=1 tgid=10 tid=11 vm=2 " REGS "\n"
		"ts=6050 VMEXIT cpu=1 tgid=10 tid=11 vm=2 run_ns=30\n"
		"ts=6500 PIO cpu=1 tgid=10 tid=11 vm=2 port=0xf4 rw=1\n"
		"ts=6530 VMEXIT cpu=1 tgid=10 tid=11 vm=2 ts_exit=6490 reason=0x7b isa=SVM\n";
	struct fsa_result *res;
	char text[8192];

	(void)state;
	snprintf(text, sizeof(text), "%s%s", STANDARD END "ts=3000 EXIT_TASK " M "group_dead=1\n",
		 again);
	res = attr_run(text, "pio:0xf4");
	assert_int_equal(res->nforks, 2);
	assert_int_equal(res->forks[0].gap_ns, 1010);
	assert_int_equal(res->forks[1].gap_ns, 480);
	assert_int_equal(res->forks[1].vmm_start_ns, 5090);
	attr_done(res);
}

/* --- starts and phases --- */

#define FC                                                                                      \
	"ts=90 PROC_ADD cpu=0 tgid=10 tid=10 start_ns=50 comm=\"fc\"\n"                         \
	"ts=100 EXEC " M "comm=\"fc\" file=\"/usr/bin/fc\"\n"                                   \
	"ts=150 OPEN " M "ts_start=140 fd=3 path=\"/etc/hosts\"\n"                              \
	"ts=210 OPEN " M "ts_start=200 fd=7 path=\"/srv/snap/state\"\n"                         \
	"ts=260 OPEN " M "ts_start=250 fd=8 path=\"/srv/snap/mem\"\n"                           \
	"ts=280 MMAP " M "ts_start=270 addr=0x7f0000000000 size=0x10000000 ino=7 dev=0x800001 " \
	"fd=8\n"                                                                                \
	"ts=330 VM_CREATE " M "ts_start=310 fd=9\n"                                             \
	"ts=340 VCPU_CREATE " M "ts_start=335 fd=10\n"                                          \
	"ts=360 MEMSLOT " M "ts_start=350 size=0x10000000 hva=0x7f0000000000\n"                 \
	"ts=410 SYSCALL " M "ts_start=400 nr=16 arg=0xa,0x4090ae82,0,0\n"                       \
	"ts=480 SYSCALL " M "ts_start=470 nr=16 arg=0xa,0xaead,0,0\n"                           \
	"ts=510 SYSCALL " M "ts_start=500 nr=16 arg=0x9,0x4020ae76,0,0\n"                       \
	"ts=600 FORK " M "child_tid=11 child_tgid=10 comm=\"vcpu\"\n"                           \
	"ts=1010 OFFCPU " V "ts_out=620 ts_wake=1000 waker_tid=10 waker_tgid=10 prev_state=0x1\n"

static void phases(void **state)
{
	static const struct {
		const char *name;
		uint64_t at, ns;
	} want[] = {
		{"spawn", 50, 50},        {"vmm-start", 100, 100},    {"snapshot-read", 200, 70},
		{"memory-map", 270, 40},  {"create-vm", 310, 40},     {"memory-slots", 350, 50},
		{"vcpu-state", 400, 100}, {"device-state", 500, 100}, {"paused", 600, 400}};
	struct fsa_result *res = attr_run(FC ENTERED END, "pio:0xf4");
	const struct fsa_fork *f = &res->forks[0];

	(void)state;
	assert_int_equal(f->nphases, sizeof(want) / sizeof(*want));
	for (size_t i = 0; i < f->nphases; i++) {
		assert_string_equal(f->phases[i].name, want[i].name);
		assert_int_equal(f->phases[i].start_ns, want[i].at);
		assert_int_equal(f->phases[i].ns, want[i].ns);
	}
	attr_done(res);
}

/* A VMM that was only noticed when it made its VM: what it did before is not called its start. */
static void phases_of_a_stranger(void **state)
{
	struct fsa_result *res = attr_run(STANDARD END, "pio:0xf4");

	(void)state;
	assert_string_equal(res->forks[0].phases[0].name, "untraced");
	assert_int_equal(res->forks[0].phases[0].start_ns, 90);
	assert_int_equal(res->forks[0].phases[0].ns, 15);
	attr_done(res);
}

static void starts(void **state)
{
	struct fsa_result *res;

	(void)state;
	res = attr_run_opts(FC ENTERED END, attr_opts("load", "pio:0xf4"));
	assert_int_equal(res->forks[0].start_ns, 200);
	assert_int_equal(res->forks[0].resume_ns, 1000);
	assert_int_equal(res->forks[0].start_kind, FSA_START_LOAD);
	/* before the resume the path runs through the thread that loaded */
	assert_string_equal(attr_cells(&res->forks[0]),
			    "sched.delay=10 exit.kernel=40 exit.vmm=10 vmm.io=800 guest.run=950");
	attr_done(res);
	res = attr_run_opts(FC ENTERED END, attr_opts("spawn", "pio:0xf4"));
	assert_int_equal(res->forks[0].start_ns, 50);
	/* 50 to 90: before the first record of that process */
	assert_string_equal(attr_cells(&res->forks[0]),
			    "sched.delay=10 exit.kernel=40 exit.vmm=10 vmm.io=910 guest.run=950 "
			    "unknown=40");
	attr_done(res);
	/* a file that is opened once the vCPUs have their state is no snapshot's */
	res = attr_run_opts(FC "ts=560 OPEN " M
			       "ts_start=550 fd=9 path=\"/srv/initrd\"\n" ENTERED END,
			    attr_opts("load", "pio:0xf4"));
	assert_int_equal(res->forks[0].start_ns, 200);
	attr_done(res);
	/* no load seen: the window begins at the resume, and says so */
	res = attr_run_opts(STANDARD END, attr_opts("load", "pio:0xf4"));
	assert_int_equal(res->forks[0].start_ns, 1000);
	assert_int_equal(res->forks[0].start_kind, FSA_START_RESUME);
	attr_done(res);
}

static void parsing(void **state)
{
	static const char *const bad[] = {"",        "ack",        "ack:",      "ack:a b",
					  "tcp:",    "tcp:x",      "tcp:65536", "pio:-1",
					  "after:5", "after:0ms",  "first-tx:", "mark:",
					  "resume",  "ack:mail\n", "tcp:22x"};
	static const char *const good[] = {"ack:mailbox", "first-tx",   "tcp:22",
					   "pio:0xf4",    "mark:ready", "after:250ms"};
	struct fsa_opts o = {0};
	char buf[80];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		attr_err[0] = '\0';
		assert_int_equal(fsa_parse_end(bad[i], &o, attr_err, sizeof(attr_err)), -EINVAL);
		assert_true(strlen(attr_err) > 10);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(fsa_parse_end(good[i], &o, attr_err, sizeof(attr_err)), 0);
		assert_string_equal(fsa_end_text(&o, buf, sizeof(buf)), good[i]);
	}
	assert_int_equal(fsa_parse_start("boot", &o, attr_err, sizeof(attr_err)), -EINVAL);
}

/* Its time-out would end beyond 64 bits: then it never does, instead of before the resume. */
static void a_deadline_does_not_wrap(void **state)
{
	static const char *const ends[] = {"pio:0xf4", "after:876000h"};
	static const char late[] =
		"META {\"timeout_ns\": 9223372036854775807}\n"
		"ts=18446744073709500110 VM_CREATE " M "ts_start=18446744073709500105 fd=5\n"
		"ts=18446744073709501020 FIRST_RUN " V REGS "\n"
		"ts=18446744073709501050 VMEXIT " V "run_ns=30\n" PIO_END(
			18446744073709502000, 18446744073709502010,
			18446744073709502030) "ts=18446744073709503050 VMEXIT " V
					      "ts_exit=18446744073709503000 reason=0x60 isa=SVM\n";

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct fsa_result *res = attr_run(late, ends[i]);

		assert_int_equal(res->nforks, 1);
		assert_int_equal(res->forks[0].complete, !i);
		assert_int_equal(res->forks[0].end_ns,
				 i ? 18446744073709503050ull : 18446744073709502010ull);
		assert_false(attr_noted(&res->forks[0], FSA_N_TIMED_OUT));
		attr_done(res);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deadline_does_not_wrap),
		cmocka_unit_test(kinds),
		cmocka_unit_test(resume_by_wake),
		cmocka_unit_test(resume_by_signal),
		cmocka_unit_test(not_the_resume),
		cmocka_unit_test(resume_is_first_run),
		cmocka_unit_test(resume_before_a_lock),
		cmocka_unit_test(resume_before_a_wait_in_the_kernel),
		cmocka_unit_test(resume_is_the_earliest),
		cmocka_unit_test(restores_and_boots),
		cmocka_unit_test(offline_vcpu_first),
		cmocka_unit_test(seen_late),
		cmocka_unit_test(first_run_unseen),
		cmocka_unit_test(ends),
		cmocka_unit_test(hostile_acks),
		cmocka_unit_test(words_of_an_ack),
		cmocka_unit_test(lost_mailbox_ack),
		cmocka_unit_test(mailbox_ack_out_of_order),
		cmocka_unit_test(late_acks),
		cmocka_unit_test(timed_out),
		cmocka_unit_test(vmm_died),
		cmocka_unit_test(recording_cut),
		cmocka_unit_test(side_by_side),
		cmocka_unit_test(pid_used_again),
		cmocka_unit_test(phases),
		cmocka_unit_test(phases_of_a_stranger),
		cmocka_unit_test(starts),
		cmocka_unit_test(parsing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
