/* SPDX-License-Identifier: BSD-2-Clause */
/* The kinds of records and the head that all have; what each kind carries is in event.h. */
#ifndef FORKSCOPE_EVENT_KINDS_H
#define FORKSCOPE_EVENT_KINDS_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define FS_COMM_LEN 16
#define FS_NO_STACK 0xffffffffu /* no stack was taken, or the table was full (counted) */

/*
 * X(number, NAME, struct, "what it is and when it is emitted")
 * One row yields the enum, the name, the size and the documentation.
 */
#define FS_EVENT_KINDS(X)                                                                          \
	X(1, PROC_ADD, fs_ev_proc_add,                                                             \
	  "a process became traced (existing, forked, or by a match)")                             \
	X(2, FORK, fs_ev_fork, "a traced process made a thread or a child")                        \
	X(3, EXEC, fs_ev_exec, "a traced process ran another program")                             \
	X(4, EXIT_TASK, fs_ev_exit_task, "a traced thread ended")                                  \
	X(5, VM_CREATE, fs_ev_vm_create, "KVM_CREATE_VM returned, or a VM was first seen")         \
	X(6, VCPU_CREATE, fs_ev_vcpu_create, "KVM_CREATE_VCPU returned, or a vCPU was first seen") \
	X(7, MEMSLOT, fs_ev_memslot, "a memory slot was set (LATE: read from the VM)")             \
	X(8, FIRST_RUN, fs_ev_first_run, "first KVM_RUN of a vCPU, at its start (LATE: entry)")    \
	X(9, RUN, fs_ev_run, "one KVM_RUN from the system call to its return to user space")       \
	X(10, VMEXIT, fs_ev_vmexit, "one exit-to-entry segment of a vCPU, emitted at the entry")   \
	X(11, OFFCPU, fs_ev_offcpu, "a traced thread was off its CPU, emitted at its switch-in")   \
	X(12, WAKE, fs_ev_wake, "a wake-up of a vCPU thread that has not run its vCPU yet")        \
	X(13, SIGNAL, fs_ev_signal, "a signal sent to a traced thread")                            \
	X(14, SYSCALL, fs_ev_syscall, "a system call of a VMM thread that marks a restore phase")  \
	X(15, OPEN, fs_ev_open, "a file opened by a VMM thread")                                   \
	X(16, MMAP, fs_ev_mmap, "a mapping made by a VMM thread")                                  \
	X(17, IRQ_SET, fs_ev_irq_set, "kvm_set_irq: an interrupt line was raised or lowered")      \
	X(18, IRQ_MSI, fs_ev_irq_msi, "kvm_msi_set_irq: an MSI was delivered")                     \
	X(19, IRQ_ACCEPT, fs_ev_irq_accept, "kvm_apic_accept_irq: a local APIC took a vector")     \
	X(20, IRQ_INJECT, fs_ev_irq_inject, "kvm_inj_virq: a vector was injected into a vCPU")     \
	X(21, HALT, fs_ev_halt, "kvm_vcpu_wakeup: a halt or its polling ended")                    \
	X(22, TSC_OFFSET, fs_ev_tsc_offset, "a vCPU's TSC offset was written, and is another now") \
	X(23, PVCLOCK, fs_ev_pvclock, "a vCPU's kvmclock page was updated")                        \
	X(24, MMFAULT, fs_ev_mmfault, "a host page fault of a VMM thread outside an exit segment") \
	X(25, BIO, fs_ev_bio, "block I/O from submission to completion")                           \
	X(26, WORK, fs_ev_work, "a kernel work item queued by a traced thread: queue to end")      \
	X(27, APF, fs_ev_apf, "asynchronous page fault: a step of its life")                       \
	X(28, UFFD, fs_ev_uffd, "a wait for a userfaultfd handler (function probe only)")          \
	X(29, NET_TX, fs_ev_net_tx, "a packet of interest left the VM through its TAP")            \
	X(30, PIO, fs_ev_pio, "kvm_pio: a port access of the guest")                               \
	X(31, MARK, fs_ev_mark, "a moment named by the user (forkscope mark)")                     \
	X(32, FLUSH, fs_ev_flush, "end of recording: what a thread was in the middle of")          \
	X(33, CLOCK, fs_ev_clock,                                                                  \
	  "the recorder read the host's clocks between two reads of its TSC")                      \
	X(34, MISSED, fs_ev_missed,                                                                \
	  "the kernel skipped runs of a program between two readings of its counters")

enum fs_ev_kind {
	FS_EV_NONE = 0,
#define X(num, name, type, doc) FS_EV_##name = num,
	FS_EVENT_KINDS(X)
#undef X
};

/* struct fs_ev.flags */
enum {
	FS_F_IRQCTX = 1 << 0,  /* emitted in interrupt context: tid/tgid are not of the causer */
	FS_F_CLIPPED = 1 << 1, /* emitted by the flush: the span had not ended yet at `ts` */
	FS_F_LATE = 1 << 2,    /* the object existed before the recording; read, not observed */
};

struct fs_ev {
	__u64 ts;
	__u32 seq; /* per CPU; counts every attempt, so a hole is a loss */
	__u16 kind;
	__u16 len; /* bytes of the whole record, header included */
	__u32 tgid;
	__u32 tid;
	__u32 vm; /* VM number, from 1 in order of sight; 0 = none or unknown */
	__u16 cpu;
	__u16 flags;
};

#endif
