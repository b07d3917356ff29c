/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How often the kernel skipped a run of each of our programs, by CPU. bpf_prog_info has the sum
 * over all CPUs alone; the counters behind it are per CPU, and this reads them. User space runs it
 * by hand (BPF_PROG_RUN) and reads the map; nothing attaches it.
 */
#include "maps.bpf.h"

/* Made for as many programs and CPUs as there are: user space sets the sizes before it loads. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FS_MAX_PROGS);
	__type(key, __u32);
	__type(value, __s32);
} prog_fds SEC(".maps"); /* descriptors of the programs in user space's table, -1 = none */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} misses SEC(".maps"); /* [program * cpus + CPU] */

struct fs_missing {
	__u64 element; /* of `cpus`, the same for all CPUs: its address on one is that + an offset
			*/
	__u64 stats;   /* likewise, of the program at hand */
	__u32 prog, cpus;
};

/* The verifier lets nobody count with such pointers: a copy is a number. */
static __always_inline __u64 fs_number(void *pointer)
{
	__u64 n = 0;

	bpf_probe_read_kernel(&n, sizeof(n), &pointer);
	return n;
}

/* How far a CPU's own memory lies behind what a per-CPU pointer says: no symbol is needed. */
static long fs_missed_here(__u32 cpu, struct fs_missing *m)
{
	__u32 zero = 0, key = m->prog * m->cpus + cpu;
	void *here = bpf_map_lookup_percpu_elem(&cpus, &zero, cpu);
	__u64 *slot = bpf_map_lookup_elem(&misses, &key);
	struct bpf_prog_stats *stats;

	/* A CPU that is not there has run nothing. */
	if (here && slot) {
		stats = (void *)(m->stats + (fs_number(here) - m->element));
		bpf_core_read(slot, sizeof(*slot), &stats->misses);
	}
	return 0;
}

static long fs_missed_by(__u32 prog, struct fs_missing *m)
{
	__s32 *fd = bpf_map_lookup_elem(&prog_fds, &prog);
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file **table, *file;
	struct bpf_prog *p;

	if (!fd || *fd < 0 || (__u32)*fd >= BPF_CORE_READ(task, files, fdt, max_fds))
		return 0;
	table = BPF_CORE_READ(task, files, fdt, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), &table[*fd]) || !file)
		return 0;
	p = BPF_CORE_READ(file, private_data);
	m->stats = (__u64)BPF_CORE_READ(p, stats);
	m->prog = prog;
	if (m->stats)
		bpf_loop(m->cpus, fs_missed_here, m, 0);
	return 0;
}

/* The per-CPU pointer of `cpus`' only element. */
static __always_inline __u64 fs_element(void)
{
	struct bpf_array *array = (void *)fs_number(&cpus);
	__u64 element = 0;

	bpf_core_read(&element, sizeof(element), &array->pptrs[0]);
	return element;
}

/* Argument 0: how many programs, 1: how many CPUs. Returns 1 where it can read the counters. */
SEC("?raw_tp")
int fs_misses(__u64 *ctx)
{
	struct fs_missing m = {.cpus = ctx[1], .element = fs_element()};

	if (!m.element || !bpf_core_field_exists(struct bpf_prog, stats))
		return 0;
	bpf_loop(ctx[0], fs_missed_by, &m, 0);
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
