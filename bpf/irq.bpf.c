/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts on their way to a guest. The tracepoints carry no VM: it is that of the thread (vCPU,
 * VMM thread, or worker executing for it); in interrupt context that of the function probes below,
 * else 0 = not known.
 */
#include "kvm.bpf.h"

#define FS_VM_UNTRACED 0xffffffffu /* fs_cpu.irq_vm: a function of a VM that is not traced */

/* Is the interrupt one of ours? Fills id, VM and flags of its record. */
static __always_inline bool fs_irq_self(struct fs_self *s, __u16 *flags)
{
	__u32 irq = fs_context() & (FS_W_IRQ | FS_W_SOFTIRQ);
	struct fs_cpu *c = fs_cpu();

	*flags = fs_irqctx_flag(irq);
	if (!irq)
		return fs_self(s);
	s->id = bpf_get_current_pid_tgid();
	s->vm = c ? c->irq_vm : 0;
	return fs_last_vm && !fs_stopped && s->vm != FS_VM_UNTRACED;
}

SEC("?tp_btf/kvm_set_irq")
int FS_PROG(fs_kvm_set_irq, unsigned int gsi, int level, int source)
{
	struct fs_self s;
	__u16 flags;

	if (!fs_irq_self(&s, &flags))
		return 0;
	FS_EMIT(irq_set, IRQ_SET, e, s.id, s.vm, flags, bpf_ktime_get_ns())
	{
		e->gsi = gsi;
		e->level = level;
		e->source = source;
		e->pad = 0;
	}
	return 0;
}

SEC("?tp_btf/kvm_msi_set_irq")
int FS_PROG(fs_kvm_msi_set_irq, u64 addr, u64 data)
{
	struct fs_self s;
	__u16 flags;

	if (!fs_irq_self(&s, &flags))
		return 0;
	FS_EMIT(irq_msi, IRQ_MSI, e, s.id, s.vm, flags, bpf_ktime_get_ns())
	{
		e->addr = addr;
		e->data = data;
	}
	return 0;
}

SEC("?tp_btf/kvm_apic_accept_irq")
int FS_PROG(fs_kvm_apic_accept_irq, u32 apicid, u16 dm, u16 tm, u8 vec)
{
	struct fs_self s;
	__u16 flags;

	if (!fs_irq_self(&s, &flags))
		return 0;
	FS_EMIT(irq_accept, IRQ_ACCEPT, e, s.id, s.vm, flags, bpf_ktime_get_ns())
	{
		e->apicid = apicid;
		e->delivery_mode = dm;
		e->trigger_mode = tm;
		e->vector = vec;
		e->pad = 0;
	}
	return 0;
}

SEC("?tp_btf/kvm_inj_virq")
int FS_PROG(fs_kvm_inj_virq, unsigned int vec, bool soft, bool reinjected)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct fs_thr *t = fs_thr_find(id);

	if (!t)
		return 0;
	if (t->x_ts)
		t->x.hints |= FS_H_INJECT;
	FS_EMIT(irq_inject, IRQ_INJECT, e, id, t->vm, 0, bpf_ktime_get_ns())
	{
		e->vector = vec;
		e->soft = soft;
		e->reinjected = reinjected;
		e->vcpu_id = t->vcpu_id;
		e->pad = 0;
	}
	return 0;
}

/* ---- whose interrupt: the functions around the tracepoints know ---- */

static __always_inline int fs_irq_vm(__u64 kvm)
{
	struct fs_cpu *c = fs_cpu();
	struct fs_vm *v;

	/* A thread has its VM, and could be moved away between enter and exit. */
	if (!c || !(fs_context() & (FS_W_IRQ | FS_W_SOFTIRQ)))
		return 0;
	v = fs_vm_find(kvm);
	c->irq_vm = v ? v->vm : FS_VM_UNTRACED;
	return 0;
}

static __always_inline int fs_irq_vm_end(void)
{
	struct fs_cpu *c = fs_cpu();

	if (c && fs_context() & (FS_W_IRQ | FS_W_SOFTIRQ))
		c->irq_vm = 0;
	return 0;
}

/* An eventfd was signalled: an MSI may be delivered from here at once. */
SEC("?fentry/irqfd_wakeup")
int FS_FN_PROG(fs_irqfd_enter, struct wait_queue_entry *wait)
{
	__u64 off = bpf_core_field_offset(struct kvm_kernel_irqfd, wait);
	struct kvm_kernel_irqfd *f = (void *)wait - off;

	return fs_irq_vm((__u64)BPF_CORE_READ(f, kvm));
}

SEC("?fexit/irqfd_wakeup")
int FS_FN_PROG(fs_irqfd_exit)
{
	return fs_irq_vm_end();
}

SEC("?fentry/kvm_set_irq")
int FS_FN_PROG(fs_set_irq_enter, struct kvm *kvm)
{
	return fs_irq_vm((__u64)kvm);
}

SEC("?fexit/kvm_set_irq")
int FS_FN_PROG(fs_set_irq_exit)
{
	return fs_irq_vm_end();
}

SEC("?fentry/__apic_accept_irq")
int FS_FN_PROG(fs_accept_irq_enter, struct kvm_lapic *apic)
{
	return fs_irq_vm((__u64)BPF_CORE_READ(apic, vcpu, kvm));
}

SEC("?fexit/__apic_accept_irq")
int FS_FN_PROG(fs_accept_irq_exit)
{
	return fs_irq_vm_end();
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
