/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host memory faults: of the VMM's own threads as MMFAULT records, of KVM's faults as hints in the
 * exit segment, of asynchronous faults as hints of the work item.
 */
#include "kvm.bpf.h"

#define VM_SHARED       0x8
#define VM_HUGETLB      0x400000
#define HUGE_2M_SHIFT   21
#define HUGE_1G_SHIFT   30
#define X86_PF_WRITE    0x2
#define X86_PF_USER     0x4
#define X86_PF_INSTR    0x10
#define VM_FAULT_MAJOR  0x4

/*
 * A stack costs some microseconds, many times what a minor fault does: only faults that took long
 * get one. Block I/O and switches take their own.
 */
#define FS_STACK_MIN_NS 250000

/* ---- page faults as exceptions: where no function probe sees them ---- */

static __always_inline int fs_exception(__u64 addr, __u64 ip, __u64 error)
{
	__u64 id, now;
	__u32 vm;

	if (knobs.has_hmm_probe)
		return 0;
	if (!fs_self_cached(&id, &vm)) {
		struct fs_self s;

		if (!fs_self(&s))
			return 0;
		if (s.t->x_ts && !s.t->user_ts) { /* KVM's own, in an exit segment: part of it */
			if (!s.t->x_n_hmm++)
				s.t->x_hva = addr;
			return 0;
		}
		fs_self_cache(&s);
		id = s.id;
		vm = s.vm;
	}
	now = bpf_ktime_get_ns();
	FS_EMIT(mmfault, MMFAULT, e, id, vm, 0, now)
	{
		e->ts_start = now;
		e->addr = addr;
		e->ip = ip;
		e->error_code = error;
		e->hints = 0;
		e->cache_pages = 0;
		e->n_bio = 0;
		e->has_end = 0;
		e->stack = FS_NO_STACK;
		e->pad = 0;
	}
	return 0;
}

SEC("?tp_btf/page_fault_user")
int FS_PROG(fs_page_fault_user, unsigned long addr, struct pt_regs *regs, unsigned long error)
{
	return fs_exception(addr, regs->ip, error);
}

SEC("?tp_btf/page_fault_kernel")
int FS_PROG(fs_page_fault_kernel, unsigned long addr, struct pt_regs *regs, unsigned long error)
{
	return fs_exception(addr, regs->ip, error);
}

/* ---- handle_mm_fault: class and length ---- */

/* The file system of hugetlb memory, also of anonymous memory, has blocks of its pages' size. */
static __always_inline __u32 fs_hugetlb_hints(struct vm_area_struct *vma)
{
	__u8 shift = BPF_CORE_READ(vma, vm_file, f_inode, i_sb, s_blocksize_bits);
	__u32 hints = FS_H_HUGETLB;

	if (knobs.has_huge_copy && knobs.has_huge_zero)
		hints |= FS_H_HUGE_SEEN;
	if (shift == HUGE_2M_SHIFT)
		hints |= FS_H_HUGE_2M;
	if (shift == HUGE_1G_SHIFT)
		hints |= FS_H_HUGE_1G;
	return hints;
}

static __always_inline int fs_hmm_begin(struct vm_area_struct *vma, unsigned long addr,
					unsigned int flags, struct pt_regs *regs)
{
	__u32 hints = FS_H_HMM | FS_H_VMA_KNOWN;
	unsigned long vm_flags;
	struct fs_self s;
	struct fs_acc *a;

	if (!fs_self(&s))
		return 0;
	if ((!s.t->x_ts || s.t->user_ts) && !(s.t->flags & FS_T_WORKER))
		fs_acc_reset(&s.t->f);
	s.t->f_ts = bpf_ktime_get_ns();
	s.t->f_addr = addr;
	s.t->f_flags = flags;
	s.t->f_vm = s.vm;
	s.t->f_exc = !!regs; /* get_user_pages has none */
	s.t->f_ip = regs ? BPF_CORE_READ(regs, ip) : 0;
	a = fs_acc_of(s.t);
	if (!a)
		return 0;
	vm_flags = BPF_CORE_READ(vma, vm_flags);
	if (vm_flags & VM_SHARED)
		hints |= FS_H_VMA_SHARED;
	if (BPF_CORE_READ(vma, vm_file))
		hints |= FS_H_VMA_FILE;
	if (vm_flags & VM_HUGETLB)
		hints |= fs_hugetlb_hints(vma);
	a->hints |= hints;
	return 0;
}

/* The exception's error code as far as the fault's flags show: write, user, instruction fetch. */
static __always_inline __u32 fs_error_code(const struct fs_thr *t)
{
	if (!t->f_exc)
		return 0;
	return (t->f_flags & FAULT_FLAG_WRITE ? X86_PF_WRITE : 0) |
	       (t->f_flags & FAULT_FLAG_USER ? X86_PF_USER : 0) |
	       (t->f_flags & FAULT_FLAG_INSTRUCTION ? X86_PF_INSTR : 0);
}

static __always_inline void fs_emit_mmfault(struct fs_thr *t, __u64 id, __u64 now)
{
	FS_EMIT(mmfault, MMFAULT, e, id, t->f_vm, 0, now)
	{
		e->ts_start = t->f_ts;
		e->addr = t->f_addr;
		e->ip = t->f_ip;
		e->error_code = fs_error_code(t);
		e->hints = fs_acc_hints(&t->f, t->f_flags & FAULT_FLAG_WRITE);
		e->cache_pages = t->f.cache_pages;
		e->n_bio = t->f.n_bio;
		e->has_end = 1;
		e->stack = t->f.stack;
		e->pad = 0;
	}
}

static __always_inline int fs_hmm_end(void *ctx, unsigned int ret)
{
	__u64 id = bpf_get_current_pid_tgid(), now;
	struct fs_thr *t = fs_thr_find(id);
	struct fs_acc *a;

	if (!t || !t->f_ts)
		return 0;
	now = bpf_ktime_get_ns();
	a = fs_acc_of(t);
	if (a) {
		if (ret & VM_FAULT_MAJOR)
			a->hints |= FS_H_MAJOR;
		if (now - t->f_ts >= FS_STACK_MIN_NS)
			fs_acc_stack(ctx, a, t);
	}
	if (a == &t->x) {
		if (!t->x_n_hmm++)
			t->x_hva = t->f_addr;
		t->x_mm_ns += now - t->f_ts;
	} else if (!(t->flags & FS_T_WORKER)) {
		fs_emit_mmfault(t, id, now);
	}
	t->f_ts = 0;
	return 0;
}

SEC("?fentry/handle_mm_fault")
int FS_FN_PROG(fs_hmm_enter, struct vm_area_struct *vma, unsigned long addr, unsigned int flags,
	       struct pt_regs *regs)
{
	return fs_hmm_begin(vma, addr, flags, regs);
}

SEC("?fexit/handle_mm_fault")
int FS_FN_PROG(fs_hmm_exit, struct vm_area_struct *vma, unsigned long addr, unsigned int flags,
	       struct pt_regs *regs, unsigned int ret)
{
	return fs_hmm_end(ctx, ret);
}

SEC("?kprobe/handle_mm_fault")
int BPF_KPROBE(fs_hmm_enter_kp, struct vm_area_struct *vma, unsigned long addr, unsigned int flags,
	       struct pt_regs *regs)
{
	return fs_hmm_begin(vma, addr, flags, regs);
}

SEC("?kretprobe/handle_mm_fault")
int BPF_KRETPROBE(fs_hmm_exit_krp, unsigned long ret)
{
	return fs_hmm_end(ctx, ret);
}

/* As function probes, but with preemption off before and behind us. */
SEC("?kprobe.multi/handle_mm_fault")
int BPF_KPROBE(fs_hmm_enter_multi, struct vm_area_struct *vma, unsigned long addr,
	       unsigned int flags, struct pt_regs *regs)
{
	__u64 began = fs_began();

	fs_hmm_begin(vma, addr, flags, regs);
	fs_ended(began);
	return 0;
}

SEC("?kretprobe.multi/handle_mm_fault")
int BPF_KRETPROBE(fs_hmm_exit_multi, unsigned long ret)
{
	__u64 began = fs_began();

	fs_hmm_end(ctx, ret);
	fs_ended(began);
	return 0;
}

/* Swap-in that had to read; from the swap cache it is not a major fault. */
SEC("?fexit/do_swap_page")
int FS_FN_PROG(fs_do_swap_page, struct vm_fault *vmf, unsigned int ret)
{
	struct fs_thr *t;
	struct fs_acc *a = fs_self_acc(&t);

	if (a && ret & VM_FAULT_MAJOR)
		a->hints |= FS_H_SWAPIN | FS_H_MAJOR;
	return 0;
}

/* ---- userfaultfd ---- */

static __always_inline int fs_uffd_begin(void *ctx, struct vm_fault *vmf)
{
	struct fs_self s;
	struct fs_acc *a;

	if (!fs_self(&s))
		return 0;
	s.t->u_ts = bpf_ktime_get_ns();
	s.t->u_addr = BPF_CORE_READ(vmf, address);
	s.t->u_flags = BPF_CORE_READ(vmf, flags);
	s.t->u_stack = fs_stack(ctx, FS_STACK_FAULT, s.vm);
	a = fs_acc_of(s.t);
	if (a) {
		a->hints |= FS_H_UFFD;
		a->stack = s.t->u_stack;
	}
	return 0;
}

static __always_inline int fs_uffd_end(void)
{
	struct fs_self s;

	if (!fs_self(&s) || !s.t->u_ts)
		return 0;
	FS_EMIT(uffd, UFFD, e, s.id, s.vm, 0, bpf_ktime_get_ns())
	{
		e->ts_start = s.t->u_ts;
		e->addr = s.t->u_addr;
		e->uffd_flags = s.t->u_flags;
		e->stack = s.t->u_stack;
	}
	s.t->u_ts = 0;
	return 0;
}

SEC("?fentry/handle_userfault")
int FS_FN_PROG(fs_uffd_enter, struct vm_fault *vmf)
{
	return fs_uffd_begin(ctx, vmf);
}

SEC("?fexit/handle_userfault")
int FS_FN_PROG(fs_uffd_exit)
{
	return fs_uffd_end();
}

SEC("?kprobe/handle_userfault")
int BPF_KPROBE(fs_uffd_enter_kp, struct vm_fault *vmf)
{
	return fs_uffd_begin(ctx, vmf);
}

SEC("?kretprobe/handle_userfault")
int BPF_KRETPROBE(fs_uffd_exit_krp)
{
	return fs_uffd_end();
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
