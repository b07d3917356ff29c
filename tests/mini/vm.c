// SPDX-License-Identifier: BSD-2-Clause
/* One mini VM: long mode with paging on, vCPU threads that wait to be resumed. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "mini.h"
#include "layout.h"

extern const char mini_guest[], mini_guest_irq[], mini_guest_end[];

#define LAPIC_SVR      0xf0
#define MSR_APIC_X2    0xc00ull /* enabled, x2APIC */
#define APIC_BASE_ADDR 0xfee00000ull

uint64_t mini_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void mini_die(const char *what)
{
	fprintf(stderr, "mini: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void put64(struct mini_vm *vm, size_t at, uint64_t v)
{
	memcpy(vm->mem + at, &v, sizeof(v));
}

static void put_gate(struct mini_vm *vm, unsigned int vector, uint64_t to)
{
	uint64_t low = (to & 0xffff) | 0x08ull << 16 | 0x8e00ull << 32 | (to >> 16 & 0xffff) << 48;

	put64(vm, MINI_IDT + vector * 16u, low);
	put64(vm, MINI_IDT + vector * 16u + 8, to >> 32);
}

static void put_tables(struct mini_vm *vm)
{
	uint64_t code = MINI_HIGH + MINI_CODE;

	put64(vm, MINI_GDT + 0x08, 0x00af9b000000ffffull); /* 64-bit code */
	put64(vm, MINI_GDT + 0x10, 0x00cf93000000ffffull); /* data */
	put64(vm, MINI_PML4 + 511 * 8, MINI_PDPT | 3);
	put64(vm, MINI_PDPT + 510 * 8, MINI_PD | 3);
	for (unsigned int i = 0; i < 512; i++)
		put64(vm, MINI_PD + i * 8, (uint64_t)i << 21 | 0x83);
	memcpy(vm->mem + MINI_CODE, mini_guest, (size_t)(mini_guest_end - mini_guest));
	put_gate(vm, MINI_VECTOR, code + (uint64_t)(mini_guest_irq - mini_guest));
}

static void set_sregs(struct mini_vcpu *c)
{
	struct kvm_sregs s;
	struct kvm_segment seg = {
		.limit = ~0u, .selector = 0x08, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};

	if (ioctl(c->fd, KVM_GET_SREGS, &s))
		mini_die("KVM_GET_SREGS");
	s.cs = seg;
	seg.selector = 0x10;
	seg.type = 3;
	seg.l = 0;
	seg.db = 1;
	s.ds = s.es = s.fs = s.gs = s.ss = seg;
	s.gdt.base = MINI_HIGH + MINI_GDT;
	s.gdt.limit = 0x17;
	s.idt.base = MINI_HIGH + MINI_IDT;
	s.idt.limit = 0xfff;
	s.cr0 = 0x80050033;
	s.cr3 = MINI_PML4;
	s.cr4 = 0x20;
	s.efer = 0x500;
	if (c->vm->irqchip)
		s.apic_base = (s.apic_base & ~0xfffull & ~0xc00ull) | APIC_BASE_ADDR | MSR_APIC_X2 |
			      (c->id ? 0 : 0x100);
	if (ioctl(c->fd, KVM_SET_SREGS, &s))
		mini_die("KVM_SET_SREGS");
}

static void set_lapic(struct mini_vcpu *c)
{
	struct kvm_lapic_state l;
	uint32_t svr = 0x1ff;

	if (ioctl(c->fd, KVM_GET_LAPIC, &l))
		mini_die("KVM_GET_LAPIC");
	memcpy(l.regs + LAPIC_SVR, &svr, sizeof(svr));
	if (ioctl(c->fd, KVM_SET_LAPIC, &l))
		mini_die("KVM_SET_LAPIC");
}

static void set_cpuid(struct mini_vcpu *c)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + 256 * sizeof(cpuid->entries[0]));

	if (!cpuid)
		mini_die("memory");
	cpuid->nent = 256;
	if (ioctl(c->vm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid) ||
	    ioctl(c->fd, KVM_SET_CPUID2, cpuid))
		mini_die("the guest's CPUID");
	free(cpuid);
}

static void set_regs(struct mini_vcpu *c)
{
	const struct mini_opts *o = c->vm->o;
	struct kvm_regs r = {
		.rip = MINI_HIGH + MINI_CODE,
		.rsp = MINI_HIGH + MINI_STACK + 4096u * (unsigned int)(c->id + 1) - 16,
		.rflags = 2,
		.rdi = o->pages,
		.rsi = MINI_HIGH + MINI_DATA + 4096ull * o->pages * (unsigned int)c->id,
		.r8 = o->writes,
		.r9 = o->spin,
		.r10 = o->ports,
		.r11 = o->halts,
		.r12 = MINI_END_PORT,
	};

	if (ioctl(c->fd, KVM_SET_REGS, &r))
		mini_die("KVM_SET_REGS");
}

static void wait_for_go(struct mini_vcpu *c)
{
	while (!__atomic_load_n(&c->go, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &c->go, FUTEX_WAIT, 0, NULL, NULL, 0);
}

/* Returns 1 when the vCPU is at its end. */
static int handle_exit(struct mini_vcpu *c)
{
	c->exits++;
	switch (c->run->exit_reason) {
	case KVM_EXIT_IO:
		c->ports++;
		if (c->run->io.port != MINI_END_PORT)
			return 0;
		c->t_end = mini_now();
		return 1;
	case KVM_EXIT_HLT:
		return 0;
	default:
		fprintf(stderr, "mini: vCPU %d: exit reason %u, not known here\n", c->id,
			c->run->exit_reason);
		c->failed = 1;
		return 1;
	}
}

static void *vcpu_main(void *arg)
{
	struct mini_vcpu *c = arg;
	char name[16];

	snprintf(name, sizeof(name), "mini_vcpu %d", c->id);
	pthread_setname_np(pthread_self(), name);
	__atomic_store_n(&c->tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	wait_for_go(c);
	if (c->vm->o->lock_ms) {
		pthread_mutex_lock(&c->vm->lock);
		pthread_mutex_unlock(&c->vm->lock);
	}
	c->t_run = mini_now();
	for (unsigned int first = MINI_UNSEEN_RUN;; first = 0) {
		if (mini_ioctl(c->vm->o, first, c->fd, KVM_RUN, 0) && errno != EINTR) {
			fprintf(stderr, "mini: KVM_RUN: %s\n", strerror(errno));
			c->failed = 1;
			return NULL;
		}
		if (handle_exit(c))
			return NULL;
	}
}

static void make_vcpu(struct mini_vm *vm, int id)
{
	struct mini_vcpu *c = &vm->vcpu[id];
	long size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	c->vm = vm;
	c->id = id;
	c->fd = mini_ioctl(vm->o, MINI_UNSEEN_VCPU, vm->fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (c->fd < 0 || size <= 0)
		mini_die("KVM_CREATE_VCPU");
	c->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (c->run == MAP_FAILED)
		mini_die("mapping kvm_run");
	set_cpuid(c);
	set_sregs(c);
	if (vm->irqchip)
		set_lapic(c);
	if (vm->irqchip) {
		struct kvm_mp_state runnable = {.mp_state = KVM_MP_STATE_RUNNABLE};

		if (ioctl(c->fd, KVM_SET_MP_STATE, &runnable))
			mini_die("KVM_SET_MP_STATE");
	}
	set_regs(c);
	if (pthread_create(&c->thread, NULL, vcpu_main, c))
		mini_die("the vCPU thread");
	while (!__atomic_load_n(&c->tid, __ATOMIC_ACQUIRE))
		usleep(100);
}

void mini_vm_make(struct mini_vm *vm, const struct mini_opts *o)
{
	struct kvm_userspace_memory_region *slot = mini_low_memory(sizeof(*slot));

	memset(vm, 0, sizeof(*vm));
	vm->o = o;
	pthread_mutex_init(&vm->lock, NULL);
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		mini_die("/dev/kvm");
	mini_memory_map(vm);
	vm->t_create = mini_now();
	vm->fd = mini_ioctl(o, MINI_UNSEEN_VM, vm->kvm, KVM_CREATE_VM, 0);
	vm->t_created = mini_now();
	if (vm->fd < 0)
		mini_die("KVM_CREATE_VM");
	vm->irqchip = o->halts > 0;
	if (vm->irqchip && ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		mini_die("KVM_CREATE_IRQCHIP");
	put_tables(vm);
	slot->memory_size = vm->bytes;
	slot->userspace_addr = (uintptr_t)vm->mem;
	if (mini_ioctl(o, MINI_UNSEEN_SLOT, vm->fd, KVM_SET_USER_MEMORY_REGION, (uintptr_t)slot))
		mini_die("KVM_SET_USER_MEMORY_REGION");
	for (int i = 0; i < (int)o->vcpus; i++)
		make_vcpu(vm, i);
	usleep(2000); /* so that the vCPU threads sleep when they are resumed */
}

void mini_vm_resume(struct mini_vm *vm)
{
	if (vm->o->lock_ms)
		pthread_mutex_lock(&vm->lock);
	vm->t_resume = mini_now();
	for (unsigned int i = 0; i < vm->o->vcpus; i++) {
		__atomic_store_n(&vm->vcpu[i].go, 1, __ATOMIC_RELEASE);
		syscall(SYS_futex, &vm->vcpu[i].go, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
	vm->t_resumed = mini_now();
	if (vm->o->lock_ms) {
		usleep(vm->o->lock_ms * 1000);
		pthread_mutex_unlock(&vm->lock);
	}
}

static int all_ended(struct mini_vm *vm)
{
	for (unsigned int i = 0; i < vm->o->vcpus; i++)
		if (!__atomic_load_n(&vm->vcpu[i].t_end, __ATOMIC_ACQUIRE) && !vm->vcpu[i].failed)
			return 0;
	return 1;
}

static void send_msis(struct mini_vm *vm)
{
	for (unsigned int i = 0; i < vm->o->vcpus; i++) {
		struct kvm_msi msi = {.address_lo = 0xfee00000u | i << 12, .data = MINI_VECTOR};

		ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
	}
}

void mini_vm_wait(struct mini_vm *vm)
{
	while (vm->irqchip && !all_ended(vm)) {
		usleep(1000);
		send_msis(vm);
	}
	for (unsigned int i = 0; i < vm->o->vcpus; i++)
		pthread_join(vm->vcpu[i].thread, NULL);
}
