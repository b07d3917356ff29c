// SPDX-License-Identifier: BSD-2-Clause
/*
 * The tracer's emit path on an event that other tracers can record too: each user page fault of a
 * traced process becomes one record. Filter, record header, ring and clock are the tracer's own.
 */
#include "thread.bpf.h"

SEC("tp_btf/page_fault_user")
int FS_PROG(fs_bench_fault, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	__u64 id, now;
	__u32 vm;

	if (!fs_self_cached(&id, &vm)) {
		struct fs_self s;

		if (!fs_self(&s))
			return 0;
		fs_self_cache(&s);
		id = s.id;
		vm = s.vm;
	}
	now = bpf_ktime_get_ns();
	FS_EMIT(mmfault, MMFAULT, e, id, vm, 0, now)
	{
		e->ts_start = now;
		e->addr = address;
		e->ip = regs->ip;
		e->error_code = error_code;
		e->hints = 0;
		e->cache_pages = 0;
		e->n_bio = 0;
		e->has_end = 0;
		e->stack = FS_NO_STACK;
		e->pad = 0;
	}
	return 0;
}
