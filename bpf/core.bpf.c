/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Defines what all programs share. This object must come first on the linker's command line (it
 * does, by its name): with an extern before its definition, libbpf's linker gives the map a wrong
 * offset.
 */
#define FS_MAP
#include "maps.bpf.h"

/* One object only may name a kernel function: the second one stops libbpf's linker (1.1). */
extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;
extern void bpf_local_irq_save(unsigned long *flags) __ksym __weak;
extern void bpf_local_irq_restore(unsigned long *flags) __ksym __weak;

const volatile struct fs_knobs knobs = {};
const struct fs_thr fs_thr_fresh = {
	.run_fd = -1, .x = {.stack = FS_NO_STACK}, .f = {.stack = FS_NO_STACK}};
const struct fs_lost fs_lost_none = {};
__u32 fs_last_vm = 0; /* number of the newest VM */
__u32 fs_gen = 0;     /* see fs_self_cached() */
__u32 fs_stopped = 0; /* set by user space at the end: see fs_proc_of() */
__u64 fs_since = 0;   /* set by user space: from then on everything is attached */

/*
 * Where programs can be preempted (on tracepoints from 7.0 on, on function probes always), one that
 * is preempted between reserve and submit stops its ring, and others of its CPU emit in between. So
 * preemption is off from its first to its last instruction, where the kernel lets us (6.10; before,
 * tracepoints have it off anyway).
 *
 * The kernel's guard against recursion is taken before and given back after us. A thread that is
 * preempted there has the same program skipped for all others on that CPU until it goes on: on an
 * overloaded CPU most runs of what happens often. So
 * - turning preemption on again must not preempt us, though a tick may have asked for it meanwhile:
 *   with interrupts off it does not, and the next occasion is behind the guard;
 * - the kernel must not count our run time: its clock turns preemption on in there. We do it;
 * - what happens most often stands on perf's tracepoints and kprobe.multi (host_hooks.def), which
 *   have preemption off around guard and all.
 * What is left is a few instructions for each run of the others. Those skipped are counted, and
 * charged to their time and CPU (misses.bpf.c). Exits, entries, switches and wake-ups run with
 * interrupts off and have none. What a skipped program would have recorded of a VM's making is made
 * up for, at the latest at the first entry: fs_vcpu_add(), fs_first_run(), fs_call_begun().
 *
 * Hidden, so that the verifier takes them as part of their callers.
 */
__hidden void fs_hold(void)
{
	if (&bpf_preempt_disable && &bpf_preempt_enable)
		bpf_preempt_disable();
}

__hidden void fs_release(void)
{
	unsigned long flags;

	if (!&bpf_preempt_disable || !&bpf_preempt_enable)
		return;
	if (!&bpf_local_irq_save || !&bpf_local_irq_restore) {
		bpf_preempt_enable();
		return;
	}
	bpf_local_irq_save(&flags);
	bpf_preempt_enable();
	bpf_local_irq_restore(&flags);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
