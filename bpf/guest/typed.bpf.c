/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that know the kernel's types: BTF tracepoints and function probes. Each is optional;
 * src/guest/recorder/guest_hooks.def says which belong together and what else there is.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include "ring.bpf.h"
#include "steps.h"

#define VM_FAULT_MAJOR 0x4
#define VM_FAULT_ERROR 0x873 /* OOM, SIGBUS, HWPOISON, HWPOISON_LARGE, SIGSEGV, FALLBACK */

#define AF_INET        2
#define X86_PF_WRITE   0x2
#define X86_PF_USER    0x4
#define X86_PF_INSTR   0x10

/* ---- tasks ---- */

static __always_inline __u64 comm8(struct task_struct *t)
{
	return *(__u64 *)&t->comm;
}

SEC("?tp_btf/sched_switch")
int BPF_PROG(fsg_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
	     unsigned int prev_state)
{
	struct fsg_page *p = fsg_here();
	__u16 flags = (prev_state & 0xfff) | (preempt ? FSG_F_PREEMPT : 0);

	if (p)
		fsg_write(p, FSG_K_SWITCH, flags, prev->pid, next->pid, comm8(next));
	return 0;
}

SEC("?tp_btf/sched_waking")
int BPF_PROG(fsg_waking, struct task_struct *t)
{
	return fsg_put(FSG_K_WAKING, t->pid, comm8(t));
}

static __always_inline __u32 cpu_of(struct task_struct *t)
{
	return bpf_core_field_exists(t->thread_info.cpu) ? t->thread_info.cpu : 0;
}

SEC("?tp_btf/sched_wakeup")
int BPF_PROG(fsg_wakeup, struct task_struct *t)
{
	return fsg_put(FSG_K_WAKEUP, t->pid, cpu_of(t));
}

SEC("?tp_btf/sched_wakeup_new")
int BPF_PROG(fsg_wakeup_new, struct task_struct *t)
{
	return fsg_put(FSG_K_WAKEUP, t->pid, 1ull << 32 | cpu_of(t));
}

/* ---- interrupts and work ---- */

SEC("?tp_btf/irq_handler_entry")
int BPF_PROG(fsg_irq_begin, int irq, struct irqaction *action)
{
	return fsg_irq(FSG_K_IRQ, true, irq, fsg_text8(action->name));
}

SEC("?tp_btf/irq_handler_exit")
int BPF_PROG(fsg_irq_end, int irq, struct irqaction *action, int ret)
{
	return fsg_irq(FSG_K_IRQ_END, false, irq, ret == 1);
}

SEC("?tp_btf/workqueue_queue_work")
int BPF_PROG(fsg_work_queue, int cpu, struct pool_workqueue *pwq, struct work_struct *work)
{
	return fsg_put(FSG_K_WORK_QUEUE, (__u32)(__u64)work, (__u64)work->func);
}

SEC("?tp_btf/workqueue_execute_start")
int BPF_PROG(fsg_work_begin, struct work_struct *work)
{
	return fsg_put(FSG_K_WORK, (__u32)(__u64)work, (__u64)work->func);
}

/* Raw: the verifier gives out no pointer to a function (and the work item may be gone). */
SEC("?raw_tp/workqueue_execute_end")
int fsg_work_end(__u64 *ctx)
{
	return fsg_put(FSG_K_WORK_END, ctx[0], ctx[1]);
}

/* ---- page faults ---- */

SEC("?fentry/handle_mm_fault")
int BPF_PROG(fsg_fault_begin, struct vm_area_struct *vma, unsigned long address, unsigned int flags)
{
	__u32 code = 1u << 31;

	code |= flags & FAULT_FLAG_WRITE ? X86_PF_WRITE : 0;
	code |= flags & FAULT_FLAG_USER ? X86_PF_USER : 0;
	code |= flags & FAULT_FLAG_INSTRUCTION ? X86_PF_INSTR : 0;
	return fsg_put(FSG_K_FAULT, code, address);
}

SEC("?fexit/handle_mm_fault")
int BPF_PROG(fsg_fault_end, struct vm_area_struct *vma, unsigned long address, unsigned int flags,
	     struct pt_regs *regs, unsigned int ret)
{
	return fsg_put(FSG_K_FAULT_END,
		       (ret & VM_FAULT_MAJOR ? 1 : 0) | (ret & VM_FAULT_ERROR ? 2 : 0), address);
}

SEC("?tp_btf/page_fault_user")
int BPF_PROG(fsg_fault_user, unsigned long address, struct pt_regs *regs, unsigned long code)
{
	return fsg_put(FSG_K_FAULT, code & ~(1u << 31), address);
}

SEC("?tp_btf/page_fault_kernel")
int BPF_PROG(fsg_fault_kernel, unsigned long address, struct pt_regs *regs, unsigned long code)
{
	return fsg_put(FSG_K_FAULT, code & ~(1u << 31), address);
}

/* ---- network ---- */

SEC("?fentry/rtnetlink_rcv_msg")
int BPF_PROG(fsg_rtnl_begin, struct sk_buff *skb, struct nlmsghdr *msg)
{
	return fsg_put(FSG_K_RTNL, msg->nlmsg_type, 0);
}

SEC("?fexit/rtnetlink_rcv_msg")
int BPF_PROG(fsg_rtnl_end, struct sk_buff *skb, struct nlmsghdr *msg, void *ack, int ret)
{
	return fsg_put(FSG_K_RTNL_END, msg->nlmsg_type, (__s64)ret);
}

/* The port of the address that the call names, else of the one that the socket is connected to. */
SEC("?fentry/udp_sendmsg")
int BPF_PROG(fsg_udp_begin, struct sock *sk, struct msghdr *msg, unsigned long len)
{
	__u16 to[2] = {}; /* family, port */

	if (msg->msg_name)
		bpf_probe_read_kernel(to, sizeof(to), msg->msg_name);
	if (to[0] != AF_INET)
		to[1] = sk->__sk_common.skc_dport;
	return fsg_put(FSG_K_UDP_SEND, __builtin_bswap16(to[1]), len);
}

SEC("?fexit/udp_sendmsg")
int BPF_PROG(fsg_udp_end, struct sock *sk, struct msghdr *msg, unsigned long len, int ret)
{
	return fsg_put(FSG_K_UDP_SENT, 0, (__s64)ret);
}

/* ---- the steps of the signal ---- */

#define FSG_BEGIN(step, prog, fn, nargs, arg)               \
	SEC("?fentry/" #fn)                                 \
	int fsg_##prog##_begin(__u64 *ctx)                  \
	{                                                   \
		return fsg_step(FSG_STEP_##step, ctx[arg]); \
	}

#define FSG_END(step, prog, fn, value)                                  \
	SEC("?fexit/" #fn)                                              \
	int fsg_##prog##_end(__u64 *ctx)                                \
	{                                                               \
		return fsg_put(FSG_K_STEP_END, FSG_STEP_##step, value); \
	}

#define FSG_VOID(step, prog, fn, nargs, arg)  \
	FSG_BEGIN(step, prog, fn, nargs, arg) \
	FSG_END(step, prog, fn, 0)

#define FSG_VALUE(step, prog, fn, nargs, arg) \
	FSG_BEGIN(step, prog, fn, nargs, arg) \
	FSG_END(step, prog, fn, (__s64)(int)ctx[nargs])

FSG_STEPS_POINT(FSG_BEGIN)
FSG_STEPS_VOID(FSG_VOID)
FSG_STEPS_VALUE(FSG_VALUE)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
