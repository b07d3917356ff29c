/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's MMU: faults of the guest as hints in the exit segment, the steps of asynchronous page
 * faults, mappings that the host takes away.
 */
#include "kvm.bpf.h"

static __always_inline int fs_page_fault(__u64 addr, __u64 error_code)
{
	struct fs_thr *t;
	struct fs_vm *v;
	__u64 id;

	t = fs_vcpu_self(&id);
	if (!t || !t->x_ts)
		return 0;
	t->x.hints |= FS_H_PF;
	if (t->x_n_pf++)
		return 0;
	t->x_gpa = addr;
	t->x_error_code = error_code;
	v = fs_vm_find(t->kvm);
	if (v)
		t->x_inval = v->inval;
	return 0;
}

SEC("?tp_btf/kvm_page_fault")
int FS_PROG(fs_kvm_page_fault, struct kvm_vcpu *vcpu, u64 addr, u64 error_code)
{
	return fs_page_fault(addr, error_code);
}

SEC("?tracepoint/kvm/kvm_page_fault")
int FS_PERF_PROG(fs_page_fault_perf, struct trace_event_raw_kvm_page_fault)
{
	return fs_page_fault(ctx->fault_address, ctx->error_code);
}

/*
 * RET_PF_FIXED and RET_PF_SPURIOUS are 4 and 5 up to 6.1, 5 and 6 later, in an enum without a name:
 * a changed entry means "fixed".
 */
SEC("?tp_btf/fast_page_fault")
int FS_PROG(fs_fast_page_fault, struct kvm_vcpu *vcpu, struct kvm_page_fault *fault, u64 *sptep,
	    u64 old_spte, int ret)
{
	struct fs_thr *t;
	__u64 id, spte;

	t = fs_vcpu_self(&id);
	if (!t || !t->x_ts || ret < 4)
		return 0;
	if (!sptep || bpf_probe_read_kernel(&spte, sizeof(spte), sptep))
		return 0;
	if (spte != old_spte)
		t->x.hints |= FS_H_FASTPF;
	else if (ret >= 5)
		t->x.hints |= FS_H_SPURIOUS;
	return 0;
}

/* Steps of an asynchronous page fault; `completed` runs in the kernel worker that read the page. */
static __always_inline int fs_apf(enum fs_apf_op op, __u64 a, __u64 b, __u32 hint)
{
	struct fs_self s;

	if (!fs_self(&s))
		return 0;
	if (s.t->x_ts)
		s.t->x.hints |= hint;
	FS_EMIT(apf, APF, e, s.id, s.vm, 0, bpf_ktime_get_ns())
	{
		e->a = a;
		e->b = b;
		e->op = op;
		e->pad = 0;
	}
	return 0;
}

SEC("?tp_btf/kvm_async_pf_not_present")
int FS_PROG(fs_apf_not_present, u64 token, u64 gva)
{
	return fs_apf(FS_APF_NOT_PRESENT, token, gva, FS_H_APF_NOT_PRESENT);
}

SEC("?tp_btf/kvm_async_pf_ready")
int FS_PROG(fs_apf_ready, u64 token, u64 gva)
{
	return fs_apf(FS_APF_READY, token, gva, FS_H_APF_READY);
}

SEC("?tp_btf/kvm_async_pf_repeated_fault")
int FS_PROG(fs_apf_repeated, u64 gva, u64 gfn)
{
	return fs_apf(FS_APF_REPEATED, gva, gfn, FS_H_APF_REPEATED);
}

SEC("?tp_btf/kvm_async_pf_completed")
int FS_PROG(fs_apf_completed, unsigned long address, u64 gva)
{
	return fs_apf(FS_APF_COMPLETED, address, gva, 0);
}

SEC("?tp_btf/kvm_try_async_get_page")
int FS_PROG(fs_apf_try, u64 gva, u64 gfn)
{
	return fs_apf(FS_APF_TRY, gva, gfn, 0);
}

SEC("?fentry/kvm_mmu_notifier_invalidate_range_start")
int FS_FN_PROG(fs_mn_invalidate, struct mmu_notifier *mn)
{
	__u64 kvm = (__u64)mn - bpf_core_field_offset(struct kvm, mmu_notifier);
	struct fs_vm *v = fs_vm_find(kvm);

	if (v)
		v->inval++;
	return 0;
}

/* Without the VM at hand: an invalidation by a thread of the VMM itself. */
SEC("?tp_btf/kvm_unmap_hva_range")
int FS_PROG(fs_unmap_hva)
{
	struct fs_self s;
	struct fs_vm *v;

	if (!fs_self(&s))
		return 0;
	v = fs_vm_find(s.t->kvm ? s.t->kvm : s.p->kvm);
	if (v)
		v->inval++;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
