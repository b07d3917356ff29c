/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF programs' own state: values of the maps that pair events. Shared with user space, which
 * fills `procs` before the start and walks `threads` at the end to write FLUSH records.
 *
 * Maps (all preallocated, keys in brackets):
 *	procs   [u32 tgid]  struct fs_proc   traced processes
 *	threads [u32 tid]   struct fs_thr    their threads, added on first sight, and kernel workers
 *					     while they execute a tracked work item
 *	vms     [u64 kvm]   struct fs_vm     VMs by kernel address
 *	vcpus   [u64 vcpu]  struct fs_vcpu   vCPUs by kernel address
 *	works   [u64 work]  struct fs_workq  work items queued by traced threads, not yet executed
 *	bios    [u64 bio]   struct fs_biost  block I/O in flight
 *	cpus    percpu [0]  struct fs_cpu
 *	lost_vm [u32 vm], lost_cpu percpu [0]: struct fs_lost (knobs.h)
 *	stacks  stack ids, rings array of ring buffers by CPU
 */
#ifndef FORKSCOPE_STATE_H
#define FORKSCOPE_STATE_H

#include "event.h"

struct fs_proc {
	__u32 why;          /* enum fs_why */
	__u32 vm;           /* number of its newest VM, 0 = none yet */
	__u64 kvm;          /* kernel address of that VM */
	__u64 first_run_ns; /* when that VM's first vCPU first ran, 0 = not yet */
	__u32 net_vm;       /* the VM whose first packet was seen */
	__u32 gen;          /* vCPUs made by it so far: what its threads run may have changed */
	__u32 scan;         /* user space sets 1: its VMs exist already, look through its files */
	__u32 nthr;         /* its entries in `threads` */
};

struct fs_vm {
	__u32 vm;
	__u32 tgid;
	__u32 inval; /* invalidations so far (notifier probe) */
	__u32 ran;   /* 1 = a vCPU of it has run */
	__u32 made;  /* 1 = it is younger than the recording: none of its vCPUs has run unseen */
	__u32 slots_unseen; /* 1 = a memory slot was set that was not seen */
	__u64 slot_pages;   /* in all of its slots, by the newest change that was seen */
};

struct fs_vcpu {
	__u64 kvm;
	__u32 vm;
	__u32 vcpu_id;
	__u32 ran;
	__u32 pad;
};

/* What a thread did inside a span: an exit segment, a host fault, or a work item. */
struct fs_acc {
	__u32 hints;       /* FS_H_* */
	__u32 cache_pages; /* added to the page cache */
	__u32 new_pages;   /* user pages allocated, not zeroed: copies and page-cache pages */
	__u32 zero_pages;  /* user pages allocated zeroed */
	__u32 stack;       /* of the deepest thing seen: block I/O over all else */
	__u16 n_bio;
	__u16 n_alloc;
};

enum {
	FS_T_VCPU = 1 << 0,    /* has run a vCPU */
	FS_T_WORKER = 1 << 1,  /* kernel worker, in here while it executes a tracked work item */
	FS_T_ENTERED = 1 << 3, /* has entered a guest */
};

struct fs_thr {
	__u32 tgid;
	__u32 vm;
	__u32 flags; /* FS_T_* */
	__u32 vcpu_id;
	__u64 vcpu, kvm;
	__s32 run_fd;
	__u32 run_gen; /* fs_proc.gen when run_fd was looked at */
	__u32 sc_nr;   /* system call that sc_ts belongs to */
	__u32 sc_pad;
	__u64 sc_ts;   /* a system call of interest was entered, 0 = none */
	__u64 run_ts;  /* KVM_RUN entered, 0 = not in it */
	__u64 user_ts; /* back to user space from KVM_RUN, 0 = in it or never */

	/* the newest that it recorded of a vCPU's clock: clock.bpf.c */
	__u64 tsc_next, pv_tsc;
	__u32 tsc_vcpu;   /* + 1; 0 = none recorded yet */
	__u32 pv_version; /* 0 = none recorded yet */
	__u64 child_ns;   /* when the newest child was made that it recorded: task.bpf.c */

	/* exit segment: kvm_exit to kvm_entry */
	__u64 x_ts; /* 0 = none open */
	__u64 x_rip, x_info1, x_info2;
	__u64 x_gpa, x_error_code;
	__u64 x_hva, x_mm_ns;
	struct fs_acc x;
	__u32 x_reason;
	__u16 x_isa, x_n_pf;
	__u16 x_n_hmm, x_pad;
	__u32 x_inval;

	/* host page fault outside an exit segment, or the work item of a worker */
	__u64 f_ts; /* inside handle_mm_fault since (function probe), 0 = no */
	__u64 f_addr;
	__u32 f_flags;
	__u32 f_vm;
	struct fs_acc f;
	__u64 f_ip;
	__u32 f_exc; /* an exception, not get_user_pages */
	__u32 f_pad;

	__u64 u_ts, u_addr; /* in handle_userfault since */
	__u32 u_flags;
	__u32 u_stack;

	/* off its CPU */
	__u64 o_ts; /* switched out at, 0 = on a CPU */
	__u64 o_cfs_rq;
	__u64 o_throttled; /* throttled time of its run queue or group at switch-out */
	__u32 o_state, o_next_tid, o_stack;
	__u16 o_cpu, o_iowait;
	__u32 o_flags; /* FS_W_* known at switch-out */
	__u32 o_pad;
	char o_next_comm[FS_COMM_LEN];

	/* newest wake-up since its last switch-in */
	__u64 w_ts, w_work;
	__u32 w_tid, w_tgid;
	__u32 w_flags, w_pad;
	char w_comm[FS_COMM_LEN];

	/* work item in execution */
	__u64 k_work, k_func;
	__u64 k_queue_ts, k_start_ts;
	__u64 k_offcpu_ns, k_longest_ns;
	__u32 k_queuer_tid, k_queuer_tgid;
	__u32 k_stack, k_pad;
};

struct fs_workq {
	__u64 ts_queue;
	__u64 func;
	__u32 queuer_tid, queuer_tgid;
	__u32 vm, pad;
};

struct fs_biost {
	__u64 ts;
	__u64 sector, work;
	__u32 tid, tgid, vm, dev;
	__u32 bytes, op;
	__u32 stack, pad;
};

struct fs_cpu {
	__u64 self_id;  /* a traced thread that is no vCPU: needs no look-up while ... */
	__u32 self_gen; /* ... this is fs_gen, ... */
	__u32 self_vm;  /* ... and its VM is this */
	__u32 seq;
	__u32 irq_vm;     /* VM of what interrupt context delivers here, 0 = not known */
	__u64 done_bio;   /* the newest bio completed here ... */
	__u32 done_tid;   /* ... with this thread as `current` ... */
	__u32 done_ctx;   /* ... in this interrupt context (FS_W_IRQ, FS_W_SOFTIRQ) */
	__u32 hard_timer; /* inside an hrtimer's function */
	__u32 soft_timer; /* inside a timer's function */
	__u32 in_irq;     /* inside an interrupt handler */
	__u32 in_softirq;
	char scratch[128];     /* net.bpf.c */
	__u64 run_ns, run_cnt; /* of our programs, where they count themselves (knobs.own_stats) */
};

_Static_assert(sizeof(struct fs_thr) <= 512, "a thread's state");
_Static_assert(sizeof(struct fs_thr) % 8 == 0, "a thread's state");

#endif
