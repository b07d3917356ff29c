/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record contract between the BPF programs and user space, and the body of a recording's
 * EVENTS chunks. Little endian, naturally aligned, every record a multiple of 8 bytes.
 *
 * Rules: kinds and flag bits are append-only and never renumbered; a kind may grow at its end (the
 * reader accepts a longer record than it knows and zero-fills a shorter one down to its min size).
 *
 * All times are CLOCK_MONOTONIC nanoseconds of the host. The header's `ts` is the moment at which
 * the record was *emitted*: records of one CPU are therefore in order, and a span that is paired in
 * the kernel carries its beginning in its body (`ts_exit`, `ts_out`, `ts_start`, ...).
 */
#ifndef FORKSCOPE_EVENT_H
#define FORKSCOPE_EVENT_H

#include "bpf/event_bits.h"
#include "bpf/event_kinds.h"

enum fs_why { FS_WHY_PID = 1, FS_WHY_COMM, FS_WHY_COMMAND, FS_WHY_KVM };

struct fs_ev_proc_add {
	struct fs_ev h;
	__u64 start_ns; /* task->start_time of the thread group leader (CLOCK_MONOTONIC) */
	__u32 ppid;
	__u32 why; /* enum fs_why */
	char comm[FS_COMM_LEN];
};

struct fs_ev_fork {
	struct fs_ev h; /* the parent */
	__u64 start_ns;
	__u32 child_tid;
	__u32 child_tgid;
	char comm[FS_COMM_LEN];
};

struct fs_ev_exec {
	struct fs_ev h;
	char comm[FS_COMM_LEN];
	char file[64]; /* cut short, NUL-terminated */
};

struct fs_ev_exit_task {
	struct fs_ev h;
	__u32 code;       /* task->exit_code */
	__u32 group_dead; /* 1 = the last thread of its group */
};

struct fs_ev_vm_create {
	struct fs_ev h;
	__u64 ts_start; /* KVM_CREATE_VM entered; 0 = not seen, or seen late */
	__u64 kvm;      /* kernel address, an identity only */
	__s32 fd;       /* -1 when its making was not seen; LATE if that was before the recording */
	__u32 pad;
};

struct fs_ev_vcpu_create {
	struct fs_ev h;
	__u64 ts_start;
	__u64 vcpu;
	__s32 fd;
	__u32 vcpu_id;
};

struct fs_ev_memslot {
	struct fs_ev h;
	__u64 ts_start;
	__u64 gpa, size, hva; /* bytes */
	__u32 slot;           /* as_id << 16 | id, as in KVM_SET_USER_MEMORY_REGION */
	__u32 slot_flags;
};

struct fs_ev_first_run {
	struct fs_ev h;
	__u64 rip, cr0, cr4, efer; /* of vcpu->arch; what could not be read is 0 and flagged */
	__u64 cr3;
	__u32 vcpu_id;
	__u32 valid; /* bit 0 rip, 1 cr0, 2 cr4, 3 efer, 4 cr3 */
};

struct fs_ev_run {
	struct fs_ev h; /* ts: on its way back to user space */
	__u64 ts_start; /* KVM_RUN entered; 0 when that was not seen */
	__u32 reason;   /* kvm_run->exit_reason, KVM_EXIT_* */
	__s32 error;    /* negative errno of KVM_RUN, 0 */
	__u32 vcpu_id;
	__u32 pad;
};

enum fs_isa { FS_ISA_UNKNOWN = 0, FS_ISA_VMX = 1, FS_ISA_SVM = 2 }; /* KVM_ISA_* */

struct fs_ev_vmexit {
	struct fs_ev h;   /* ts: kvm_entry */
	__u64 ts_exit;    /* kvm_exit; 0 = the vCPU's first entry, no exit went before it */
	__u64 rip;        /* guest RIP of the exit; 0 when it could not be read */
	__u64 info1;      /* exit qualification / EXITINFO1 */
	__u64 info2;      /* EXITINFO2 (SVM: GPA of an NPF) or 0 */
	__u64 gpa;        /* of the first kvm_page_fault, bytes; else of the NPF */
	__u64 error_code; /* of the first kvm_page_fault, PFERR_*; else of the NPF */
	__u64 hva;        /* host address of the first handle_mm_fault, 0 when not seen */
	__u64 mm_ns;      /* time inside handle_mm_fault (function probe), 0 when not seen */
	__u32 reason;     /* SVM exit_code or VMX exit_reason */
	__u16 isa;        /* enum fs_isa */
	__u16 vcpu_id;
	__u32 hints;       /* FS_H_* */
	__u16 n_pf;        /* kvm_page_fault count */
	__u16 n_hmm;       /* handle_mm_fault count */
	__u32 cache_pages; /* pages added to the page cache */
	__u16 n_bio;
	__u16 n_alloc; /* user pages allocated (mm_page_alloc, movable) */
	__u32 stack;   /* host kernel stack of the fault, or FS_NO_STACK */
	__u32 run_ns;  /* from the KVM_RUN call to this entry when that call began inside the
			* segment (FS_H_USER or ts_exit 0); 0 = not so, ~0u = longer than it holds */
};

struct fs_ev_offcpu {
	struct fs_ev h; /* ts: switched in again; cpu: where it runs now */
	__u64 ts_out;
	__u64 ts_wake;      /* 0 = none seen (see FS_W_PREEMPT, FS_W_UNSEEN) */
	__u64 work;         /* work item or bio behind the wake-up, 0 */
	__u64 throttled_ns; /* quota throttling as the kernel accounts it, while it wanted to run:
			     * inside [ts_wake, ts], or [ts_out, ts] when it never slept */
	__u32 waker_tid, waker_tgid;
	__u32 waker_flags; /* FS_W_* */
	__u32 prev_state;  /* task state at switch-out: TASK_* (0 = running, preempted) */
	__u32 next_tid;    /* who got the CPU at switch-out */
	__u32 prev_tid;    /* who left the CPU at switch-in */
	__u32 stack;       /* host kernel stack at switch-out */
	__u16 cpu_out;
	__u16 iowait; /* task->in_iowait at switch-out */
	char next_comm[FS_COMM_LEN];
	char prev_comm[FS_COMM_LEN];
	char waker_comm[FS_COMM_LEN];
};

struct fs_ev_wake {
	struct fs_ev h; /* the waker */
	__u32 target_tid, target_tgid;
	__u32 waker_flags;
	__u32 pad;
};

struct fs_ev_signal {
	struct fs_ev h; /* the sender */
	__u32 target_tid, target_tgid;
	__u32 sig;
	__u32 pad;
};

struct fs_ev_syscall {
	struct fs_ev h; /* ts: return */
	__u64 ts_start;
	__s64 ret;
	__u64 arg[4];
	__u32 nr; /* x86-64 number */
	__u32 pad;
};

struct fs_ev_open {
	struct fs_ev h;
	__u64 ts_start;
	__s32 fd;  /* or negative errno */
	__u32 dev; /* of the file; as stat(2) of the kernel's inside: major << 20 | minor */
	char path[112];
	__u64 ino; /* 0 = not known */
};

struct fs_ev_mmap {
	struct fs_ev h;
	__u64 ts_start;
	__u64 addr, size, offset; /* bytes; addr 0 = failed */
	__u64 ino;                /* 0 = anonymous */
	__u32 dev;
	__s32 fd;
	__u32 prot, map_flags; /* as asked; MAP_HUGETLB also of a file on hugetlbfs */
};

struct fs_ev_irq_set {
	struct fs_ev h;
	__u32 gsi;
	__s32 level;
	__s32 source;
	__u32 pad;
};

struct fs_ev_irq_msi {
	struct fs_ev h;
	__u64 addr, data; /* vector = data & 0xff */
};

struct fs_ev_irq_accept {
	struct fs_ev h;
	__u32 apicid;
	__u16 delivery_mode, trigger_mode;
	__u32 vector;
	__u32 pad;
};

struct fs_ev_irq_inject {
	struct fs_ev h;
	__u32 vector;
	__u16 soft, reinjected;
	__u32 vcpu_id;
	__u32 pad;
};

struct fs_ev_halt {
	struct fs_ev h; /* ts: the halt ended */
	__u64 ns;       /* how long, as KVM says */
	__u16 waited;   /* 0 = polling was enough */
	__u16 valid;
	__u32 vcpu_id;
};

struct fs_ev_tsc_offset {
	struct fs_ev h;
	__u64 prev, next;
	__u32 vcpu_id;
	__u32 pad;
};

struct fs_ev_pvclock {
	struct fs_ev h;
	__u64 tsc_timestamp, system_time;
	__u32 tsc_to_system_mul;
	__s32 tsc_shift;
	__u32 pv_flags, version;
	__u32 vcpu_id;
	__u32 pad;
};

struct fs_ev_mmfault {
	struct fs_ev h; /* ts: end (function probe), or the fault itself */
	__u64 ts_start;
	__u64 addr, ip;
	__u32 error_code; /* of the exception, 0 through get_user_pages */
	__u32 hints;      /* FS_H_* */
	__u32 cache_pages;
	__u16 n_bio;
	__u16 has_end; /* 1 = [ts_start, ts] is its length; 0 = length unknown */
	__u32 stack;
	__u32 pad;
};

struct fs_ev_bio {
	struct fs_ev h; /* ts: completion; tid/tgid/vm: who submitted it */
	__u64 ts_start;
	__u64 bio, sector;
	__u64 work; /* tracked work item that submitted it (asynchronous page fault), 0 */
	__u32 dev;  /* kernel's encoding: major << 20 | minor */
	__u32 bytes;
	__u32 op; /* REQ_OP_* */
	__s32 status;
	__u32 stack;
	__u32 pad;
};

struct fs_ev_work {
	struct fs_ev h; /* the worker; ts: end of execution */
	__u64 ts_queue, ts_start;
	__u64 work, func;
	__u32 queuer_tid, queuer_tgid;
	__u32 hints; /* FS_H_* of what the worker did (CACHE_ADD, BIO, UFFD, ...) */
	__u32 cache_pages;
	__u64 offcpu_ns; /* blocked or waiting during the execution */
	__u32 stack;     /* of its longest sleep */
	__u32 pad;
};

enum fs_apf_op {
	FS_APF_NOT_PRESENT = 1, /* a = token, b = gva */
	FS_APF_READY,           /* a = token, b = gva */
	FS_APF_REPEATED,        /* a = gva, b = gfn */
	FS_APF_COMPLETED,       /* a = hva, b = gva */
	FS_APF_TRY,             /* a = gva, b = gfn */
};

struct fs_ev_apf {
	struct fs_ev h;
	__u64 a, b;
	__u32 op;
	__u32 pad;
};

struct fs_ev_uffd {
	struct fs_ev h; /* ts: the wait ended */
	__u64 ts_start;
	__u64 addr;
	__u32 uffd_flags;
	__u32 stack;
};

/* struct fs_ev_net_tx.what */
enum { FS_NET_FIRST = 1 << 0, FS_NET_STAGE = 1 << 1, FS_NET_SYNACK = 1 << 2 };

struct fs_ev_net_tx {
	struct fs_ev h;       /* the thread that wrote to the TAP */
	__u32 ifindex, netns; /* netns: inode number */
	__u32 what;
	__u16 eth_proto, sport, dport, len; /* host order; len: bytes of the packet */
	__u8 saddr[4], daddr[4];
	__u16 payload_len; /* bytes in payload */
	__u16 pad[3];
	char ifname[16];
	char payload[96]; /* of a stage= datagram: hostile, not terminated */
	__u32 pad2;
};

struct fs_ev_pio {
	struct fs_ev h;
	__u32 port, size, count, rw; /* rw: 1 = write */
	__u64 value;                 /* of a write, its first bytes */
};

struct fs_ev_mark {
	struct fs_ev h; /* tgid: the VMM that the mark is for, 0 = every fork; cpu 0xffff */
	char name[64];
};

/* A thread's state when the recording was ended: what paired records would have held later. */
struct fs_ev_flush {
	struct fs_ev h;
	__u64 ts_exit; /* in an exit segment since (0 = no) */
	__u64 ts_out;  /* off its CPU since (0 = no) */
	__u64 ts_wake; /* woken at (0 = no) */
	__u64 ts_run;  /* in KVM_RUN since (0 = no) */
	__u64 ts_user; /* back in user space since (0 = no) */
	__u32 vcpu_id;
	__u32 prev_state;
	__u32 reason;
	__u32 hints;
};

struct fs_ev_clock {
	struct fs_ev h;  /* ts: mono_ns; cpu 0xffff */
	__u64 tsc;       /* middle of two reads around the others */
	__u64 tsc_width; /* between the two, cycles: the uncertainty */
	__u64 mono_ns, raw_ns;
	__u32 on_cpu; /* on which they were read */
	__u32 pad;
};

#define FS_ANY_CPU 0xffffffffu

/*
 * What a program would have recorded is missing: the kernel skips one that is met while the same
 * program is under way on that CPU (interrupted, or preempted inside).
 */
struct fs_ev_missed {
	struct fs_ev h; /* ts: of the reading that found them; cpu 0xffff */
	__u64 ts_start; /* of the reading before */
	__u64 runs;     /* of twins (two programs for one event): those that may have lost it */
	__u32 on_cpu;   /* FS_ANY_CPU = the kernel gave the sum over all only */
	__u32 pad;
	char prog[32]; /* a program of src/collect/bpf/host_hooks.def */
};

#define FS_CHECK(num, name, type, doc)                                                       \
	_Static_assert(sizeof(struct type) % 8 == 0, #name " is not a multiple of 8 bytes"); \
	_Static_assert(sizeof(struct type) <= 512, #name " is longer than a record may be");
FS_EVENT_KINDS(FS_CHECK)
#undef FS_CHECK
_Static_assert(sizeof(struct fs_ev) == 32, "record header");
_Static_assert(sizeof(struct fs_ev_vmexit) == 128, "the hot record: two cache lines");

#endif
