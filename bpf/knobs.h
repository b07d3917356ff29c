/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that user space sets for the BPF programs before they are loaded (read-only data), and
 * the names of the maps they share. Written by src/collect/bpf/load.c only.
 */
#ifndef FORKSCOPE_KNOBS_H
#define FORKSCOPE_KNOBS_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define FS_MAX_CPUS     1024
#define FS_MAX_SYSCALLS 512

#define FS_MAX_PROGS    128 /* whose skipped runs are counted */

enum fs_match {                        /* which processes become traced */
		FS_MATCH_ALL = 1 << 0, /* whoever creates a KVM VM, or is seen to run one */
		FS_MATCH_COMM =
			1 << 1, /* comm equals knobs.comm at exec, or when it creates a VM */
		FS_MATCH_COMMAND =
			1 << 2, /* descendants of what is in the `procs` map (all children) */
};

enum fs_stack_sel { FS_STACK_FAULT = 1 << 0, FS_STACK_OFFCPU = 1 << 1, FS_STACK_BIO = 1 << 2 };

struct fs_knobs {
	__u32 match;         /* enum fs_match */
	__u32 stacks;        /* enum fs_stack_sel */
	__u32 self_tgid;     /* the tracer: never traced */
	__u32 has_hmm_probe; /* fexit/handle_mm_fault is attached: it classes and times faults */
	__u32 has_uffd_probe;
	__u32 has_huge_copy; /* copies and clearings of huge pages are seen */
	__u32 has_huge_zero;
	__u32 has_irq_hooks;    /* interrupt context comes from the irq and softirq tracepoints */
	__u32 has_exit_classic; /* exits come from the classic kvm_exit tracepoint (Intel) */
	__u32 own_stats;        /* programs count their run time themselves: core.bpf.c */
	char comm[16];
	__u8 syscalls[FS_MAX_SYSCALLS]; /* 1 = record as SYSCALL (OPEN, MMAP have records of their
					   own) */
};

/* BPF_MAP_TYPE_HASH `lost_vm`: u32 vm -> struct fs_lost; PERCPU_ARRAY `lost_cpu`: 1 entry */
struct fs_lost {
	__u64 records; /* ring was full */
	__u64 stacks;  /* stack table was full or collided */
	__u64 state;   /* a thread, work or bio table was full: its spans are missing */
	__u64 slots;   /* a VM seen late has so many memory slots that not all were looked at */
	__u64 no_ring; /* of the records: this CPU has no ring */
};

#endif
