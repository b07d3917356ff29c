/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Off-CPU spans of traced threads: switch-out, wake-up and switch-in are paired here, one record
 * at the switch-in. Also who wakes a thread before its VM runs: the moment of resume.
 */
#include "thread.bpf.h"

#define FS_WAKE_AFTER_NS                                                                  \
	100000000ull           /* wake-ups of threads that have not run a vCPU, after the \
				* first vCPU ran: the others of the VM follow at once */
#define FS_GROUP_DEPTH       5 /* nested cgroups whose quota is looked at */

#define TASK_INTERRUPTIBLE   1
#define TASK_UNINTERRUPTIBLE 2
#define NR_FUTEX             202
#define FUTEX_CMD            0x7f /* of the operation: the rest are options */
#define FUTEX_WAIT           0
#define FUTEX_LOCK_PI        6
#define FUTEX_LOCK_PI2       13
#define GLIBC_CONTENDED      2
#define GLIBC_KINDS          0x3ff /* of pthread_mutex_t: type and flags */
#define MUSL_CONTENDED       0x80000010u
#define PID_LIMIT            (1u << 22)

/*
 * Time that the quota has taken from a run queue so far, ns. Own time per run queue from 6.6 on
 * (throttled_clock_self_time); before, the groups' totals, right for threads pinned to a CPU.
 */
static __always_inline __u64 fs_throttled_time(struct cfs_rq *rq)
{
	struct cfs_rq___self *self = (void *)rq;
	struct task_group *tg = NULL;
	__u64 sum = 0;

	if (!rq)
		return 0;
	if (bpf_core_field_exists(self->throttled_clock_self_time))
		return BPF_CORE_READ(self, throttled_clock_self_time);
	if (!bpf_core_field_exists(tg->cfs_bandwidth.throttled_time))
		return 0;
	tg = BPF_CORE_READ(rq, tg);
	for (int i = 0; i < FS_GROUP_DEPTH && tg; i++) {
		sum += BPF_CORE_READ(tg, cfs_bandwidth.throttled_time);
		tg = BPF_CORE_READ(tg, parent);
	}
	return sum;
}

/* Does the quota take the CPU from @task at this switch? */
static __always_inline bool fs_is_throttled(struct task_struct *task, struct cfs_rq *rq)
{
	struct task_struct___throttled *t = (void *)task;

	if (bpf_core_field_exists(t->throttled))
		return BPF_CORE_READ(t, throttled);
	if (!rq || !bpf_core_field_exists(rq->throttle_count))
		return false;
	return BPF_CORE_READ(rq, throttle_count) > 0;
}

/* Does a mutex of glibc stand there? A contended one has 2 in its first word until let go. */
static __always_inline bool fs_glibc_mutex(unsigned long at)
{
	struct {
		__u32 lock, count, owner, users, kind;
	} m = {};

	return !bpf_probe_read_user(&m, sizeof(m), (void *)at) && m.lock <= GLIBC_CONTENDED &&
	       m.owner < PID_LIMIT && m.kind <= GLIBC_KINDS;
}

/*
 * FS_W_LOCK if @task, of the process that runs now, sleeps for a lock: by the value that it expects
 * to find there, for the lock may be free by now. glibc waits for a mutex while that is 2, musl
 * while it is EBUSY and "has waiters"; both wait for conditions otherwise, and what other words one
 * may wait for, as a message, has other values.
 */
static __always_inline __u32 fs_lock_flag(struct task_struct *task)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	__u32 op, value;

	if (task->flags & PF_KTHREAD || BPF_CORE_READ(regs, orig_ax) != NR_FUTEX)
		return 0;
	op = BPF_CORE_READ(regs, si) & FUTEX_CMD;
	value = BPF_CORE_READ(regs, dx);
	if (op == FUTEX_LOCK_PI || op == FUTEX_LOCK_PI2)
		return FS_W_LOCK;
	if (op != FUTEX_WAIT)
		return 0;
	if (value == MUSL_CONTENDED ||
	    (value == GLIBC_CONTENDED && fs_glibc_mutex(BPF_CORE_READ(regs, di))))
		return FS_W_LOCK;
	return 0;
}

static __always_inline void fs_switch_out(void *ctx, struct task_struct *task,
					  struct task_struct *next, __u32 state, __u64 now)
{
	__u32 tgid = task->tgid, tid = task->pid;
	struct fs_proc *p = fs_proc_of(tgid);
	struct fs_acc *acc;
	struct cfs_rq *rq;
	struct fs_thr *t;

	if (!p)
		return;
	t = fs_thr_find(tid);
	if (!t) {
		if (task->flags & PF_EXITING)
			return;
		t = fs_thr_new(tid, tgid, p->vm);
		if (!t)
			return;
	}
	rq = BPF_CORE_READ(task, se.cfs_rq);
	t->o_state = state;
	t->o_flags = !state ? FS_W_PREEMPT : state & TASK_INTERRUPTIBLE ? fs_lock_flag(task) : 0;
	if (!state) {
		t->w_ts = 0; /* a wake-up of before: it stays runnable without one */
		if (fs_is_throttled(task, rq))
			t->o_flags |= FS_W_THROTTLED;
	}
	t->o_cfs_rq = (__u64)rq;
	t->o_throttled = fs_throttled_time(rq);
	t->o_cpu = bpf_get_smp_processor_id();
	t->o_iowait = BPF_CORE_READ_BITFIELD_PROBED(task, in_iowait);
	t->o_next_tid = next->pid;
	BPF_CORE_READ_INTO(&t->o_next_comm, next, comm);
	t->o_stack = fs_stack(ctx, FS_STACK_OFFCPU, fs_vm_of(t, p));
	acc = fs_acc_of(t);
	if (acc)
		acc->hints |= FS_H_OFFCPU;
	t->o_ts = now;
}

static __always_inline void fs_worker_slept(struct fs_thr *t, __u64 ns)
{
	t->k_offcpu_ns += ns;
	if (ns > t->k_longest_ns) {
		t->k_longest_ns = ns;
		t->k_stack = t->o_stack;
	}
}

static __always_inline void fs_switch_in(struct task_struct *task, struct task_struct *prev,
					 __u64 now)
{
	__u32 tgid = task->tgid, tid = task->pid;
	struct fs_proc *p = fs_proc_of(tgid);
	__u64 throttled, off, wanted;
	struct fs_thr *t;
	__u32 flags;

	if (!p)
		return;
	t = fs_thr_find(tid);
	if (!t || !t->o_ts)
		return;
	flags = t->o_flags;
	off = now - t->o_ts;
	/* A thread that sleeps is not throttled: it counts from the wake-up on. */
	wanted = flags & FS_W_PREEMPT || t->w_ts < t->o_ts ? off : now - t->w_ts;
	throttled = fs_throttled_time((void *)t->o_cfs_rq) - t->o_throttled;
	if (throttled > wanted)
		throttled = throttled >> 63 ? 0 : wanted;
	if (!(flags & FS_W_PREEMPT))
		flags |= t->w_ts ? t->w_flags : FS_W_UNSEEN;
	FS_EMIT(offcpu, OFFCPU, e, (__u64)tgid << 32 | tid, fs_vm_of(t, p), 0, now)
	{
		bool woken = t->w_ts && !(flags & FS_W_PREEMPT);

		e->ts_out = t->o_ts;
		/* The waker may be faster than the thread is off its CPU. */
		e->ts_wake = !woken ? 0 : t->w_ts < t->o_ts ? t->o_ts : t->w_ts;
		e->work = woken ? t->w_work : 0;
		e->throttled_ns = throttled;
		e->waker_tid = woken ? t->w_tid : 0;
		e->waker_tgid = woken ? t->w_tgid : 0;
		e->waker_flags = flags;
		e->prev_state = t->o_state;
		e->next_tid = t->o_next_tid;
		e->prev_tid = prev->pid;
		e->stack = t->o_stack;
		e->cpu_out = t->o_cpu;
		e->iowait = t->o_iowait;
		__builtin_memcpy(e->next_comm, t->o_next_comm, FS_COMM_LEN);
		BPF_CORE_READ_INTO(&e->prev_comm, prev, comm);
		if (woken)
			__builtin_memcpy(e->waker_comm, t->w_comm, FS_COMM_LEN);
		else
			__builtin_memset(e->waker_comm, 0, FS_COMM_LEN);
	}
	if (t->flags & FS_T_WORKER)
		fs_worker_slept(t, off);
	t->o_ts = 0;
	t->w_ts = 0;
}

SEC("?tp_btf/sched_switch")
int FS_PROG(fs_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
	    unsigned int prev_state)
{
	__u64 now = bpf_ktime_get_ns();

	fs_switch_out(ctx, prev, next, preempt ? 0 : prev_state, now);
	fs_switch_in(next, prev, now);
	return 0;
}

/* What stands behind a wake-up: a timer, block I/O, a work item. */
static __always_inline __u32 fs_wake_cause(struct fs_thr *t, struct task_struct *target, __u32 wctx,
					   __u32 tid)
{
	__u32 irq = wctx & (FS_W_IRQ | FS_W_SOFTIRQ), cause = wctx;
	struct fs_cpu *c = fs_cpu();
	struct fs_thr *w;

	t->w_work = 0;
	if (!c)
		return cause;
	if (c->done_bio && c->done_tid == tid && c->done_ctx == wctx &&
	    BPF_CORE_READ_BITFIELD_PROBED(target, in_iowait)) {
		t->w_work = c->done_bio;
		return cause | FS_W_BIO;
	}
	if (irq) {
		if (c->hard_timer || (!(irq & FS_W_IRQ) && c->soft_timer))
			cause |= FS_W_TIMER;
		return cause;
	}
	w = fs_thr_find(tid);
	if (w && w->flags & FS_T_WORKER) {
		t->w_work = w->k_work;
		cause |= FS_W_WORK;
	}
	return cause;
}

SEC("?tp_btf/sched_waking")
int FS_PROG(fs_waking, struct task_struct *task)
{
	__u32 tgid = task->tgid, tid = task->pid, wctx;
	struct fs_proc *p = fs_proc_of(tgid);
	__u64 id, now;
	struct fs_thr *t;

	if (!p)
		return 0;
	t = fs_thr_find(tid);
	if (!t) {
		if (task->flags & PF_EXITING)
			return 0;
		t = fs_thr_new(tid, tgid, p->vm);
		if (!t)
			return 0;
	}
	id = bpf_get_current_pid_tgid();
	now = bpf_ktime_get_ns();
	wctx = fs_context();
	t->w_flags = fs_wake_cause(t, task, wctx, id);
	if (id >> 32 == tgid) /* in the same memory; it may not have got off its CPU yet */
		t->w_flags |= fs_lock_flag(task);
	if (BPF_CORE_READ(task, __state) & TASK_UNINTERRUPTIBLE)
		t->w_flags |= FS_W_UNINT;
	t->w_tid = id;
	t->w_tgid = id >> 32;
	bpf_get_current_comm(t->w_comm, sizeof(t->w_comm));
	t->w_ts = now;
	if (t->o_ts)
		t->o_throttled = fs_throttled_time((void *)t->o_cfs_rq);
	if (t->flags & (FS_T_VCPU | FS_T_WORKER) || !p->vm)
		return 0;
	if (p->first_run_ns && now - p->first_run_ns > FS_WAKE_AFTER_NS)
		return 0;
	FS_EMIT(wake, WAKE, e, id, p->vm, fs_irqctx_flag(wctx), now)
	{
		e->target_tid = tid;
		e->target_tgid = tgid;
		e->waker_flags = t->w_flags;
		e->pad = 0;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
