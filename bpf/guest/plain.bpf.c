/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that need none of the kernel's types: raw tracepoints of plain numbers, the lower ranks
 * (kprobes, and the scheduler's tracepoints as the user's tools see them) for kernels without BTF
 * or without function probes.
 */
#include "plain.h"
#include "ring.bpf.h"
#include "steps.h"

/* ---- interrupts, locks: numbers only ---- */

#define RAW(prog, tp, body)                           \
	SEC("?raw_tp/" tp)                            \
	int prog(struct bpf_raw_tracepoint_args *ctx) \
	{                                             \
		return body;                          \
	}

/* One pair of programs for all vectors: src/guest/recorder/guest_programs.c attaches it to each. */
RAW(fsg_vector_begin, "local_timer_entry", fsg_irq(FSG_K_VECTOR, true, ctx->args[0], 0))
RAW(fsg_vector_end, "local_timer_exit", fsg_irq(FSG_K_VECTOR_END, false, ctx->args[0], 0))
RAW(fsg_softirq_begin, "softirq_entry", fsg_softirq(FSG_K_SOFTIRQ, true, ctx->args[0]))
RAW(fsg_softirq_end, "softirq_exit", fsg_softirq(FSG_K_SOFTIRQ_END, false, ctx->args[0]))
RAW(fsg_lock_begin, "contention_begin", fsg_put(FSG_K_LOCK, ctx->args[1], ctx->args[0]))
RAW(fsg_lock_end, "contention_end", fsg_put(FSG_K_LOCK_END, 0, ctx->args[0]))
RAW(fsg_printk, "console", fsg_step(FSG_STEP_PRINTK, fsg_text8((void *)ctx->args[0])))

RAW(fsg_irq_begin_raw, "irq_handler_entry", fsg_irq(FSG_K_IRQ, true, ctx->args[0], 0))
RAW(fsg_irq_end_raw, "irq_handler_exit",
    fsg_irq(FSG_K_IRQ_END, false, ctx->args[0], ctx->args[2] == 1))
RAW(fsg_work_queue_raw, "workqueue_queue_work", fsg_put(FSG_K_WORK_QUEUE, ctx->args[2], 0))
RAW(fsg_work_begin_raw, "workqueue_execute_start", fsg_put(FSG_K_WORK, ctx->args[0], 0))
RAW(fsg_work_end_raw, "workqueue_execute_end", fsg_put(FSG_K_WORK_END, ctx->args[0], ctx->args[1]))
RAW(fsg_fault_user_raw, "page_fault_user",
    fsg_put(FSG_K_FAULT, ctx->args[2] & ~(1u << 31), ctx->args[0]))
RAW(fsg_fault_kernel_raw, "page_fault_kernel",
    fsg_put(FSG_K_FAULT, ctx->args[2] & ~(1u << 31), ctx->args[0]))

/* ---- the scheduler's tracepoints by their format files, which the loader reads first ---- */

struct switch_ctx {
	__u64 common;
	char prev_comm[16];
	__s32 prev_pid, prev_prio;
	__s64 prev_state;
	char next_comm[16];
	__s32 next_pid, next_prio;
};

struct wakeup_ctx {
	__u64 common;
	char comm[16];
	__s32 pid, prio;
	__s32 target_cpu;
};

/* The format gives a task that was preempted the state 0x100. */
#define REPORT_PREEMPTED 0x100

SEC("?tp/sched/sched_switch")
int fsg_switch_tp(struct switch_ctx *c)
{
	struct fsg_page *p = fsg_here();
	__u16 state = c->prev_state & 0xff;

	if (c->prev_state & REPORT_PREEMPTED)
		state |= FSG_F_PREEMPT;
	if (p)
		fsg_write(p, FSG_K_SWITCH, state, c->prev_pid, c->next_pid, *(__u64 *)c->next_comm);
	return 0;
}

SEC("?tp/sched/sched_waking")
int fsg_waking_tp(struct wakeup_ctx *c)
{
	return fsg_put(FSG_K_WAKING, c->pid, *(__u64 *)c->comm);
}

SEC("?tp/sched/sched_wakeup")
int fsg_wakeup_tp(struct wakeup_ctx *c)
{
	return fsg_put(FSG_K_WAKEUP, c->pid, (__u32)c->target_cpu);
}

SEC("?tp/sched/sched_wakeup_new")
int fsg_wakeup_new_tp(struct wakeup_ctx *c)
{
	return fsg_put(FSG_K_WAKEUP, c->pid, 1ull << 32 | (__u32)c->target_cpu);
}

/* ---- kprobes ---- */

#define ARG0(ctx) ((ctx)->di)
#define ARG1(ctx) ((ctx)->si)
#define ARG2(ctx) ((ctx)->dx)

#define KPROBE(prog, fn, body)                   \
	SEC("?kprobe/" #fn)                      \
	int fsg_##prog##_kp(struct pt_regs *ctx) \
	{                                        \
		return body;                     \
	}

#define KRETPROBE(prog, fn, body)                 \
	SEC("?kretprobe/" #fn)                    \
	int fsg_##prog##_krp(struct pt_regs *ctx) \
	{                                         \
		return body;                      \
	}

#define FAULT_FLAG_WRITE       0x1
#define FAULT_FLAG_USER        0x40
#define FAULT_FLAG_INSTRUCTION 0x100

static __always_inline __u32 fault_code(unsigned long flags)
{
	return 1u << 31 | (flags & FAULT_FLAG_WRITE ? 0x2 : 0) |
	       (flags & FAULT_FLAG_USER ? 0x4 : 0) | (flags & FAULT_FLAG_INSTRUCTION ? 0x10 : 0);
}

static __always_inline __u32 fault_end(unsigned long ret)
{
	return (ret & 0x4 ? 1 : 0) | (ret & 0x873 ? 2 : 0);
}

static __always_inline __u32 message_type(const struct nlmsghdr *m)
{
	__u16 type = 0;

	bpf_probe_read_kernel(&type, sizeof(type), &m->nlmsg_type);
	return type;
}

KPROBE(fault, handle_mm_fault, fsg_put(FSG_K_FAULT, fault_code(ARG2(ctx)), ARG1(ctx)))
KRETPROBE(fault, handle_mm_fault, fsg_put(FSG_K_FAULT_END, fault_end(ctx->ax), 0))
KPROBE(rtnl, rtnetlink_rcv_msg, fsg_put(FSG_K_RTNL, message_type((void *)ARG1(ctx)), 0))
KRETPROBE(rtnl, rtnetlink_rcv_msg, fsg_put(FSG_K_RTNL_END, 0, (__s64)(int)ctx->ax))
KPROBE(udp, udp_sendmsg, fsg_put(FSG_K_UDP_SEND, 0, ARG2(ctx)))
KRETPROBE(udp, udp_sendmsg, fsg_put(FSG_K_UDP_SENT, 0, (__s64)(int)ctx->ax))

#define STEP_BEGIN(step, prog, fn, nargs, arg) \
	KPROBE(prog, fn, fsg_step(FSG_STEP_##step, ARG##arg(ctx)))
#define STEP_VOID(step, prog, fn, nargs, arg)  \
	STEP_BEGIN(step, prog, fn, nargs, arg) \
	KRETPROBE(prog, fn, fsg_put(FSG_K_STEP_END, FSG_STEP_##step, 0))
#define STEP_VALUE(step, prog, fn, nargs, arg) \
	STEP_BEGIN(step, prog, fn, nargs, arg) \
	KRETPROBE(prog, fn, fsg_put(FSG_K_STEP_END, FSG_STEP_##step, (__s64)(int)ctx->ax))

FSG_STEPS_POINT(STEP_BEGIN)
FSG_STEPS_VOID(STEP_VOID)
FSG_STEPS_VALUE(STEP_VALUE)

/* ---- what a record costs ---- */

/* Run by hand before anything is attached: writes that many records, returns the ns it took. */
SEC("?raw_tp")
int fsg_calibrate(void *ctx)
{
	__u64 begin = bpf_ktime_get_ns();

	for (int i = 0; i < FSG_TRIALS; i++)
		fsg_put(FSG_K_WRAP, 0, i);
	return bpf_ktime_get_ns() - begin;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
