/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls of traced processes: VMs, vCPUs and memory slots are found here, from what KVM's
 * ioctls return, and the phases before a VM first runs.
 */
#include "kvm.bpf.h"

#define NR_OPEN     2
#define NR_MMAP     9
#define NR_IOCTL    16
#define NR_OPENAT   257
#define NR_OPENAT2  437
#define MAP_ANON    0x20
#define MAP_HUGETLB 0x40000
#define HUGETLBFS   0x958458f6 /* magic of its file systems */
#define FS_SCAN_FDS 1024       /* files looked at for VMs made before the recording */

struct fs_call {
	struct fs_self s;
	__u64 now;
	long nr, ret;
	unsigned long a[4];
};

/* Masked, since the verifier of 6.1 forgets what a number was held against once it is read anew. */
static __always_inline bool fs_call_chosen(__u64 nr)
{
	if (nr >= FS_MAX_SYSCALLS)
		return false;
	barrier_var(nr);
	return knobs.syscalls[nr % FS_MAX_SYSCALLS];
}

static __always_inline bool fs_call_wanted(__u64 nr)
{
	return nr == NR_OPEN || nr == NR_MMAP || nr == NR_OPENAT || nr == NR_OPENAT2 ||
	       fs_call_chosen(nr);
}

static long fs_scan_fd(__u32 fd, struct fs_self *s)
{
	struct file *file = fs_file(fd);
	enum fs_file_kind kind = fs_file_kind(file);

	if (kind == FS_FILE_VM)
		fs_vm_late(fs_private(file), s->id >> 32);
	else if (kind == FS_FILE_VCPU && !fs_vcpu_find(fs_private(file)))
		fs_vcpu_add(fs_private(file), s->id >> 32, 0, -1);
	return 0;
}

/* A process given by the user may have VMs already: looks through its files, once. */
static FS_SUBPROG int fs_scan(struct fs_self *s)
{
	struct fs_proc *p = fs_proc_of(s->id >> 32);

	if (!p || !p->scan)
		return 0;
	p->scan = 0;
	bpf_loop(FS_SCAN_FDS, fs_scan_fd, s, 0);
	return 0;
}

/*
 * An untraced process is about to make a VM, or does something else with one that it has: is it one
 * that we were asked to trace? The latter only where the kernel skipped this very program at the
 * former (core.bpf.c explains why it may).
 */
static FS_SUBPROG struct fs_proc *fs_match_creator(int fd, __u32 cmd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	enum fs_file_kind kind = fs_file_kind(fs_file(fd));
	char comm[FS_COMM_LEN] = {};

	if (cmd == KVM_CREATE_VM ? kind != FS_FILE_KVM : kind != FS_FILE_VM && kind != FS_FILE_VCPU)
		return NULL;
	if (knobs.match & FS_MATCH_ALL)
		return fs_proc_add(task, FS_WHY_KVM);
	BPF_CORE_READ_INTO(&comm, task, group_leader, comm);
	if (knobs.match & FS_MATCH_COMM && fs_comm_matches(comm))
		return fs_proc_add(task, FS_WHY_COMM);
	return NULL;
}

/* KVM_RUN is entered. */
static __always_inline void fs_run_enter(struct fs_self *s, int fd, __u64 now)
{
	struct fs_thr *t = s->t;
	struct fs_vcpu *v;

	if (!t->vcpu || t->run_fd != fd || t->run_gen != s->p->gen) {
		struct file *file = fs_file(fd);

		if (fs_file_kind(file) != FS_FILE_VCPU)
			return;
		v = fs_thr_bind(t, fs_private(file));
		t->run_fd = fd;
		t->run_gen = s->p->gen;
		if (v && !v->ran)
			fs_first_run(v, t->vcpu, s->id, 0, now);
	}
	t->run_ts = now;
	t->user_ts = 0;
}

/* @fd and @cmd: the first two arguments, of an ioctl. */
static __always_inline int fs_call_enter(long nr, int fd, __u32 cmd)
{
	struct fs_self s;
	__u64 now;

	if (!fs_self(&s)) {

		if (nr != NR_IOCTL || (cmd & 0xff00) != 0xae00 || cmd == KVM_RUN ||
		    !fs_match_creator(fd, cmd) || !fs_self(&s))
			return 0;
	}
	if (s.p->scan)
		fs_scan(&s);
	if (nr == NR_IOCTL) {
		if (cmd == KVM_RUN) {
			fs_run_enter(&s, fd, bpf_ktime_get_ns());
			return 0;
		}
		if ((cmd & 0xff00) != 0xae00 && !knobs.syscalls[NR_IOCTL])
			return 0;
	} else if (!fs_call_wanted(nr)) {
		return 0;
	}
	now = bpf_ktime_get_ns();
	s.t->sc_ts = now;
	s.t->sc_nr = nr;
	return 0;
}

SEC("?tp_btf/sys_enter")
int FS_PROG(fs_sys_enter, struct pt_regs *regs, long nr)
{
	return fs_call_enter(nr, regs->di, regs->si);
}

SEC("?tracepoint/raw_syscalls/sys_enter")
int FS_PERF_PROG(fs_sys_enter_perf, struct trace_event_raw_sys_enter)
{
	return fs_call_enter(ctx->id, ctx->args[0], ctx->args[1]);
}

static __always_inline void fs_memslot(struct fs_call *c, __u64 kvm)
{
	struct {
		__u32 slot, flags;
		__u64 gpa, size, hva;
	} r = {};
	__u32 vm = fs_vm_late(kvm, c->s.id >> 32);
	struct fs_vm *v = fs_vm_find(kvm);

	bpf_probe_read_user(&r, sizeof(r), (void *)c->a[2]);
	FS_EMIT(memslot, MEMSLOT, e, c->s.id, vm, 0, c->now)
	{
		e->ts_start = c->s.t->sc_ts;
		e->gpa = r.gpa;
		e->size = r.size;
		e->hva = r.hva;
		e->slot = r.slot;
		e->slot_flags = r.flags;
	}
	if (v)
		fs_slot_seen(v, kvm, r.size);
}

/* A KVM ioctl returned: new VMs, vCPUs and slots. Returns whether it belongs to a restore phase. */
static __always_inline bool fs_kvm_ioctl(struct fs_call *c)
{
	__u32 cmd = c->a[1];
	struct file *file;

	if (c->ret < 0)
		return !c->s.p->first_run_ns;
	if (cmd == KVM_CREATE_VM) {
		file = fs_file(c->ret);
		if (fs_file_kind(file) == FS_FILE_VM)
			c->s.vm = fs_vm_add(fs_private(file), c->s.id >> 32, c->s.t->sc_ts, c->ret);
	} else if (cmd == KVM_CREATE_VCPU) {
		file = fs_file(c->ret);
		if (fs_file_kind(file) == FS_FILE_VCPU)
			fs_vcpu_add(fs_private(file), c->s.id >> 32, c->s.t->sc_ts, c->ret);
	} else if (cmd == KVM_SET_USER_MEMORY_REGION || cmd == KVM_SET_USER_MEMORY_REGION2) {
		file = fs_file(c->a[0]);
		if (fs_file_kind(file) == FS_FILE_VM)
			fs_memslot(c, fs_private(file));
	}
	return !c->s.p->first_run_ns;
}

static __always_inline void fs_open(struct fs_call *c)
{
	void *path = (void *)(c->nr == NR_OPEN ? c->a[0] : c->a[1]);
	struct file *file = c->ret >= 0 ? fs_file(c->ret) : NULL;

	FS_EMIT(open, OPEN, e, c->s.id, c->s.vm, 0, c->now)
	{
		e->ts_start = c->s.t->sc_ts;
		e->fd = c->ret;
		e->dev = file ? BPF_CORE_READ(file, f_inode, i_sb, s_dev) : 0;
		e->ino = file ? BPF_CORE_READ(file, f_inode, i_ino) : 0;
		e->path[0] = 0;
		bpf_probe_read_user_str(e->path, sizeof(e->path), path);
	}
}

static __always_inline void fs_mmap(struct fs_call *c, struct pt_regs *regs)
{
	int fd = regs->r8;
	struct file *file = NULL;
	__u32 huge = 0;

	if (!(regs->r10 & MAP_ANON))
		file = fs_file(fd);
	if (file && BPF_CORE_READ(file, f_inode, i_sb, s_magic) == HUGETLBFS)
		huge = MAP_HUGETLB;
	FS_EMIT(mmap, MMAP, e, c->s.id, c->s.vm, 0, c->now)
	{
		e->ts_start = c->s.t->sc_ts;
		e->addr = (unsigned long)c->ret >= -4095UL ? 0 : c->ret;
		e->size = c->a[1];
		e->offset = regs->r9;
		e->ino = file ? BPF_CORE_READ(file, f_inode, i_ino) : 0;
		e->dev = file ? BPF_CORE_READ(file, f_inode, i_sb, s_dev) : 0;
		e->fd = fd;
		e->prot = c->a[2];
		e->map_flags = c->a[3] | huge;
	}
}

/*
 * KVM_RUN returned without kvm_userspace_exit: it failed before the vCPU could run, or the kernel
 * skipped that program.
 */
static __always_inline void fs_run_failed(struct fs_call *c)
{
	FS_EMIT(run, RUN, e, c->s.id, c->s.vm, 0, c->now)
	{
		e->ts_start = c->s.t->run_ts;
		e->reason = 0;
		e->error = c->ret;
		e->vcpu_id = c->s.t->vcpu_id;
		e->pad = 0;
	}
	if (c->s.t->x_ts)
		c->s.t->x.hints |= FS_H_USER;
	c->s.t->run_ts = 0;
	c->s.t->user_ts = c->now;
}

/*
 * Is the call that returns one that @t was seen to begin? If the kernel skipped our program at its
 * beginning, what it did to the VM and its memory must still be recorded, with no beginning.
 */
static __always_inline bool fs_call_begun(struct fs_thr *t, long nr, __u32 cmd)
{
	if (t->sc_nr != (__u32)nr)
		t->sc_ts = 0; /* of a call whose return was skipped */
	if (t->sc_ts || nr == NR_OPEN || nr == NR_OPENAT || nr == NR_OPENAT2 || nr == NR_MMAP)
		return true;
	return nr == NR_IOCTL && (cmd & 0xff00) == 0xae00 && cmd != KVM_RUN;
}

static __always_inline void fs_call_done(struct fs_call *c, struct pt_regs *regs)
{
	bool phase = false;

	if (c->nr == NR_IOCTL && (c->a[1] & 0xff00) == 0xae00)
		phase = fs_kvm_ioctl(c);
	else if (c->nr == NR_OPEN || c->nr == NR_OPENAT || c->nr == NR_OPENAT2)
		fs_open(c);
	else if (c->nr == NR_MMAP)
		fs_mmap(c, regs);
	if (!phase && !fs_call_chosen(c->nr))
		return;
	if (c->s.t->flags & FS_T_VCPU && c->s.p->first_run_ns)
		return;
	FS_EMIT(syscall, SYSCALL, e, c->s.id, c->s.vm, 0, c->now)
	{
		e->ts_start = c->s.t->sc_ts;
		e->ret = c->ret;
		e->arg[0] = c->a[0];
		e->arg[1] = c->a[1];
		e->arg[2] = c->a[2];
		e->arg[3] = c->a[3];
		e->nr = c->nr;
		e->pad = 0;
	}
}

/* VMs that a process has made before are looked for once it calls. */
static FS_SUBPROG int fs_scan_due(void)
{
	struct fs_self s;

	return fs_self(&s) && s.p->scan ? fs_scan(&s) : 0;
}

/*
 * A call returns. Apart from fs_scan_due(): each has a deep way below it, and up to 6.12 all calls
 * of a program share 512 bytes of stack.
 */
static FS_SUBPROG int fs_call_exit(struct pt_regs *regs, long ret)
{
	struct fs_call c;
	struct fs_thr *t;

	if (!fs_self(&c.s))
		return 0;
	t = c.s.t;
	c.nr = regs->orig_ax;
	if (!t->run_ts && !fs_call_begun(t, c.nr, regs->si))
		return 0;
	c.now = bpf_ktime_get_ns();
	c.ret = ret;
	c.a[0] = regs->di;
	c.a[1] = regs->si;
	c.a[2] = regs->dx;
	c.a[3] = regs->r10;
	if (t->run_ts) {
		if (c.nr == NR_IOCTL && (__u32)c.a[1] == KVM_RUN)
			fs_run_failed(&c);
		return 0;
	}
	fs_call_done(&c, regs);
	t->sc_ts = 0;
	return 0;
}

SEC("?tp_btf/sys_exit")
int FS_PROG(fs_sys_exit, struct pt_regs *regs, long ret)
{
	fs_scan_due();
	return fs_call_exit(regs, ret);
}

SEC("?tracepoint/raw_syscalls/sys_exit")
int FS_PERF_PROG(fs_sys_exit_perf, struct trace_event_raw_sys_exit)
{
	fs_scan_due();
	return fs_call_exit((void *)bpf_task_pt_regs(bpf_get_current_task_btf()), ctx->ret);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
