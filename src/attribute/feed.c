// SPDX-License-Identifier: BSD-2-Clause
/* One record at a time, in the order of (ts, cpu, seq). */
#include <errno.h>
#include <string.h>
#include "attribute/state.h"

#define MAX_HOLES 65536
#define MAX_SLOTS 4096

/*
 * A jump in a CPU's sequence is a loss between its previous record and this one. A record whose
 * time was taken just before an interrupt may come after those of the interrupt: it fills the hole
 * that it seemed to leave.
 */
static int watch_losses(struct at *a, const struct fs_ev *ev)
{
	struct at_cpu *c = &a->cpus[ev->cpu];
	int32_t d = (int32_t)(ev->seq - c->max_seq);

	if (d != 1 && c->seen) {
		if (d <= 0) {
			if (c->hole && a->holes.v[c->hole - 1].missing)
				a->holes.v[c->hole - 1].missing--;
			return 0;
		}
		if (a->holes.n >= MAX_HOLES) {
			if (c->hole)
				a->holes.v[c->hole - 1].t1 = ev->ts;
		} else {
			if (fs_vec_push(&a->holes, (struct at_hole){.t0 = c->last_ts,
								    .t1 = ev->ts,
								    .cpu = ev->cpu,
								    .missing = (uint32_t)d - 1}))
				return -ENOMEM;
			c->hole = a->holes.n;
		}
	}
	c->seen = true;
	c->max_seq = ev->seq;
	c->last_ts = ev->ts;
	return 0;
}

static int on_proc_add(struct at *a, const struct fs_ev_proc_add *e)
{
	struct at_proc *p = at_proc_get(a, e->h.tgid, true);
	struct at_thr *t = at_thr_get(a, e->h.tgid, e->h.tgid, true);

	if (!p || !t)
		return at_odd(a);
	p->comm = at_str(a, e->comm, FS_COMM_LEN);
	t->comm = p->comm;
	p->start_ns = e->start_ns;
	p->late = e->h.flags & FS_F_LATE;
	if (!p->late && !t->born && e->start_ns <= e->h.ts)
		t->born = e->start_ns;
	return 0;
}

static int on_fork(struct at *a, const struct fs_ev_fork *e)
{
	struct at_proc *p;
	struct at_thr *t;

	p = at_proc_get(a, e->child_tgid, true);
	t = at_thr_get(a, e->child_tid, e->child_tgid, true);
	if (!p || !t)
		return at_odd(a);
	t->comm = at_str(a, e->comm, FS_COMM_LEN);
	t->parent_tid = e->h.tid;
	if (e->child_tgid == e->h.tgid) {
		t->born = t->seen = e->h.ts;
	} else {
		p->start_ns = e->start_ns;
		p->comm = t->comm;
		t->born = t->seen = e->start_ns && e->start_ns <= e->h.ts ? e->start_ns : e->h.ts;
	}
	return at_on_phase(a, &e->h);
}

static int on_exec(struct at *a, const struct fs_ev_exec *e)
{
	struct at_proc *p = at_proc_get(a, e->h.tgid, true);
	struct at_thr *t = at_thr_get(a, e->h.tgid, e->h.tgid, true);

	if (!p || !t)
		return at_odd(a);
	p->comm = t->comm = at_str(a, e->comm, FS_COMM_LEN);
	p->exec_file = at_str(a, e->file, sizeof(e->file));
	p->exec_ns = e->h.ts;
	return at_on_phase(a, &e->h);
}

static int on_exit_task(struct at *a, const struct fs_ev_exit_task *e)
{
	struct at_thr *t = at_thr_get(a, e->h.tid, e->h.tgid, false);
	struct at_proc *p = at_proc_get(a, e->h.tgid, false);

	if (t && t->proc == p) {
		t->died = e->h.ts;
		fs_hashmap_del(&a->thrs, t->tid);
	}
	return p && e->group_dead ? at_on_death(a, p, e->h.ts) : 0;
}

static int on_vm_create(struct at *a, const struct fs_ev_vm_create *e)
{
	struct at_vm *vm = at_vm_get(a, e->h.vm, e->h.tgid, true);

	if (!vm)
		return at_odd(a);
	vm->created = e->ts_start ? e->ts_start : e->h.ts;
	vm->late = e->h.flags & FS_F_LATE;
	return at_on_phase(a, &e->h);
}

static int on_vcpu_create(struct at *a, const struct fs_ev_vcpu_create *e)
{
	struct at_vm *vm = at_vm_get(a, e->h.vm, e->h.tgid, true);

	if (!vm)
		return at_odd(a);
	vm->ncreated++;
	vm->vcpu_made |= !(e->h.flags & FS_F_LATE);
	return at_on_phase(a, &e->h);
}

static int on_memslot(struct at *a, const struct fs_ev_memslot *e)
{
	struct at_vm *vm = at_vm_get(a, e->h.vm, e->h.tgid, true);
	struct at_slot s = {.gpa = e->gpa, .size = e->size, .hva = e->hva, .slot = e->slot};
	size_t i;

	if (!vm)
		return at_no_vm(a, &e->h);
	for (i = 0; i < vm->slots.n && vm->slots.v[i].slot != e->slot; i++)
		;
	if (!e->size && i < vm->slots.n)
		vm->slots.v[i] = vm->slots.v[--vm->slots.n];
	else if (e->size && i < vm->slots.n)
		vm->slots.v[i] = s;
	else if (e->size && i < MAX_SLOTS && fs_vec_push(&vm->slots, s))
		return -ENOMEM;
	return at_on_phase(a, &e->h);
}

static int on_wake(struct at *a, const struct fs_ev *h, uint32_t tid, uint32_t tgid, bool is_signal)
{
	struct at_thr *t;

	if (h->tgid != tgid || h->tid == tid || !tgid)
		return 0;
	t = at_thr_get(a, tid, tgid, true);
	return t ? at_add_wake(t, h->ts, h->tid, is_signal) : at_odd(a);
}

static int on_wake_record(struct at *a, const struct fs_ev *ev)
{
	const struct fs_ev_wake *wake = (const void *)ev;
	const struct fs_ev_signal *sig = (const void *)ev;

	if (ev->flags & FS_F_IRQCTX)
		return 0;
	if (ev->kind == FS_EV_SIGNAL)
		return on_wake(a, ev, sig->target_tid, sig->target_tgid, true);
	if (wake->waker_flags & AT_W_TELLS_NOTHING)
		return 0;
	return on_wake(a, ev, wake->target_tid, wake->target_tgid, false);
}

/* A system call other than KVM_RUN has ended. */
static int on_call(struct at *a, const struct fs_ev *ev)
{
	struct at_thr *t = at_thr_get(a, ev->tid, ev->tgid, false);

	if (t && !t->first_run)
		t->in_user = ev->ts;
	return at_on_phase(a, ev);
}

static int dispatch(struct at *a, const struct fs_ev *ev)
{
	const struct fs_ev_irq_set *set;
	const struct fs_ev_pio *pio;

	switch ((enum fs_ev_kind)ev->kind) {
	case FS_EV_PROC_ADD:
		return on_proc_add(a, (const void *)ev);
	case FS_EV_FORK:
		return on_fork(a, (const void *)ev);
	case FS_EV_EXEC:
		return on_exec(a, (const void *)ev);
	case FS_EV_EXIT_TASK:
		return on_exit_task(a, (const void *)ev);
	case FS_EV_VM_CREATE:
		return on_vm_create(a, (const void *)ev);
	case FS_EV_VCPU_CREATE:
		return on_vcpu_create(a, (const void *)ev);
	case FS_EV_MEMSLOT:
		return on_memslot(a, (const void *)ev);
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
		return on_wake_record(a, ev);
	case FS_EV_SYSCALL:
	case FS_EV_OPEN:
	case FS_EV_MMAP:
		return on_call(a, ev);
	case FS_EV_IRQ_SET:
		set = (const void *)ev;
		return set->level > 0 ? at_on_irq_raise(a, ev, set->gsi, 0) : 0;
	case FS_EV_IRQ_MSI:
		return at_on_irq_raise(a, ev, AT_MSI,
				       ((const struct fs_ev_irq_msi *)ev)->data & 0xff);
	case FS_EV_IRQ_ACCEPT:
		return at_on_irq_accept(a, (const void *)ev);
	case FS_EV_IRQ_INJECT:
		return at_on_irq_inject(a, (const void *)ev);
	case FS_EV_HALT:
		return at_on_halt(a, (const void *)ev);
	case FS_EV_MMFAULT:
		return at_on_mmfault(a, (const void *)ev);
	case FS_EV_BIO:
		return at_on_bio(a, (const void *)ev);
	case FS_EV_WORK:
		return at_on_work(a, (const void *)ev);
	case FS_EV_APF:
		return at_on_apf(a, (const void *)ev);
	case FS_EV_NET_TX:
		return at_on_net_tx(a, (const void *)ev);
	case FS_EV_PIO:
		pio = (const void *)ev;
		return pio->rw == 1 ? at_on_port(a, at_vm_get(a, ev->vm, ev->tgid, false),
						 pio->port, ev->ts, ev->tid)
				    : 0;
	case FS_EV_MARK:
		return at_on_mark(a, (const void *)ev);
	case FS_EV_FLUSH:
		return at_on_flush(a, (const void *)ev);
	case FS_EV_TSC_OFFSET:
		return at_on_tsc_offset(a, (const void *)ev);
	case FS_EV_PVCLOCK:
		return at_on_pvclock(a, (const void *)ev);
	case FS_EV_CLOCK:
		return at_on_clock(a, (const void *)ev);
	case FS_EV_NONE:
	case FS_EV_MISSED: /* known from the start: missed.c */
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
		ret = watch_losses(a, ev);
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
