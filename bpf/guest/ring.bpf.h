/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing a record. Included by one file of each object: typed.bpf.c (needs the kernel's BTF) and
 * plain.bpf.c (does not); both are loaded with the same maps.
 */
#ifndef FS_GUEST_RING_BPF_H
#define FS_GUEST_RING_BPF_H

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "guest_state.h"

#define FSG_PAGES(name, vtype)                     \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);  \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, 1);            \
		__type(key, __u32);                \
		__type(value, vtype);              \
	} name SEC(".maps")

FSG_PAGES(fsg_rings, struct fsg_page); /* as many as there are CPUs x pages of each ring */
FSG_PAGES(fsg_dirs, struct fsg_dir_page);

const volatile struct fsg_knobs fsg_knobs = {};

/* The head page of this CPU's ring, NULL for a CPU without one. */
static __always_inline struct fsg_page *fsg_here(void)
{
	__u32 cpu = bpf_get_smp_processor_id(), at = cpu * fsg_knobs.pages;

	return cpu < fsg_knobs.cpus ? bpf_map_lookup_elem(&fsg_rings, &at) : NULL;
}

static __always_inline __u32 fsg_tid(void)
{
	return bpf_get_current_pid_tgid();
}

static __always_inline __u16 fsg_context(const struct fsg_page *p)
{
	return (p->cpu.irq ? FSG_F_HARDIRQ : 0) | (p->cpu.softirq ? FSG_F_SOFTIRQ : 0);
}

/*
 * Takes the next place of the ring and the time at once: what follows can take long, as a fork
 * touches a page of the ring for the first time, and an interrupt may write between any two
 * instructions. Of records whose numbers are neighbours the later one can carry the earlier time.
 * The place is void (seq 0) until all of it is written.
 */
static __always_inline void fsg_write(struct fsg_page *p, __u16 kind, __u16 flags, __u32 tid,
				      __u32 x, __u64 a)
{
	__u32 cpu = bpf_get_smp_processor_id(), at;
	__u64 n = __sync_fetch_and_add(&p->head.head, 1), ts = bpf_ktime_get_ns();
	struct fsg_page *page;
	struct fsg_rec *r;

	at = cpu * fsg_knobs.pages + 1 + (n & fsg_knobs.mask) / FSG_PAGE_RECS;
	page = bpf_map_lookup_elem(&fsg_rings, &at);
	if (!page) {
		__sync_fetch_and_add(&p->head.lost, 1);
		return;
	}
	r = &page->rec[n % FSG_PAGE_RECS];
	*(volatile __u32 *)&r->seq = 0;
	barrier();
	r->ts = ts;
	r->kind = kind;
	r->flags = flags;
	r->tid = tid;
	r->x = x;
	r->a = a;
	barrier();
	*(volatile __u32 *)&r->seq = n + 1;
}

/* Of the current task, in the context that it is in. */
static __always_inline int fsg_put(__u16 kind, __u32 x, __u64 a)
{
	struct fsg_page *p = fsg_here();

	if (p)
		fsg_write(p, kind, fsg_context(p), fsg_tid(), x, a);
	return 0;
}

/* An interrupt begins or ends: the record itself counts as in it. */
static __always_inline int fsg_irq(__u16 kind, bool begins, __u32 x, __u64 a)
{
	struct fsg_page *p = fsg_here();

	if (!p)
		return 0;
	p->cpu.irq = 1;
	fsg_write(p, kind, fsg_context(p), fsg_tid(), x, a);
	p->cpu.irq = begins;
	return 0;
}

static __always_inline int fsg_softirq(__u16 kind, bool begins, __u32 x)
{
	struct fsg_page *p = fsg_here();

	if (!p)
		return 0;
	p->cpu.softirq = 1;
	fsg_write(p, kind, fsg_context(p), fsg_tid(), x, 0);
	p->cpu.softirq = begins;
	return 0;
}

static __always_inline __u64 fsg_text8(const void *text)
{
	char b[16] = {};

	bpf_probe_read_kernel_str(b, 9, text);
	return *(__u64 *)b;
}

/* ---- watchers: who waits for a resume signal ---- */

static __always_inline bool fsg_is_known(struct fsg_page *p, __u64 me)
{
	for (int i = 0; i < FSG_SEEN; i++)
		if (p->cpu.seen[i] == me)
			return true;
	return false;
}

/*
 * Its entry in the directory, or a free one, or the oldest that is none of ours. So that a fork
 * does not touch the directory, those that are in it are remembered beside the ring's head.
 */
static __always_inline struct fsg_watcher *fsg_watcher_place(struct fsg_dir *d, __u32 tgid,
							     __u32 how)
{
	struct fsg_watcher *free = NULL, *oldest = NULL;

	for (int i = 0; i < FSG_WATCHERS; i++) {
		struct fsg_watcher *w = &d->watchers[i];

		if (w->tgid == tgid && w->how == how)
			return w;
		if (!w->how && !free)
			free = w;
		if (!w->own && (!oldest || w->ts < oldest->ts))
			oldest = w;
	}
	return free ? free : oldest;
}

static __always_inline void fsg_watch(struct fsg_page *p, __u32 how)
{
	__u64 id = bpf_get_current_pid_tgid(), me = (__u64)how << 32 | id >> 32;
	struct fsg_dir_page *d;
	struct fsg_watcher *w;
	__u32 zero = 0;

	if (fsg_is_known(p, me))
		return;
	d = bpf_map_lookup_elem(&fsg_dirs, &zero);
	w = d ? fsg_watcher_place(&d->dir, id >> 32, how) : NULL;
	if (!w)
		return;
	if (w->how != how || w->tgid != id >> 32) {
		w->tgid = id >> 32;
		w->tid = id;
		w->own = 0;
		w->ts = bpf_ktime_get_ns();
		bpf_get_current_comm(w->comm, sizeof(w->comm));
		w->how = how;
	}
	p->cpu.seen[p->cpu.seen_at++ % FSG_SEEN] = me;
}

/* A step of the signal begins; some of them name who waits for it. */
static __always_inline int fsg_step(__u32 step, __u64 a)
{
	struct fsg_page *p = fsg_here();

	if (!p)
		return 0;
	fsg_write(p, FSG_K_STEP, fsg_context(p), fsg_tid(), step, a);
	if (step == FSG_STEP_VMCLOCK_POLL || step == FSG_STEP_VMCLOCK_READ ||
	    step == FSG_STEP_VMCLOCK_MMAP || step == FSG_STEP_KMSG_READ)
		fsg_watch(p, step);
	return 0;
}

#endif
