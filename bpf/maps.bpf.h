/* SPDX-License-Identifier: BSD-2-Clause */
/* The maps that all programs share: defined in maps.bpf.c, declared everywhere else. */
#ifndef FS_MAPS_BPF_H
#define FS_MAPS_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "state.h"
#include "knobs.h"

#ifndef FS_MAP
#define FS_MAP extern
#endif

#define FS_MAX_PROCS   8192
#define FS_MAX_THREADS 16384
#define FS_MAX_VMS     4096
#define FS_MAX_VCPUS   16384
#define FS_MAX_WORKS   8192
#define FS_MAX_BIOS    16384
#define FS_MAX_STACKS  16384
#define FS_STACK_DEPTH 127

#define FS_HASH(name, max, ktype, vtype)         \
	FS_MAP struct {                          \
		__uint(type, BPF_MAP_TYPE_HASH); \
		__uint(max_entries, max);        \
		__type(key, ktype);              \
		__type(value, vtype);            \
	} name SEC(".maps")

FS_HASH(procs, FS_MAX_PROCS, __u32, struct fs_proc);
FS_HASH(threads, FS_MAX_THREADS, __u32, struct fs_thr);
FS_HASH(vms, FS_MAX_VMS, __u64, struct fs_vm);
FS_HASH(vcpus, FS_MAX_VCPUS, __u64, struct fs_vcpu);
FS_HASH(works, FS_MAX_WORKS, __u64, struct fs_workq);
FS_HASH(bios, FS_MAX_BIOS, __u64, struct fs_biost);
FS_HASH(lost_vm, FS_MAX_VMS, __u32, struct fs_lost);

FS_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fs_lost);
} lost_cpu SEC(".maps");

FS_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fs_cpu);
} cpus SEC(".maps");

FS_MAP struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, FS_MAX_STACKS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, FS_STACK_DEPTH * sizeof(__u64));
} stacks SEC(".maps");

/* One ring buffer per possible CPU, made by user space; an empty slot counts as a lost record. */
struct fs_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

FS_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, FS_MAX_CPUS);
	__type(key, __u32);
	__array(values, struct fs_ring);
} rings SEC(".maps");

extern const volatile struct fs_knobs knobs;

#endif
