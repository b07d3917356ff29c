// SPDX-License-Identifier: BSD-2-Clause
/* Records that mark what the VMM did before the resume, and what each of them did. */
#include "attribute/records/phase_records.h"
#include <linux/kvm.h>
#include <string.h>
#include <sys/mman.h>
#include "attribute/state/at.h"

#define MAX_RECORDS 65536
#define NR_IOCTL    16
#define IOCTL_NR(c) ((c)&0xffffu) /* type and number; sizes differ between versions */

static const uint32_t vcpu_ioctls[] = {
	IOCTL_NR(KVM_SET_REGS),     IOCTL_NR(KVM_SET_SREGS),       IOCTL_NR(KVM_SET_SREGS2),
	IOCTL_NR(KVM_SET_MSRS),     IOCTL_NR(KVM_SET_CPUID2),      IOCTL_NR(KVM_SET_LAPIC),
	IOCTL_NR(KVM_SET_FPU),      IOCTL_NR(KVM_SET_XSAVE),       IOCTL_NR(KVM_SET_XCRS),
	IOCTL_NR(KVM_SET_MP_STATE), IOCTL_NR(KVM_SET_VCPU_EVENTS), IOCTL_NR(KVM_SET_DEBUGREGS),
	IOCTL_NR(KVM_SET_TSC_KHZ),  IOCTL_NR(KVM_KVMCLOCK_CTRL),
};
static const uint32_t device_ioctls[] = {
	IOCTL_NR(KVM_SET_CLOCK),       IOCTL_NR(KVM_SET_IRQCHIP),     IOCTL_NR(KVM_SET_PIT2),
	IOCTL_NR(KVM_SET_GSI_ROUTING), IOCTL_NR(KVM_IRQFD),           IOCTL_NR(KVM_IOEVENTFD),
	IOCTL_NR(KVM_CREATE_DEVICE),   IOCTL_NR(KVM_SET_DEVICE_ATTR),
};

static bool in(const uint32_t *v, size_t n, uint32_t x)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == x)
			return true;
	return false;
}

/* Fills @r by its record. False: it marks nothing. */
static bool fill(struct at *a, const struct fs_ev *ev, struct at_phrec *r)
{
	const struct fs_ev_open *o = (const void *)ev;
	const struct fs_ev_mmap *m = (const void *)ev;
	const struct fs_ev_syscall *s = (const void *)ev;

	switch (ev->kind) {
	case FS_EV_EXEC:
		r->kind = AT_PH_EXEC;
		return true;
	case FS_EV_OPEN:
		if (o->fd < 0)
			return false;
		r->kind = AT_PH_OPEN;
		r->t0 = o->ts_start;
		r->path = at_str(a, o->path, sizeof(o->path));
		r->ino = o->ino;
		r->dev = o->dev;
		return true;
	case FS_EV_MMAP:
		if (!m->addr)
			return false;
		r->kind = AT_PH_MMAP;
		r->t0 = m->ts_start;
		r->addr = m->addr;
		r->size = m->size;
		r->arg = m->offset;
		r->ino = m->ino;
		r->dev = m->dev;
		r->huge = m->map_flags & MAP_HUGETLB;
		return true;
	case FS_EV_VM_CREATE:
		r->kind = AT_PH_VM;
		r->t0 = ((const struct fs_ev_vm_create *)ev)->ts_start;
		return true;
	case FS_EV_VCPU_CREATE:
		r->kind = AT_PH_VCPU;
		r->t0 = ((const struct fs_ev_vcpu_create *)ev)->ts_start;
		return true;
	case FS_EV_MEMSLOT:
		r->kind = AT_PH_SLOT;
		r->t0 = ((const struct fs_ev_memslot *)ev)->ts_start;
		return true;
	case FS_EV_SYSCALL:
		r->kind = AT_PH_SYSCALL;
		r->t0 = s->ts_start;
		r->nr = s->nr;
		r->arg = s->arg[1];
		return true;
	case FS_EV_FORK:
		if (((const struct fs_ev_fork *)ev)->child_tgid != ev->tgid)
			return false;
		r->kind = AT_PH_THREAD;
		return true;
	default:
		return false;
	}
}

int at_on_phase(struct at *a, struct at_proc *p, const struct fs_ev *ev)
{
	struct at_phrec r = {.t0 = ev->ts, .t1 = ev->ts, .tid = ev->tid};

	if (!p || !p->keep_until || p->phases.n >= MAX_RECORDS || !fill(a, ev, &r))
		return 0;
	if (!r.t0 || r.t0 > r.t1)
		r.t0 = r.t1; /* its beginning was not seen */
	p->spans++;
	at_proc_trim(p);
	return fs_vec_push(&p->phases, r);
}

bool at_is_guest_memory(const struct at_vm *vm, const struct at_phrec *r)
{
	for (size_t i = 0; i < vm->slots.n; i++) {
		const struct at_slot *s = &vm->slots.v[i];

		if (r->kind == AT_PH_MMAP && s->size >= 1 << 20 && s->hva >= r->addr &&
		    s->hva - r->addr < r->size)
			return true;
	}
	return false;
}

bool at_has_huge_memory(const struct at_vm *vm)
{
	for (size_t i = 0; i < vm->proc->phases.n; i++)
		if (vm->proc->phases.v[i].huge && at_is_guest_memory(vm, &vm->proc->phases.v[i]))
			return true;
	return false;
}

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), k = strlen(tail);

	return n >= k && !strcmp(s + n - k, tail);
}

/* Files that every program opens, and devices, are no snapshot. */
static bool is_data_file(const char *path)
{
	static const char *const others[] = {"/dev/", "/proc/", "/sys/", "/etc/",
					     "/lib",  "/usr/",  "/run/"};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strncmp(path, others[i], strlen(others[i])))
			return false;
	return *path && !ends_with(path, ".so") && !strstr(path, ".so.");
}

bool at_sets_vcpu(const struct at_phrec *r)
{
	return r->kind == AT_PH_SYSCALL && r->nr == NR_IOCTL &&
	       in(vcpu_ioctls, sizeof(vcpu_ioctls) / 4, IOCTL_NR((uint32_t)r->arg));
}

bool at_sets_device(const struct at_phrec *r)
{
	return r->kind == AT_PH_SYSCALL && r->nr == NR_IOCTL &&
	       in(device_ioctls, sizeof(device_ioctls) / 4, IOCTL_NR((uint32_t)r->arg));
}

/*
 * The open of the snapshot's state: the last data file opened before the vCPUs' state is set that
 * is not itself the memory (Firecracker opens the state, then memory; QEMU memory at its start,
 * then the state at the command to load). What is opened after it, such as the initrd that Cloud
 * Hypervisor looks for, is no state.
 */
const struct at_phrec *at_state_open(struct at *a, const struct at_vm *vm)
{
	const struct at_proc *p = vm->proc;
	const struct at_phrec *open = NULL, *best = NULL, *state = NULL;
	bool set = false;

	for (size_t i = 0; i < p->phases.n && p->phases.v[i].t1 < vm->resume; i++) {
		const struct at_phrec *r = &p->phases.v[i];

		if (at_sets_vcpu(r)) {
			state = open ? open : best;
			set = true;
		} else if (r->kind == AT_PH_OPEN && is_data_file(at_str_get(a, r->path))) {
			best = open ? open : best;
			open = r;
		} else if (at_is_guest_memory(vm, r) && r->ino) {
			/* a mapping right after an open: that file was the memory */
			open = NULL;
		}
	}
	/* without the system calls there is no better guess */
	return set ? state : open ? open : best;
}

uint64_t at_load_start(struct at *a, const struct at_vm *vm)
{
	const struct at_phrec *s = at_state_open(a, vm);

	return s ? s->t0 : 0;
}
