/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt context and timers of each CPU, for those who want to know what stands behind a
 * wake-up. Expiries nest (a hardirq timer inside a softirq timer), but each pair is balanced on
 * its CPU, so plain counters do.
 */
#include "emit.bpf.h"

static __always_inline int fs_enter(__u32 *depth)
{
	(*depth)++;
	return 0;
}

/* The first exit may have had no entry: it was under way when we attached. */
static __always_inline int fs_leave(__u32 *depth)
{
	if (*depth)
		(*depth)--;
	return 0;
}

#define FS_DEPTH(prog, tp, what, field)         \
	SEC("?tp_btf/" tp)                      \
	int BPF_PROG(prog)                      \
	{                                       \
		struct fs_cpu *c = fs_cpu();    \
                                                \
		return c ? what(&c->field) : 0; \
	}

FS_DEPTH(fs_irq_enter, "irq_handler_entry", fs_enter, in_irq)
FS_DEPTH(fs_irq_exit, "irq_handler_exit", fs_leave, in_irq)
FS_DEPTH(fs_softirq_enter, "softirq_entry", fs_enter, in_softirq)
FS_DEPTH(fs_softirq_exit, "softirq_exit", fs_leave, in_softirq)
FS_DEPTH(fs_hrtimer_enter, "hrtimer_expire_entry", fs_enter, hard_timer)
FS_DEPTH(fs_hrtimer_exit, "hrtimer_expire_exit", fs_leave, hard_timer)
FS_DEPTH(fs_timer_enter, "timer_expire_entry", fs_enter, soft_timer)
FS_DEPTH(fs_timer_exit, "timer_expire_exit", fs_leave, soft_timer)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
