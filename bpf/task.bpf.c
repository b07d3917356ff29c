/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes and threads: made, replaced by exec, ended, signalled. */
#include "kvm.bpf.h"

#define SIGNAL_GROUP_EXIT 4

/*
 * Without the record of its making a process of a command is not traced, and with it a whole VM. So
 * a second program runs where the first was skipped, as in clock.bpf.c; what has been recorded of
 * the thread's newest child is known by when that was made.
 */
static __always_inline int fs_forked(struct task_struct *child)
{
	__u32 ctgid = child->tgid;
	__u64 made = child->start_time;
	struct fs_self s;

	if (!fs_self(&s) || s.t->child_ns == made)
		return 0;
	s.t->child_ns = made;
	FS_EMIT(fork, FORK, e, s.id, s.p->vm, 0, bpf_ktime_get_ns())
	{
		e->start_ns = made;
		e->child_tid = child->pid;
		e->child_tgid = ctgid;
		BPF_CORE_READ_INTO(&e->comm, child, comm);
	}
	if (ctgid != s.id >> 32 && s.p->why == FS_WHY_COMMAND)
		fs_proc_add(child, FS_WHY_COMMAND);
	return 0;
}

SEC("?tp_btf/sched_process_fork")
int FS_PROG(fs_fork, struct task_struct *parent, struct task_struct *child)
{
	return fs_forked(child);
}

SEC("?tp_btf/sched_process_fork")
int FS_PROG(fs_fork_again, struct task_struct *parent, struct task_struct *child)
{
	return fs_forked(child);
}

SEC("?tp_btf/sched_process_exec")
int FS_PROG(fs_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	__u32 tgid = task->tgid;
	struct fs_proc *p = fs_proc_of(tgid);
	__u64 id = (__u64)tgid << 32 | (__u32)task->pid;

	if (!p && knobs.match & FS_MATCH_COMM) {
		char comm[FS_COMM_LEN] = {};

		BPF_CORE_READ_INTO(&comm, task, comm);
		if (fs_comm_matches(comm))
			p = fs_proc_add(task, FS_WHY_COMM);
	}
	if (!p)
		return 0;
	/* The thread that calls exec goes on under the number of the first. */
	if (old_pid != task->pid)
		fs_thr_end(p, old_pid);
	FS_EMIT(exec, EXEC, e, id, p->vm, 0, bpf_ktime_get_ns())
	{
		BPF_CORE_READ_INTO(&e->comm, task, comm);
		e->file[0] = 0;
		bpf_probe_read_kernel_str(e->file, sizeof(e->file), BPF_CORE_READ(bprm, filename));
	}
	return 0;
}

/* Says what the thread was in the middle of, as FS_F_CLIPPED records. */
static __always_inline void fs_clip(struct fs_thr *t, __u64 id, __u32 vm, __u64 now)
{
	if (t->run_ts) {
		FS_EMIT(run, RUN, e, id, vm, FS_F_CLIPPED, now)
		{
			e->ts_start = t->run_ts;
			e->reason = 0;
			e->error = 0;
			e->vcpu_id = t->vcpu_id;
			e->pad = 0;
		}
	}
	if (t->x_ts) {
		FS_EMIT(flush, FLUSH, e, id, vm, FS_F_CLIPPED, now)
		{
			e->ts_exit = t->x_ts;
			e->ts_out = 0;
			e->ts_wake = 0;
			e->ts_run = t->run_ts;
			e->ts_user = t->user_ts;
			e->vcpu_id = t->vcpu_id;
			e->prev_state = 0;
			e->reason = t->x_reason;
			e->hints = t->x.hints;
		}
	}
}

SEC("?tp_btf/sched_process_exit")
int FS_PROG(fs_exit, struct task_struct *task)
{
	__u32 tid = task->pid, tgid = task->tgid;
	struct fs_proc *p = fs_proc_of(tgid);
	struct fs_thr *t;
	__u64 now, id = (__u64)tgid << 32 | tid;
	__u32 vm, dead;

	if (!p)
		return 0;
	now = bpf_ktime_get_ns();
	vm = p->vm;
	t = fs_thr_find(tid);
	if (t) {
		vm = fs_vm_of(t, p);
		fs_clip(t, id, vm, now);
		if (t->vcpu && BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT)
			bpf_map_delete_elem(&vcpus, &t->vcpu);
	}
	fs_thr_end(p, tid);
	/*
	 * The kernel counts a thread down before it comes here, and may run another of the process
	 * in between: its last one is the one after which none is known any more.
	 */
	dead = BPF_CORE_READ(task, signal, live.counter) == 0 && !p->nthr;
	FS_EMIT(exit_task, EXIT_TASK, e, id, vm, 0, now)
	{
		e->code = task->exit_code;
		e->group_dead = dead;
	}
	if (dead) {
		__u64 kvm = p->kvm;

		if (kvm)
			bpf_map_delete_elem(&vms, &kvm);
		bpf_map_delete_elem(&procs, &tgid);
	}
	fs_self_changed();
	return 0;
}

SEC("?tp_btf/signal_generate")
int FS_PROG(fs_signal, int sig, void *info, struct task_struct *task)
{
	__u32 tgid = task->tgid;
	struct fs_proc *p = fs_proc_of(tgid);
	__u32 wctx;

	if (!p)
		return 0;
	wctx = fs_context();
	FS_EMIT(signal, SIGNAL, e, bpf_get_current_pid_tgid(), p->vm, fs_irqctx_flag(wctx),
		bpf_ktime_get_ns())
	{
		e->target_tid = task->pid;
		e->target_tgid = tgid;
		e->sig = sig;
		e->pad = 0;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
