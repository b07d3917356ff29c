// SPDX-License-Identifier: BSD-2-Clause
/* One interrupt of the guest on the host: when it was raised, and how often it was injected. */
#include "attribute/guest/irq_path.h"

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

bool at_irq_path(const struct at_vm *vm, uint32_t vcpu, uint64_t t, uint32_t irq,
		 struct at_irq_path *out)
{
	uint32_t vector = vector_of_line(vm, irq);
	size_t last = injection(vm, vm->irq_log.n, vcpu, vector, t), first = last, before;
	uint64_t since;

	*out = (struct at_irq_path){.times = 1};
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
