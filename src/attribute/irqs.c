// SPDX-License-Identifier: BSD-2-Clause
/*
 * Interrupts of a fork: what was raised, and when the guest took it. Host-only it is not known
 * which of them is the resume signal, so all sources are kept, each with its first moments.
 */
#include <stdlib.h>
#include "attribute/guest.h"

#define MAX_SOURCES 64
#define MAX_LOG     65536
#define ACCEPT_NS   20000000 /* kvm_set_irq to the APIC that takes it, by one thread on one CPU */

static struct at_vm *irq_vm(struct at *a, const struct fs_ev *h)
{
	struct at_vm *vm = at_vm_get(a, h->vm, h->tgid, false);

	return vm && (vm->state == AT_VM_NEW || vm->state == AT_VM_OPEN) ? vm : NULL;
}

static int note(struct at_vm *vm, struct at_irqev e)
{
	return vm->irq_log.n < MAX_LOG ? fs_vec_push(&vm->irq_log, e) : 0;
}

static int on_raise(struct at *a, const struct fs_ev *h, uint32_t gsi, uint32_t vector)
{
	struct at_vm *vm = irq_vm(a, h);
	size_t i;

	if (!vm)
		return 0;
	for (i = 0; i < vm->irqs.n; i++)
		if (vm->irqs.v[i].gsi == gsi && (gsi != AT_MSI || vm->irqs.v[i].vector == vector))
			break;
	if (i == vm->irqs.n) {
		if (i >= MAX_SOURCES)
			return 0;
		if (fs_vec_push(&vm->irqs,
				(struct at_irq){.first = h->ts, .gsi = gsi, .vector = vector}))
			return -ENOMEM;
	}
	vm->irqs.v[i].count++;
	if (note(vm, (struct at_irqev){.ts = h->ts, .n = (uint32_t)i, .kind = AT_IRQ_RAISE}))
		return -ENOMEM;
	if (h->cpu < AT_CPUS) {
		a->cpus[h->cpu].irq_vm = vm;
		a->cpus[h->cpu].irq_index = i;
		a->cpus[h->cpu].irq_ts = h->ts;
		a->cpus[h->cpu].irq_tid = h->tid;
	}
	return 0;
}

int at_on_irq_set(struct at *a, const struct fs_ev_irq_set *e)
{
	return e->level > 0 ? on_raise(a, &e->h, e->gsi, 0) : 0;
}

int at_on_irq_msi(struct at *a, const struct fs_ev_irq_msi *e)
{
	return on_raise(a, &e->h, AT_MSI, e->data & 0xff);
}

/* The vector of a line is what the APIC takes next on the same CPU. */
int at_on_irq_accept(struct at *a, const struct fs_ev_irq_accept *e)
{
	struct at_cpu *c = e->h.cpu < AT_CPUS ? &a->cpus[e->h.cpu] : NULL;
	struct at_irq *irq;

	if (!c || !c->irq_vm || c->irq_index >= c->irq_vm->irqs.n || e->h.tid != c->irq_tid ||
	    e->h.ts - c->irq_ts > ACCEPT_NS)
		return 0;
	irq = &c->irq_vm->irqs.v[c->irq_index];
	if (!irq->vector)
		irq->vector = e->vector & 0xff;
	c->irq_vm = NULL;
	return 0;
}

int at_on_irq_inject(struct at *a, const struct fs_ev_irq_inject *e)
{
	struct at_vm *vm = irq_vm(a, &e->h);
	struct at_inject *in;

	if (!vm || e->soft)
		return 0;
	if (!vm->inject)
		vm->inject = calloc(256, sizeof(*vm->inject));
	if (!vm->inject)
		return -ENOMEM;
	if (note(vm, (struct at_irqev){.ts = e->h.ts,
				       .n = e->vector & 0xff,
				       .vcpu = e->vcpu_id,
				       .kind = e->reinjected ? AT_IRQ_AGAIN : AT_IRQ_INJECT}))
		return -ENOMEM;
	in = &vm->inject[e->vector & 0xff];
	if (in->times && !e->reinjected)
		in->closed = true; /* another interrupt of that vector */
	if (in->closed)
		return 0;
	if (!in->times)
		in->first = e->h.ts;
	in->last = e->h.ts;
	in->times++;
	return 0;
}

/* The vector of the guest's irq @irq, if it is a line of that number; else 0. */
static uint32_t vector_of_line(const struct at_vm *vm, uint32_t irq)
{
	for (size_t i = 0; i < vm->irqs.n; i++)
		if (vm->irqs.v[i].gsi == irq && vm->irqs.v[i].vector)
			return vm->irqs.v[i].vector;
	return 0;
}

static bool injects(const struct at_irqev *e, uint32_t vcpu, uint32_t vector)
{
	return e->kind != AT_IRQ_RAISE && e->vcpu == vcpu && (!vector || e->n == vector);
}

/* Index + 1 of the last injection of @vector (0 = any) before index @before that is not later. */
static size_t injection(const struct at_vm *vm, size_t before, uint32_t vcpu, uint32_t vector,
			uint64_t t)
{
	for (size_t i = before; i-- > 0;)
		if (vm->irq_log.v[i].ts <= t && injects(&vm->irq_log.v[i], vcpu, vector))
			return i + 1;
	return 0;
}

bool at_irq_way(const struct at_vm *vm, uint32_t vcpu, uint64_t t, uint32_t irq,
		struct at_irq_way *out)
{
	uint32_t vector = vector_of_line(vm, irq);
	size_t last = injection(vm, vm->irq_log.n, vcpu, vector, t), first = last, before;
	uint64_t since;

	*out = (struct at_irq_way){.times = 1};
	if (!last)
		return false;
	vector = vm->irq_log.v[last - 1].n;
	out->vector = vector;
	out->inject = vm->irq_log.v[last - 1].ts;
	/* one delivery is an injection and the repetitions of it */
	while ((before = injection(vm, first - 1, vcpu, vector, t)) &&
	       vm->irq_log.v[first - 1].kind == AT_IRQ_AGAIN) {
		first = before;
		out->times++;
	}
	since = before ? vm->irq_log.v[before - 1].ts : 0;
	for (size_t i = first - 1; i-- > 0 && vm->irq_log.v[i].ts >= since;) {
		const struct at_irqev *e = &vm->irq_log.v[i];
		const struct at_irq *q;

		if (e->kind != AT_IRQ_RAISE)
			continue;
		q = &vm->irqs.v[e->n];
		if (q->vector != vector && (q->vector || q->gsi != irq))
			continue;
		out->raise = e->ts;
		out->gsi = q->gsi;
	}
	return true;
}
