// SPDX-License-Identifier: BSD-2-Clause
/* One record at a time, in the order of (ts, cpu, seq). */
#include "attribute/feed.h"
#include <errno.h>
#include "attribute/evaluate.h"
#include "attribute/records/losses.h"
#include "attribute/records/records.h"

static int interrupt(struct at *a, const struct fs_ev *ev)
{
	switch (ev->kind) {
	case FS_EV_IRQ_SET:
		return at_on_irq_set(a, (const void *)ev);
	case FS_EV_IRQ_MSI:
		return at_on_irq_msi(a, (const void *)ev);
	case FS_EV_IRQ_ACCEPT:
		return at_on_irq_accept(a, (const void *)ev);
	case FS_EV_IRQ_INJECT:
		return at_on_irq_inject(a, (const void *)ev);
	default:
		return 0;
	}
}

static int process(struct at *a, const struct fs_ev *ev)
{
	switch (ev->kind) {
	case FS_EV_PROC_ADD:
		return at_on_proc_add(a, (const void *)ev);
	case FS_EV_FORK:
		return at_on_fork(a, (const void *)ev);
	case FS_EV_EXEC:
		return at_on_exec(a, (const void *)ev);
	case FS_EV_EXIT_TASK:
		return at_on_exit_task(a, (const void *)ev);
	default:
		return 0;
	}
}

static int vm_setup(struct at *a, const struct fs_ev *ev)
{
	switch (ev->kind) {
	case FS_EV_VM_CREATE:
		return at_on_vm_create(a, (const void *)ev);
	case FS_EV_VCPU_CREATE:
		return at_on_vcpu_create(a, (const void *)ev);
	case FS_EV_MEMSLOT:
		return at_on_memslot(a, (const void *)ev);
	default:
		return 0;
	}
}

static int clocks(struct at *a, const struct fs_ev *ev)
{
	switch (ev->kind) {
	case FS_EV_TSC_OFFSET:
		return at_on_tsc_offset(a, (const void *)ev);
	case FS_EV_PVCLOCK:
		return at_on_pvclock(a, (const void *)ev);
	case FS_EV_CLOCK:
		return at_on_clock(a, (const void *)ev);
	default:
		return 0;
	}
}

/* What may end a window. */
static int window_end(struct at *a, const struct fs_ev *ev)
{
	switch (ev->kind) {
	case FS_EV_NET_TX:
		return at_on_net_tx(a, (const void *)ev);
	case FS_EV_PIO:
		return at_on_pio(a, (const void *)ev);
	case FS_EV_MARK:
		return at_on_mark(a, (const void *)ev);
	default:
		return 0;
	}
}

/* What the kernel does for a thread: faults, reads, work items. */
static int kernel_work(struct at *a, const struct fs_ev *ev)
{
	switch (ev->kind) {
	case FS_EV_MMFAULT:
		return at_on_mmfault(a, (const void *)ev);
	case FS_EV_BIO:
		return at_on_bio(a, (const void *)ev);
	case FS_EV_WORK:
		return at_on_work(a, (const void *)ev);
	case FS_EV_APF:
		return at_on_apf(a, (const void *)ev);
	default:
		return 0;
	}
}

static int dispatch(struct at *a, const struct fs_ev *ev)
{
	switch ((enum fs_ev_kind)ev->kind) {
	case FS_EV_PROC_ADD:
	case FS_EV_FORK:
	case FS_EV_EXEC:
	case FS_EV_EXIT_TASK:
		return process(a, ev);
	case FS_EV_VM_CREATE:
	case FS_EV_VCPU_CREATE:
	case FS_EV_MEMSLOT:
		return vm_setup(a, ev);
	case FS_EV_FIRST_RUN:
		return at_on_first_run(a, (const void *)ev);
	case FS_EV_RUN:
		return at_on_run(a, (const void *)ev);
	case FS_EV_VMEXIT:
		return at_on_vmexit(a, (const void *)ev);
	case FS_EV_OFFCPU:
		return at_on_offcpu(a, (const void *)ev);
	case FS_EV_WAKE:
	case FS_EV_SIGNAL:
		return at_on_wake(a, ev);
	case FS_EV_SYSCALL:
	case FS_EV_OPEN:
	case FS_EV_MMAP:
		return at_on_call(a, ev);
	case FS_EV_IRQ_SET:
	case FS_EV_IRQ_MSI:
	case FS_EV_IRQ_ACCEPT:
	case FS_EV_IRQ_INJECT:
		return interrupt(a, ev);
	case FS_EV_HALT:
		return at_on_halt(a, (const void *)ev);
	case FS_EV_MMFAULT:
	case FS_EV_BIO:
	case FS_EV_WORK:
	case FS_EV_APF:
		return kernel_work(a, ev);
	case FS_EV_NET_TX:
	case FS_EV_PIO:
	case FS_EV_MARK:
		return window_end(a, ev);
	case FS_EV_FLUSH:
		return at_on_flush(a, (const void *)ev);
	case FS_EV_TSC_OFFSET:
	case FS_EV_PVCLOCK:
	case FS_EV_CLOCK:
		return clocks(a, ev);
	case FS_EV_NONE:
	case FS_EV_MISSED: /* known from the start: at_missed_load() */
	case FS_EV_UFFD:   /* its wait is seen as a sleep with that stack, and as a hint */
		break;
	}
	return 0;
}

int at_feed(struct at *a, const struct fs_ev *ev)
{
	struct at_vm *vm;
	int ret;

	a->events++;
	if (ev->ts > a->now)
		a->now = ev->ts;
	if (a->now >= a->next_due) {
		ret = at_vms_due(a);
		if (ret)
			return ret;
	}
	if (ev->cpu < AT_CPUS) {
		ret = at_watch_losses(a, ev);
		if (ret)
			return ret;
	}
	if (ev->vm && ev->kind != FS_EV_VMEXIT) {
		vm = at_vm_get(a, ev->vm, ev->tgid, false);
		if (vm && vm->state == AT_VM_OPEN)
			vm->events++;
	}
	ret = dispatch(a, ev);
	return ret ? ret : a->no_memory ? -ENOMEM : 0;
}
