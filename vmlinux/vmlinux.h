/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel types that the BPF programs use, and of those only the members that they use: every
 * access is relocated (CO-RE), so order, offsets and what is left out do not matter. Written by
 * hand; tools/check-vmlinux holds it against the BTF of a kernel. x86-64.
 *
 * A type whose member was renamed or changed its shape has flavours (NAME___WHAT): the loader
 * strips the suffix. Programs ask bpf_core_field_exists() which of them this kernel has.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u8 u8;
typedef __s8 s8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
enum { false = 0, true = 1 };

#define NULL ((void *)0)

/* Values of the BPF interface (stable), not of this kernel. */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_STACK_TRACE = 7,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_EXIST = 2 };
enum { BPF_RB_NO_WAKEUP = 1 };
enum { BPF_F_MMAPABLE = 1 << 10 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs {
	unsigned long di;
	unsigned long si;
	unsigned long dx;
	unsigned long cx;
	unsigned long ax;
	unsigned long r8;
	unsigned long r9;
	unsigned long r10;
	unsigned long orig_ax;
	unsigned long ip;
	unsigned long sp;
	unsigned long bp;
};

/* ---- tasks and files ---- */

struct ns_common {
	unsigned int inum;
};

struct signal_struct {
	struct {
		int counter;
	} live;
	unsigned int flags;
};

struct super_block {
	u32 s_dev;
	unsigned char s_blocksize_bits;
	unsigned long s_magic;
};

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct cfs_bandwidth {
	u64 throttled_time;
};

struct task_group {
	struct cfs_bandwidth cfs_bandwidth;
	struct task_group *parent;
};

struct cfs_rq {
	int throttle_count;
	struct task_group *tg;
};

/* kernel commit "sched/fair: Add throttled_clock_self" (6.6): own time, per run queue */
struct cfs_rq___self {
	u64 throttled_clock_self_time;
};

struct sched_entity {
	struct cfs_rq *cfs_rq;
};

struct thread_info {
	u32 cpu;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	int pid;
	int tgid;
	char comm[16];
	u64 start_time;
	int exit_code;
	unsigned int flags;
	unsigned int in_iowait : 1;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct signal_struct *signal;
	struct files_struct *files;
	struct sched_entity se;
};

/* per-task quota throttling (6.18) */
struct task_struct___throttled {
	bool throttled;
};

struct linux_binprm {
	const char *filename;
};

/* ---- memory ---- */

/* folio->flags: a plain word, then struct memdesc_flags_t (6.18) of the same bytes */
struct folio {
	unsigned long flags;
	unsigned int _folio_nr_pages;
};

struct memdesc_flags_t {
	unsigned long f;
};

struct folio___nr {
	struct memdesc_flags_t flags;
	unsigned int _nr_pages;
};

enum pageflags {
	PG_head = 6,
};

struct page;
struct address_space;

struct vm_area_struct {
	unsigned long vm_flags;
	struct file *vm_file;
};

enum fault_flag {
	FAULT_FLAG_WRITE = 0x1,
	FAULT_FLAG_USER = 0x40,
	FAULT_FLAG_INSTRUCTION = 0x100,
};

struct vm_fault {
	unsigned long address;
	enum fault_flag flags;
};

struct mmu_notifier {
	void *ops;
};

struct mmu_notifier_range {
	unsigned long start;
};

/* ---- block ---- */

struct block_device {
	u32 bd_dev;
};

struct bvec_iter {
	u64 bi_sector;
	unsigned int bi_size;
};

struct bio {
	struct bio *bi_next;
	struct block_device *bi_bdev;
	unsigned int bi_opf;
	u8 bi_status;
	struct bvec_iter bi_iter;
};

struct request {
	struct bio *bio;
};

struct request_queue;

/* ---- timers and work ---- */

struct hrtimer;
struct timer_list;
struct work_struct {
	void (*func)(struct work_struct *work);
};

struct pool_workqueue;

struct irqaction {
	const char *name;
};

/* ---- network ---- */

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct rtnl_link_ops {
	const char *kind;
};

struct net_device {
	char name[16];
	int ifindex;
	possible_net_t nd_net;
	const struct rtnl_link_ops *rtnl_link_ops;
};

struct sk_buff {
	struct net_device *dev;
	unsigned int len;
	unsigned int data_len;
	__be16 protocol;
	__u16 mac_header;
	unsigned char *head;
	unsigned char *data;
};

struct nlmsghdr {
	__u16 nlmsg_type;
};

struct sock_common {
	__be16 skc_dport;
};

struct sock {
	struct sock_common __sk_common;
};

struct msghdr {
	void *msg_name;
};

/* ---- KVM: in kvm.ko's own BTF where KVM is a module ---- */

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct kvm_memory_slot {
	struct hlist_node id_node[2];
	u64 base_gfn;
	unsigned long npages;
	unsigned long userspace_addr;
	u32 flags;
	short id;
	u16 as_id;
};

struct kvm_memslots {
	struct hlist_head id_hash[128];
	int node_idx;
};

struct kvm {
	unsigned long nr_memslot_pages;
	struct kvm_memslots *memslots[2];
	struct mmu_notifier mmu_notifier;
};

struct pid;

struct kvm_vcpu_arch {
	unsigned long regs[17];
	unsigned long cr0;
	unsigned long cr3;
	unsigned long cr4;
	u64 efer;
};

/* RIP left the array of registers (7.3) */
struct kvm_vcpu_arch___rip {
	unsigned long rip;
};

struct kvm_vcpu {
	struct kvm *kvm;
	int vcpu_id;
	struct pid *pid;
	struct kvm_vcpu_arch arch;
};

struct kvm_vcpu___rip {
	struct kvm_vcpu_arch___rip arch;
};

struct kvm_lapic {
	struct kvm_vcpu *vcpu;
};

struct wait_queue_entry {
	unsigned int flags;
};

struct kvm_kernel_irqfd {
	struct kvm *kvm;
	struct wait_queue_entry wait;
};

struct kvm_page_fault;

struct pvclock_vcpu_time_info {
	u32 version;
	u64 tsc_timestamp;
	u64 system_time;
	u32 tsc_to_system_mul;
	s8 tsc_shift;
	u8 flags;
};

/* kvm_amd's BTF only; exit_code became u64 (7.3): read by its size */
struct vmcb_control_area {
	u64 exit_code;
	u64 exit_info_1;
	u64 exit_info_2;
};

struct vmcb_save_area {
	u64 rip;
};

struct vmcb {
	struct vmcb_control_area control;
	struct vmcb_save_area save;
};

struct vcpu_svm {
	struct kvm_vcpu vcpu;
	struct vmcb *vmcb;
};

struct trace_event_raw_kvm_exit {
	unsigned int exit_reason;
	unsigned long guest_rip;
	u32 isa;
	u64 info1;
	u64 info2;
};

struct trace_event_raw_kvm_userspace_exit {
	u32 reason;
	int errno;
};

struct trace_event_raw_kvm_page_fault {
	u64 fault_address;
	u64 error_code;
};

struct trace_event_raw_kvm_pio {
	unsigned int rw;
	unsigned int port;
	unsigned int size;
	unsigned int count;
	unsigned int val;
};

struct trace_event_raw_mm_page_alloc {
	unsigned int order;
	unsigned long gfp_flags;
};

struct trace_event_raw_mm_filemap_op_page_cache {
	unsigned char order;
};

struct trace_event_raw_sys_enter {
	long id;
	unsigned long args[6];
};

struct trace_event_raw_sys_exit {
	long ret;
};

struct bpf_prog_stats {
	struct {
		u64 v;
	} misses;
};

struct bpf_prog {
	struct bpf_prog_stats *stats; /* per CPU */
};

struct bpf_array {
	void *pptrs[0]; /* per CPU */
};

/* Guard of ordinary tracepoints where they no longer turn preemption off (7.0). */
typedef struct {
	void *lock;
} class_srcu_fast_notrace_t;

#pragma clang attribute pop

#endif
