/* SPDX-License-Identifier: BSD-2-Clause */
/* VMs and vCPUs by their kernel addresses, also those that existed before the recording. */
#ifndef FS_KVM_BPF_H
#define FS_KVM_BPF_H

#include "thread.bpf.h"

#define KVM_CREATE_VM               0xAE01u
#define KVM_CREATE_VCPU             0xAE41u
#define KVM_RUN                     0xAE80u
#define KVM_SET_USER_MEMORY_REGION  0x4020AE46u
#define KVM_SET_USER_MEMORY_REGION2 0x40A0AE49u

#define FS_SLOT_BUCKETS             128
#define FS_SLOT_CHAIN               4 /* of a bucket of a VM seen late, at most */
#define FS_OWN_PAGES                8 /* in slots that KVM sets for itself: TSS, APIC, identity map */

/* struct file of @fd of the current task, NULL. Read without a reference: an identity only. */
static __always_inline struct file *fs_file(int fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file **table, *file = NULL;

	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(fdt, max_fds))
		return NULL;
	table = BPF_CORE_READ(fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), &table[fd]);
	return file;
}

enum fs_file_kind { FS_FILE_OTHER, FS_FILE_KVM, FS_FILE_VM, FS_FILE_VCPU };

/* By the name of the file's dentry: "kvm", "kvm-vm", "kvm-vcpu:N". */
static __always_inline enum fs_file_kind fs_file_kind(struct file *file)
{
	const unsigned char *name;
	char b[8] = {};

	if (!file)
		return FS_FILE_OTHER;
	name = BPF_CORE_READ(file, f_path.dentry, d_name.name);
	bpf_probe_read_kernel_str(b, sizeof(b), name);
	if (b[0] != 'k' || b[1] != 'v' || b[2] != 'm')
		return FS_FILE_OTHER;
	if (!b[3])
		return FS_FILE_KVM;
	if (b[3] != '-' || b[4] != 'v')
		return FS_FILE_OTHER;
	if (b[5] == 'm' && !b[6])
		return FS_FILE_VM;
	return b[5] == 'c' && b[6] == 'p' ? FS_FILE_VCPU : FS_FILE_OTHER;
}

static __always_inline __u64 fs_private(struct file *file)
{
	return (__u64)BPF_CORE_READ(file, private_data);
}

static __always_inline struct fs_vm *fs_vm_find(__u64 kvm)
{
	return bpf_map_lookup_elem(&vms, &kvm);
}

/* Has the process begun after the recording? A VM is its process' own, so that is young, too. */
static __always_inline bool fs_young(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return fs_since && BPF_CORE_READ(task, group_leader, start_time) > fs_since;
}

/* Numbers a VM and makes it its process' newest. Returns its number, 0 when the table is full. */
static FS_SUBPROG __u32 fs_vm_add(__u64 kvm, __u32 tgid, __u64 ts_start, int fd)
{
	__u64 now = bpf_ktime_get_ns(), id = bpf_get_current_pid_tgid();
	struct fs_proc *p = fs_proc_of(tgid);
	struct fs_vm v = {.tgid = tgid};
	bool made = fd >= 0 || fs_young();

	v.made = made;
	v.vm = __sync_fetch_and_add(&fs_last_vm, 1) + 1;
	if (bpf_map_update_elem(&vms, &kvm, &v, BPF_ANY)) {
		fs_lose(v.vm, FS_LOSS_STATE);
		return 0;
	}
	if (p) {
		p->vm = v.vm;
		p->kvm = kvm;
		p->first_run_ns = 0;
	}
	fs_self_changed();
	FS_EMIT(vm_create, VM_CREATE, e, id, v.vm, made ? 0 : FS_F_LATE, now)
	{
		e->ts_start = ts_start;
		e->kvm = kvm;
		e->fd = fd;
		e->pad = 0;
	}
	return v.vm;
}

struct fs_slots {
	struct kvm_memslots *slots;
	int idx;
	__u32 vm;
};

static long fs_slot_bucket(__u32 i, struct fs_slots *s)
{
	__u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns();
	struct kvm_memslots *slots = s->slots;
	struct hlist_node *node;

	if (i >= FS_SLOT_BUCKETS)
		return 1;
	bpf_probe_read_kernel(&node, sizeof(node), &slots->id_hash[i]);
	for (int n = 0; n < FS_SLOT_CHAIN && node; n++) {
		__u64 off = bpf_core_field_offset(struct kvm_memory_slot, id_node);
		struct kvm_memory_slot *m;

		m = (void *)node - off - (s->idx ? sizeof(void *) * 2 : 0);
		FS_EMIT(memslot, MEMSLOT, e, id, s->vm, FS_F_LATE, now)
		{
			e->ts_start = 0;
			e->gpa = BPF_CORE_READ(m, base_gfn) << 12;
			e->size = BPF_CORE_READ(m, npages) << 12;
			e->hva = BPF_CORE_READ(m, userspace_addr);
			e->slot =
				(__u32)BPF_CORE_READ(m, as_id) << 16 | (__u16)BPF_CORE_READ(m, id);
			e->slot_flags = BPF_CORE_READ(m, flags);
		}
		bpf_probe_read_kernel(&node, sizeof(node), &node->next);
	}
	if (node)
		fs_lose(s->vm, FS_LOSS_SLOTS);
	return 0;
}

/* Pages in all slots of a VM; 0 where the kernel (before 5.17) does not count them. */
static __always_inline __u64 fs_slot_pages(__u64 kvm)
{
	struct kvm *k = (void *)kvm;

	return bpf_core_field_exists(k->nr_memslot_pages) ? BPF_CORE_READ(k, nr_memslot_pages) : 0;
}

/* Tells the memory slots that @kvm has. */
static __always_inline void fs_slots_emit(struct fs_vm *v, __u64 kvm)
{
	struct kvm *k = (void *)kvm;
	struct kvm_memslots *slots = BPF_CORE_READ(k, memslots[0]);
	struct fs_slots s = {.slots = slots};

	if (!v || !slots)
		return;
	v->slot_pages = fs_slot_pages(kvm);
	v->slots_unseen = 0;
	s.vm = v->vm;
	s.idx = BPF_CORE_READ(slots, node_idx);
	bpf_loop(FS_SLOT_BUCKETS, fs_slot_bucket, &s, 0);
}

/* A slot of @size bytes was set (0: taken away): is that all that changed since the newest? */
static __always_inline void fs_slot_seen(struct fs_vm *v, __u64 kvm, __u64 size)
{
	__u64 now = fs_slot_pages(kvm), was = v->slot_pages;

	if (now > was + FS_OWN_PAGES && now - was - FS_OWN_PAGES > size >> 12)
		v->slots_unseen = 1;
	v->slot_pages = now;
}

/* Was a slot set unseen, now that the VM is about to run? */
static __always_inline bool fs_slots_missed(const struct fs_vm *v, __u64 kvm)
{
	return v->slots_unseen || fs_slot_pages(kvm) > v->slot_pages + FS_OWN_PAGES;
}

/* Finds or adds a VM whose making was not seen, and reads its memory slots. */
static FS_SUBPROG __u32 fs_vm_late(__u64 kvm, __u32 tgid)
{
	struct fs_vm *v = fs_vm_find(kvm);
	__u32 vm;

	if (v && v->tgid == tgid) /* else the address was given to another VM */
		return v->vm;
	vm = fs_vm_add(kvm, tgid, 0, -1);
	if (vm)
		fs_slots_emit(fs_vm_find(kvm), kvm);
	return vm;
}

static __always_inline struct fs_vcpu *fs_vcpu_find(__u64 vcpu)
{
	return bpf_map_lookup_elem(&vcpus, &vcpu);
}

/* Adds a vCPU of a VM that is known; see fs_vcpu_add(). */
static FS_SUBPROG struct fs_vcpu *fs_vcpu_put(__u64 vcpu, __u32 tgid, __u64 ts_start, int fd)
{
	__u64 now = bpf_ktime_get_ns(), id = bpf_get_current_pid_tgid();
	struct kvm_vcpu *k = (void *)vcpu;
	struct fs_vcpu v = {};
	struct fs_proc *p;
	struct fs_vm *m;
	bool old;

	v.kvm = (__u64)BPF_CORE_READ(k, kvm);
	v.vcpu_id = BPF_CORE_READ(k, vcpu_id);
	m = fs_vm_find(v.kvm);
	if (!m)
		return NULL;
	v.vm = m->vm;
	old = fd < 0 && !m->made;
	/*
	 * KVM sets vcpu->pid at the first KVM_RUN. In a VM that we know from its beginning this
	 * one may be under way, and have been skipped as the vCPU's making was: no entry is.
	 */
	v.ran = old && BPF_CORE_READ(k, pid);
	if (bpf_map_update_elem(&vcpus, &vcpu, &v, BPF_ANY)) {
		fs_lose(v.vm, FS_LOSS_STATE);
		return NULL;
	}
	p = fs_proc_of(tgid);
	if (p) {
		p->gen++;
		if (v.ran && !p->first_run_ns)
			p->first_run_ns = 1; /* long ago */
	}
	FS_EMIT(vcpu_create, VCPU_CREATE, e, id, v.vm, old ? FS_F_LATE : 0, now)
	{
		e->ts_start = ts_start;
		e->vcpu = vcpu;
		e->fd = fd;
		e->vcpu_id = v.vcpu_id;
	}
	return fs_vcpu_find(vcpu);
}

/*
 * Adds a vCPU, and its VM if need be; @fd is -1 for one whose making was not seen. Both are deep:
 * what the one has on the stack is gone before the other runs (tests/bpf/stack.py).
 */
static FS_SUBPROG struct fs_vcpu *fs_vcpu_add(__u64 vcpu, __u32 tgid, __u64 ts_start, int fd)
{
	struct kvm_vcpu *k = (void *)vcpu;

	if (!fs_vm_late((__u64)BPF_CORE_READ(k, kvm), tgid))
		return NULL;
	return fs_vcpu_put(vcpu, tgid, ts_start, fd);
}

/* Is @v of the VM that the vCPU is of now? Addresses are used again. */
static __always_inline bool fs_vcpu_fits(const struct fs_vcpu *v, __u64 vcpu)
{
	struct kvm_vcpu *k = (void *)vcpu;
	struct fs_vm *m = fs_vm_find((__u64)BPF_CORE_READ(k, kvm));

	return m && m->vm == v->vm;
}

/* Notes that @t runs @vcpu. Returns the vCPU's entry, NULL when a table is full. */
static FS_SUBPROG struct fs_vcpu *fs_thr_bind(struct fs_thr *t, __u64 vcpu)
{
	struct fs_vcpu *v = fs_vcpu_find(vcpu);

	if (!t)
		return NULL;
	if (!v || !fs_vcpu_fits(v, vcpu))
		v = fs_vcpu_add(vcpu, t->tgid, 0, -1);
	if (!v)
		return NULL;
	t->vcpu = vcpu;
	t->kvm = v->kvm;
	t->vm = v->vm;
	t->vcpu_id = v->vcpu_id;
	if (!(t->flags & FS_T_VCPU))
		fs_self_changed();
	t->flags |= FS_T_VCPU;
	return v;
}

static __always_inline void fs_read_regs(struct fs_ev_first_run *e, struct kvm_vcpu *k)
{
	struct kvm_vcpu___rip *kr = (void *)k;
	__u32 valid = 0;
	unsigned long v;
	__u64 efer;

	e->rip = e->cr0 = e->cr4 = e->efer = e->cr3 = 0;
	if (bpf_core_field_exists(kr->arch.rip)) {
		if (!BPF_CORE_READ_INTO(&v, kr, arch.rip)) {
			e->rip = v;
			valid |= 1;
		}
	} else if (!BPF_CORE_READ_INTO(&v, k, arch.regs[16])) {
		e->rip = v;
		valid |= 1;
	}
	if (!BPF_CORE_READ_INTO(&v, k, arch.cr0)) {
		e->cr0 = v;
		valid |= 2;
	}
	if (!BPF_CORE_READ_INTO(&v, k, arch.cr4)) {
		e->cr4 = v;
		valid |= 4;
	}
	if (!BPF_CORE_READ_INTO(&efer, k, arch.efer)) {
		e->efer = efer;
		valid |= 8;
	}
	if (!BPF_CORE_READ_INTO(&v, k, arch.cr3)) {
		e->cr3 = v;
		valid |= 16;
	}
	e->valid = valid;
}

/*
 * A vCPU runs for the first time: at KVM_RUN, or (@flags FS_F_LATE) at its entry if that was
 * missed. No function has more than five arguments: clang passes a sixth on the stack, and 7.3
 * refuses it.
 */
static FS_SUBPROG int fs_first_run(struct fs_vcpu *v, __u64 vcpu, __u64 id, __u16 flags, __u64 now)
{
	struct fs_proc *p = fs_proc_of(id >> 32);
	struct fs_vm *m;

	if (!v || !p)
		return 0;
	m = fs_vm_find(v->kvm);
	v->ran = 1;
	if (m && !m->ran && fs_slots_missed(m, v->kvm))
		fs_slots_emit(m, v->kvm);
	if (m)
		m->ran = 1;
	if (!p->first_run_ns)
		p->first_run_ns = now;
	FS_EMIT(first_run, FIRST_RUN, e, id, v->vm, flags, now)
	{
		fs_read_regs(e, (void *)vcpu);
		e->vcpu_id = v->vcpu_id;
	}
	return 0;
}

#endif
