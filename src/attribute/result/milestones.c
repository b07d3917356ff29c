// SPDX-License-Identifier: BSD-2-Clause
/* Moments of a fork that the host saw. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "attribute/result/ledger_parts.h"
#include "attribute/state/at.h"

#define MAX_MILESTONE 32

static void milestone(struct fsa_fork *f, const char *name, uint64_t at, const char *note)
{
	struct fsa_milestone *m = &f->milestones[f->nmilestones];

	if (!at || f->nmilestones >= MAX_MILESTONE)
		return;
	m->name = name;
	m->at_ns = at;
	snprintf(m->note, sizeof(m->note), "%s", note);
	f->nmilestones++;
}

static int by_moment(const void *x, const void *y)
{
	const struct fsa_milestone *a = x, *b = y;

	return a->at_ns < b->at_ns ? -1 : a->at_ns > b->at_ns;
}

/*
 * The interrupts that were raised by the time the guest first ran are the candidates for the
 * resume signal; if there are none, the first one after that.
 */
static void irq_milestones(struct fsa_fork *f, const struct at_vm *vm)
{
	uint64_t until = vm->first_entry ? vm->first_entry : vm->first_run, first = UINT64_MAX;
	char note[48];

	for (size_t i = 0; i < vm->irqs.n; i++)
		if (vm->irqs.v[i].first < first)
			first = vm->irqs.v[i].first;
	if (first > until)
		until = first;
	for (size_t i = 0; i < vm->irqs.n; i++) {
		const struct at_irq *q = &vm->irqs.v[i];
		const struct at_inject *in;

		if (q->first > until || q->first >= vm->end)
			continue;
		if (q->gsi == AT_MSI)
			snprintf(note, sizeof(note), "MSI, vector 0x%02x", q->vector);
		else if (q->vector)
			snprintf(note, sizeof(note), "gsi %u, vector 0x%02x", q->gsi, q->vector);
		else
			snprintf(note, sizeof(note), "gsi %u", q->gsi);
		milestone(f, "raise", q->first, note);
		in = q->vector && vm->inject ? &vm->inject[q->vector] : NULL;
		if (!in || !in->times || in->last < q->first || in->last >= vm->end)
			continue;
		snprintf(note, sizeof(note), "vector 0x%02x, injected %u time%s", q->vector,
			 in->times, in->times == 1 ? "" : "s");
		milestone(f, "inject", in->last, note);
	}
}

int at_milestones(struct fsa_fork *f, const struct at_vm *vm)
{
	f->milestones = calloc(MAX_MILESTONE, sizeof(*f->milestones));
	if (!f->milestones)
		return -ENOMEM;
	milestone(f, "first-run", vm->first_run, "KVM_RUN");
	milestone(f, "first-entry", vm->first_entry, "");
	milestone(f, "first-tx", vm->first_tx, "");
	irq_milestones(f, vm);
	qsort(f->milestones, f->nmilestones, sizeof(*f->milestones), by_moment);
	return 0;
}
