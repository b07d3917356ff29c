/* SPDX-License-Identifier: BSD-2-Clause */
/* Which processes are traced, and the state of their threads. */
#ifndef FS_THREAD_BPF_H
#define FS_THREAD_BPF_H

#include "emit.bpf.h"

extern __u32 fs_last_vm, fs_stopped, fs_gen;
extern __u64 fs_since;

#define PF_EXITING 0x4
#define PF_KTHREAD 0x00200000

extern const struct fs_thr fs_thr_fresh;

/*
 * User space sets fs_stopped at the end of a recording: taking the programs off is not one instant,
 * and with nothing traced any more their state stays as it was at that one.
 */
static __always_inline struct fs_proc *fs_proc_of(__u32 tgid)
{
	if (fs_stopped)
		return NULL;
	return bpf_map_lookup_elem(&procs, &tgid);
}

/* Adds a thread of a traced process on first sight. */
static FS_SUBPROG struct fs_thr *fs_thr_new(__u32 tid, __u32 tgid, __u32 vm)
{
	__u32 key = tid;
	struct fs_proc *p;
	struct fs_thr *t;

	/* Another CPU may be adding it at this moment (its waker). */
	if (!bpf_map_update_elem(&threads, &key, &fs_thr_fresh, BPF_NOEXIST)) {
		p = bpf_map_lookup_elem(&procs, &tgid);
		if (p)
			__sync_fetch_and_add(&p->nthr, 1);
	}
	t = bpf_map_lookup_elem(&threads, &key);
	if (t)
		t->tgid = tgid;
	else
		fs_lose(vm, FS_LOSS_STATE);
	return t;
}

static __always_inline struct fs_thr *fs_thr_find(__u32 tid)
{
	if (fs_stopped)
		return NULL;
	return bpf_map_lookup_elem(&threads, &tid);
}

/* Takes a thread of @p out that has ended, or has another number from now on. */
static __always_inline void fs_thr_end(struct fs_proc *p, __u32 tid)
{
	if (!bpf_map_delete_elem(&threads, &tid))
		__sync_fetch_and_add(&p->nthr, -1);
}

static __always_inline struct fs_thr *fs_thr_get(__u32 tid, __u32 tgid, struct fs_proc *p)
{
	struct fs_thr *t = fs_thr_find(tid);

	return t ? t : fs_thr_new(tid, tgid, p->vm);
}

/* A vCPU thread's own VM before the newest VM of its process. */
static __always_inline __u32 fs_vm_of(const struct fs_thr *t, const struct fs_proc *p)
{
	return t->vm ? t->vm : p->vm;
}

struct fs_self {
	__u64 id; /* tgid << 32 | tid */
	struct fs_proc *p;
	struct fs_thr *t;
	__u32 vm;
};

/* Looks `current` up; false (after one missed lookup) when its process is not traced. */
static __always_inline bool fs_self(struct fs_self *s)
{
	s->id = bpf_get_current_pid_tgid();
	s->p = fs_proc_of(s->id >> 32);
	if (!s->p)
		return false;
	s->t = fs_thr_find(s->id);
	if (!s->t) {
		/* A thread that ends was taken out already and must not come back. */
		if (bpf_get_current_task_btf()->flags & PF_EXITING)
			return false;
		s->t = fs_thr_new(s->id, s->id >> 32, s->p->vm);
		if (!s->t)
			return false;
	}
	s->vm = fs_vm_of(s->t, s->p);
	return true;
}

/*
 * For what happens most often: is `current` the traced thread that was looked up last on this CPU?
 * Only threads that run no vCPU are kept so, and fs_gen moves whenever what was kept may be wrong.
 */
static __always_inline bool fs_self_cached(__u64 *id, __u32 *vm)
{
	struct fs_cpu *c = fs_cpu();

	*id = bpf_get_current_pid_tgid();
	if (!c || c->self_id != *id || c->self_gen != fs_gen || fs_stopped)
		return false;
	*vm = c->self_vm;
	return true;
}

static __always_inline void fs_self_cache(const struct fs_self *s)
{
	struct fs_cpu *c = fs_cpu();

	if (!c || s->t->flags & (FS_T_VCPU | FS_T_WORKER))
		return;
	c->self_id = s->id;
	c->self_gen = fs_gen;
	c->self_vm = s->vm;
}

static __always_inline void fs_self_changed(void)
{
	__sync_fetch_and_add(&fs_gen, 1);
}

/* Makes @task's process traced. Returns its entry, NULL when the table is full. */
static FS_SUBPROG struct fs_proc *fs_proc_add(struct task_struct *task, enum fs_why why)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct fs_proc fresh = {.why = why}, *p;
	__u64 now = bpf_ktime_get_ns();

	if (fs_stopped || tgid == knobs.self_tgid)
		return NULL;
	if (bpf_map_update_elem(&procs, &tgid, &fresh, BPF_NOEXIST)) {
		p = fs_proc_of(tgid);
		if (!p)
			fs_lose(0, FS_LOSS_STATE);
		return p;
	}
	FS_EMIT(proc_add, PROC_ADD, e, (__u64)tgid << 32 | tgid, 0, 0, now)
	{
		e->start_ns = BPF_CORE_READ(leader, start_time);
		e->ppid = BPF_CORE_READ(task, real_parent, tgid);
		e->why = why;
		BPF_CORE_READ_INTO(&e->comm, leader, comm);
	}
	return fs_proc_of(tgid);
}

static __always_inline bool fs_comm_matches(const char *comm)
{
	for (int i = 0; i < FS_COMM_LEN; i++) {
		if (comm[i] != knobs.comm[i])
			return false;
		if (!comm[i])
			break;
	}
	return true;
}

/*
 * Where what the thread does now is folded into: its exit segment (unless it is in user space
 * inside it), its host page fault, or its work item; NULL when in none.
 */
static __always_inline struct fs_acc *fs_acc_of(struct fs_thr *t)
{
	if (t->x_ts && !t->user_ts)
		return &t->x;
	if (t->f_ts || t->flags & FS_T_WORKER)
		return &t->f;
	return NULL;
}

static __always_inline void fs_acc_reset(struct fs_acc *a)
{
	__builtin_memset(a, 0, sizeof(*a));
	a->stack = FS_NO_STACK;
}

/* COW and ZERO by the pages allocated: those that went to the page cache are neither. */
static __always_inline __u32 fs_acc_hints(const struct fs_acc *a, bool write)
{
	__u32 h = a->hints;

	if (h & FS_H_HUGETLB) /* a pool that grows on demand allocates, whatever the page is for */
		return h;
	if (a->zero_pages)
		h |= FS_H_ZERO;
	if (a->new_pages > a->cache_pages) {
		/* A fresh page of shared memory is cleared by its filesystem, not the allocator. */
		bool shared = (h & FS_H_VMA_KNOWN) && (h & FS_H_VMA_SHARED);

		h |= write && !shared ? FS_H_COW : FS_H_ZERO;
	}
	return h;
}

/* The accumulator of what `current` is in the middle of, NULL when nothing is. */
static __always_inline struct fs_acc *fs_self_acc(struct fs_thr **thr)
{
	__u64 id = bpf_get_current_pid_tgid();

	/* Only a thread that is known can be in a span: untraced ones miss once. */
	*thr = fs_thr_find(id);
	return *thr ? fs_acc_of(*thr) : NULL;
}

/* The stack of the fault, the first one that is taken. */
static __always_inline void fs_acc_stack(void *ctx, struct fs_acc *a, struct fs_thr *t)
{
	if (a->stack == FS_NO_STACK)
		a->stack = fs_stack(ctx, FS_STACK_FAULT, t->vm);
}

/* The vCPU thread's own state: one lookup, no detour over its process. */
static __always_inline struct fs_thr *fs_vcpu_self(__u64 *id)
{
	*id = bpf_get_current_pid_tgid();
	return fs_thr_find(*id);
}

#endif
