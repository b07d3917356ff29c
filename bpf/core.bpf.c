/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Defines what all programs share. This object must come first on the linker's command line (it
 * does, by its name): with an extern before its definition, libbpf's linker gives the map a wrong
 * offset.
 */
#define FS_MAP
#include "maps.bpf.h"

const volatile struct fs_knobs knobs = {};
const struct fs_thr fs_thr_fresh = {
	.run_fd = -1, .x = {.stack = FS_NO_STACK}, .f = {.stack = FS_NO_STACK}};
__u32 fs_last_vm = 0; /* number of the newest VM */
__u32 fs_gen = 0;     /* see fs_self_cached() */
__u32 fs_stopped = 0; /* set by user space at the end: see fs_proc_of() */

char LICENSE[] SEC("license") = "Dual BSD/GPL";
