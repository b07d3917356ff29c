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

const volatile struct fs_knobs knobs = {};
const struct fs_thr fs_thr_fresh = {
	.run_fd = -1, .x = {.stack = FS_NO_STACK}, .f = {.stack = FS_NO_STACK}};
__u32 fs_last_vm = 0; /* number of the newest VM */
__u32 fs_gen = 0;     /* see fs_self_cached() */
__u32 fs_stopped = 0; /* set by user space at the end: see fs_proc_of() */

/*
 * Where programs can be preempted (on tracepoints from 7.0 on, on function probes always), a
 * program that was preempted keeps its CPU's guard against recursion: until it goes on, the same
 * program is silently skipped for every other thread there. So preemption is off from its first to
 * its last instruction, where the kernel lets us (6.10; before, tracepoints have it off anyway).
 * Hidden, so that the verifier takes them as part of their callers.
 */
__hidden void fs_hold(void)
{
	if (&bpf_preempt_disable && &bpf_preempt_enable)
		bpf_preempt_disable();
}

__hidden void fs_release(void)
{
	if (&bpf_preempt_disable && &bpf_preempt_enable)
		bpf_preempt_enable();
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
