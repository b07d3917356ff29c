/* SPDX-License-Identifier: BSD-2-Clause */
/* The clocks of a vCPU: its TSC offset, its kvmclock page. */
#include "thread.bpf.h"

/*
 * A vCPU's clock is recorded once or twice in a fork's life, and without it the guest's clock is
 * known a hundred times less well: too much to lose to the kernel's guard against recursion
 * (core.bpf.c). The guard is one for each program, so a second program with the same body stands
 * beside the first, and runs when that was skipped. When both run, the second has nothing new to
 * record.
 */
static __always_inline int fs_tsc_written(__u32 vcpu_id, __u64 prev, __u64 next)
{
	struct fs_self s;

	if (!fs_self(&s))
		return 0;
	if (s.t->tsc_vcpu == vcpu_id + 1 && s.t->tsc_next == next)
		return 0;
	s.t->tsc_vcpu = vcpu_id + 1;
	s.t->tsc_next = next;
	FS_EMIT(tsc_offset, TSC_OFFSET, e, s.id, s.vm, 0, bpf_ktime_get_ns())
	{
		e->prev = prev;
		e->next = next;
		e->vcpu_id = vcpu_id;
		e->pad = 0;
	}
	return 0;
}

SEC("?tp_btf/kvm_write_tsc_offset")
int FS_PROG(fs_tsc_offset, unsigned int vcpu_id, u64 prev, u64 next)
{
	return fs_tsc_written(vcpu_id, prev, next);
}

SEC("?tp_btf/kvm_write_tsc_offset")
int FS_PROG(fs_tsc_offset_again, unsigned int vcpu_id, u64 prev, u64 next)
{
	return fs_tsc_written(vcpu_id, prev, next);
}

/* Each update has its own version, even and never 0. */
static __always_inline int fs_pvclock_updated(__u32 vcpu_id, struct pvclock_vcpu_time_info *pv)
{
	struct fs_self s;
	__u32 version;
	__u64 tsc;

	if (!pv || !fs_self(&s))
		return 0;
	version = BPF_CORE_READ(pv, version);
	tsc = BPF_CORE_READ(pv, tsc_timestamp);
	if (s.t->pv_version == version && s.t->pv_tsc == tsc)
		return 0;
	s.t->pv_version = version;
	s.t->pv_tsc = tsc;
	FS_EMIT(pvclock, PVCLOCK, e, s.id, s.vm, 0, bpf_ktime_get_ns())
	{
		e->tsc_timestamp = tsc;
		e->system_time = BPF_CORE_READ(pv, system_time);
		e->tsc_to_system_mul = BPF_CORE_READ(pv, tsc_to_system_mul);
		e->tsc_shift = BPF_CORE_READ(pv, tsc_shift);
		e->pv_flags = BPF_CORE_READ(pv, flags);
		e->version = version;
		e->vcpu_id = vcpu_id;
		e->pad = 0;
	}
	return 0;
}

SEC("?tp_btf/kvm_pvclock_update")
int FS_PROG(fs_pvclock, unsigned int vcpu_id, struct pvclock_vcpu_time_info *pv)
{
	return fs_pvclock_updated(vcpu_id, pv);
}

SEC("?tp_btf/kvm_pvclock_update")
int FS_PROG(fs_pvclock_again, unsigned int vcpu_id, struct pvclock_vcpu_time_info *pv)
{
	return fs_pvclock_updated(vcpu_id, pv);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
