/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt context and timers of each CPU, for those who want to know what stands behind a
 * wake-up. Neither handlers nor softirqs nest on a CPU, and what nests in a timer's function ends
 * inside it, so flags do; a counter would stay wrong for ever after one missed exit.
 */
#include "emit.bpf.h"

#define FS_CONTEXT(prog, tp, field, value)   \
	SEC("?tp_btf/" tp)                   \
	int FS_PROG(prog)                    \
	{                                    \
		struct fs_cpu *c = fs_cpu(); \
                                             \
		if (c)                       \
			c->field = value;    \
		return 0;                    \
	}

FS_CONTEXT(fs_irq_enter, "irq_handler_entry", in_irq, 1)
FS_CONTEXT(fs_irq_exit, "irq_handler_exit", in_irq, 0)
FS_CONTEXT(fs_irq_work_enter, "irq_work_entry", in_irq, 1)
FS_CONTEXT(fs_irq_work_exit, "irq_work_exit", in_irq, 0)
FS_CONTEXT(fs_call_enter, "call_function_single_entry", in_irq, 1)
FS_CONTEXT(fs_call_exit, "call_function_single_exit", in_irq, 0)
FS_CONTEXT(fs_softirq_enter, "softirq_entry", in_softirq, 1)
FS_CONTEXT(fs_softirq_exit, "softirq_exit", in_softirq, 0)
FS_CONTEXT(fs_hrtimer_enter, "hrtimer_expire_entry", hard_timer, 1)
FS_CONTEXT(fs_hrtimer_exit, "hrtimer_expire_exit", hard_timer, 0)
FS_CONTEXT(fs_timer_enter, "timer_expire_entry", soft_timer, 1)
FS_CONTEXT(fs_timer_exit, "timer_expire_exit", soft_timer, 0)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
