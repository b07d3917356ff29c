/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a vCPU thread: exit to entry as one record with what happened between folded in,
 * KVM_RUN, halts, port and memory-mapped I/O.
 * KVM may be a module: every pointer argument needs its check for NULL (6.12 and later).
 */
#include "kvm.bpf.h"

#define SVM_EXIT_NPF 0x400
#define PFERR_WRITE  0x2 /* same bit in EPT exit qualifications */

/* A thread enters or leaves a guest and is not known: its VM is older than the recording. */
static FS_SUBPROG struct fs_thr *fs_vcpu_stranger(__u64 id)
{
	struct fs_proc *p = fs_proc_of(id >> 32);

	if (!p && knobs.match & FS_MATCH_ALL)
		p = fs_proc_add((void *)bpf_get_current_task(), FS_WHY_KVM);
	return p ? fs_thr_get(id, id >> 32, p) : NULL;
}

/* From the newest KVM_RUN call to this entry, when the call began inside the segment. */
static __always_inline __u32 fs_run_ns(const struct fs_thr *t, __u64 now)
{
	__u64 ns = now - t->run_ts;

	if (!t->run_ts || t->run_ts < t->x_ts)
		return 0;
	return ns < ~0u ? ns : ~0u;
}

static __always_inline void fs_emit_vmexit(struct fs_thr *t, __u64 id, __u64 now)
{
	__u64 gpa = t->x_gpa, error_code = t->x_error_code;
	__u32 hints;

	/* The kernel may have skipped kvm_page_fault: the exit of a nested fault has both. */
	if (!t->x_n_pf && t->x_isa == FS_ISA_SVM && t->x_reason == SVM_EXIT_NPF) {
		error_code = t->x_info1;
		gpa = t->x_info2;
	}
	hints = fs_acc_hints(&t->x, error_code & PFERR_WRITE);
	if (t->x_n_pf) {
		struct fs_vm *v = fs_vm_find(t->kvm);

		if (v && v->inval != t->x_inval)
			hints |= FS_H_INVALIDATED;
	}
	FS_EMIT(vmexit, VMEXIT, e, id, t->vm, 0, now)
	{
		e->ts_exit = t->x_ts;
		e->rip = t->x_rip;
		e->info1 = t->x_info1;
		e->info2 = t->x_info2;
		e->gpa = gpa;
		e->error_code = error_code;
		e->hva = t->x_hva;
		e->mm_ns = t->x_mm_ns;
		e->reason = t->x_reason;
		e->isa = t->x_isa;
		e->vcpu_id = t->vcpu_id;
		e->hints = hints;
		e->n_pf = t->x_n_pf;
		e->n_hmm = t->x_n_hmm;
		e->cache_pages = t->x.cache_pages;
		e->n_bio = t->x.n_bio;
		e->n_alloc = t->x.n_alloc;
		e->stack = t->x.stack;
		e->run_ns = fs_run_ns(t, now);
	}
}

/*
 * A thread enters a vCPU that we have not seen it run: made before us, or its KVM_RUN was missed.
 * Returns whether this is the vCPU's first entry. Any other has no record: its exit was not
 * seen.
 */
static FS_SUBPROG int fs_entry_unbound(struct fs_thr *t, __u64 vcpu, __u64 id)
{
	struct fs_vcpu *v = fs_thr_bind(t, vcpu);

	if (!t || !v || v->ran)
		return 0;
	t->x_ts = 0;
	/* after what binding has recorded of the VM */
	fs_first_run(v, vcpu, id, FS_F_LATE, bpf_ktime_get_ns());
	return 1;
}

SEC("?tp_btf/kvm_entry")
int FS_PROG(fs_kvm_entry, struct kvm_vcpu *vcpu)
{
	struct fs_thr *t;
	__u64 id;
	bool record;

	if (!vcpu)
		return 0;
	t = fs_vcpu_self(&id);
	if (!t) {
		t = fs_vcpu_stranger(id);
		if (!t)
			return 0;
	}
	if (t->vcpu != (__u64)vcpu)
		record = fs_entry_unbound(t, (__u64)vcpu, id);
	else
		record = t->x_ts || (t->run_ts && !(t->flags & FS_T_ENTERED));
	if (record)
		fs_emit_vmexit(t, id, bpf_ktime_get_ns());
	t->flags |= FS_T_ENTERED;
	t->user_ts = 0; /* should its KVM_RUN have been missed, ... */
	t->f_ts = 0;    /* ... or the end of a fault */
	t->x_ts = 0;
	return 0;
}

/* Opens an exit segment. */
static __always_inline struct fs_thr *fs_exit_begin(__u64 *id)
{
	struct fs_thr *t = fs_vcpu_self(id);

	if (!t) {
		t = fs_vcpu_stranger(*id);
		if (!t)
			return NULL;
	}
	t->x_rip = t->x_info1 = t->x_info2 = 0;
	t->x_gpa = t->x_error_code = 0;
	t->x_hva = t->x_mm_ns = 0;
	t->x_n_pf = t->x_n_hmm = 0;
	fs_acc_reset(&t->x);
	t->x_ts = bpf_ktime_get_ns();
	return t;
}

SEC("?tp_btf/kvm_exit")
int FS_PROG(fs_kvm_exit, struct kvm_vcpu *vcpu, u32 isa)
{
	struct { /* as the processor lays them out; the upper half of the code is not used */
		__u32 exit_code, exit_code_hi;
		__u64 exit_info_1, exit_info_2;
	} r;
	struct fs_thr *t;
	struct vmcb *vmcb;
	__u64 id;

	if (!vcpu)
		return 0;
	t = fs_exit_begin(&id);
	if (!t)
		return 0;
	if (t->vcpu != (__u64)vcpu)
		fs_thr_bind(t, (__u64)vcpu);
	t->x_isa = isa;
	t->x_reason = ~0u;
	if (isa != FS_ISA_SVM || !bpf_core_type_exists(struct vcpu_svm))
		return 0;
	vmcb = BPF_CORE_READ((struct vcpu_svm *)vcpu, vmcb);
	t->x_rip = BPF_CORE_READ(vmcb, save.rip);
	if (bpf_probe_read_kernel(&r, sizeof(r), &vmcb->control.exit_code))
		return 0;
	t->x_reason = r.exit_code;
	t->x_info1 = r.exit_info_1;
	t->x_info2 = r.exit_info_2;
	return 0;
}

/* Where reason and RIP come from the processor's VMCS (Intel): KVM's own decoded record. */
SEC("?tracepoint/kvm/kvm_exit")
int FS_PERF_PROG(fs_kvm_exit_classic, struct trace_event_raw_kvm_exit)
{
	struct fs_thr *t;
	__u64 id;

	t = fs_exit_begin(&id);
	if (!t)
		return 0;
	t->x_isa = ctx->isa;
	t->x_reason = ctx->exit_reason;
	t->x_rip = ctx->guest_rip;
	t->x_info1 = ctx->info1;
	t->x_info2 = ctx->info2;
	return 0;
}

static __always_inline int fs_userspace_exit(__u32 reason, int err)
{
	struct fs_thr *t;
	__u64 id, now;

	t = fs_vcpu_self(&id);
	if (!t) {
		t = fs_vcpu_stranger(id);
		if (!t)
			return 0;
	}
	now = bpf_ktime_get_ns();
	if (t->x_ts)
		t->x.hints |= FS_H_USER;
	FS_EMIT(run, RUN, e, id, t->vm, t->run_ts ? 0 : FS_F_LATE, now)
	{
		e->ts_start = t->run_ts;
		e->reason = reason;
		e->error = err;
		e->vcpu_id = t->vcpu_id;
		e->pad = 0;
	}
	t->run_ts = 0;
	t->user_ts = now;
	return 0;
}

SEC("?tp_btf/kvm_userspace_exit")
int FS_PROG(fs_kvm_userspace_exit, u32 reason, int err)
{
	return fs_userspace_exit(reason, err);
}

SEC("?tracepoint/kvm/kvm_userspace_exit")
int FS_PERF_PROG(fs_userspace_exit_perf, struct trace_event_raw_kvm_userspace_exit)
{
	return fs_userspace_exit(ctx->reason, ctx->errno);
}

SEC("?tp_btf/kvm_vcpu_wakeup")
int FS_PROG(fs_kvm_vcpu_wakeup, u64 ns, bool waited, bool valid)
{
	struct fs_thr *t;
	__u64 id;

	t = fs_vcpu_self(&id);
	if (!t)
		return 0;
	if (t->x_ts)
		t->x.hints |= FS_H_HALT;
	FS_EMIT(halt, HALT, e, id, t->vm, 0, bpf_ktime_get_ns())
	{
		e->ns = ns;
		e->waited = waited;
		e->valid = valid;
		e->vcpu_id = t->vcpu_id;
	}
	return 0;
}

static __always_inline int fs_hint(__u32 hint)
{
	struct fs_thr *t;
	__u64 id;

	t = fs_vcpu_self(&id);
	if (t && t->x_ts)
		t->x.hints |= hint;
	return 0;
}

SEC("?tp_btf/kvm_mmio")
int FS_PROG(fs_kvm_mmio)
{
	return fs_hint(FS_H_MMIO);
}

SEC("?tp_btf/kvm_fast_mmio")
int FS_PROG(fs_kvm_fast_mmio)
{
	return fs_hint(FS_H_MMIO);
}

static __always_inline int fs_pio(struct fs_thr *t, __u64 id, __u32 rw, __u32 port, __u32 size,
				  __u32 count, __u64 value)
{
	FS_EMIT(pio, PIO, e, id, t->vm, 0, bpf_ktime_get_ns())
	{
		e->port = port;
		e->size = size;
		e->count = count;
		e->rw = rw;
		e->value = rw ? value : 0;
	}
	return 0;
}

static __always_inline __u32 fs_pio_bytes(__u32 size)
{
	return size == 1 ? 1 : size == 2 ? 2 : 4;
}

SEC("?tp_btf/kvm_pio")
int FS_PROG(fs_kvm_pio, unsigned int rw, unsigned int port, unsigned int size, unsigned int count,
	    const void *data)
{
	struct fs_thr *t;
	__u64 id, value = 0;

	t = fs_vcpu_self(&id);
	if (!t)
		return 0;
	if (rw && data)
		bpf_probe_read_kernel(&value, fs_pio_bytes(size), data);
	return fs_pio(t, id, rw, port, size, count, value);
}

SEC("?tracepoint/kvm/kvm_pio")
int FS_PERF_PROG(fs_kvm_pio_perf, struct trace_event_raw_kvm_pio)
{
	struct fs_thr *t;
	__u64 id;

	t = fs_vcpu_self(&id);
	return t ? fs_pio(t, id, ctx->rw, ctx->port, ctx->size, ctx->count, ctx->val) : 0;
}

/* 6.12 does not let us have `data`: the value of a single OUT is in the guest's RAX. */
SEC("?tp_btf/kvm_pio")
int FS_PROG(fs_kvm_pio_rax, unsigned int rw, unsigned int port, unsigned int size,
	    unsigned int count)
{
	__u64 id, value = 0;
	struct kvm_vcpu *k;
	struct fs_thr *t;

	t = fs_vcpu_self(&id);
	if (!t)
		return 0;
	k = (void *)t->vcpu;
	if (k && count == 1) {
		value = BPF_CORE_READ(k, arch.regs[0]);
		value &= ~0ull >> (64 - 8 * fs_pio_bytes(size));
	}
	return fs_pio(t, id, rw, port, size, count, value);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
