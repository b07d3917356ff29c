// SPDX-License-Identifier: BSD-2-Clause
/*
 * Interrupts of a fork: what was raised, and when the guest took it. Host-only it is not known
 * which of them is the resume signal, so all sources are kept, each with its first moments.
 */
#include <stdlib.h>
#include "attribute/records/records.h"
#include "attribute/state/at.h"

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
