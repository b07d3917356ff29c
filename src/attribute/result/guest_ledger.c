// SPDX-License-Identifier: BSD-2-Clause
/* What a fork's ledger says of its guest recording. */
#include <stdio.h>
#include <string.h>
#include "attribute/guest/guest_align.h"
#include "attribute/guest/timelines.h"
#include "attribute/result/ledger_parts.h"

static const char *signal_name(uint64_t signal)
{
	switch (signal) {
	case AT_G_VMCLOCK:
	case AT_G_PERIODIC:
		return "vmclock";
	case AT_G_VMGENID:
		return "vmgenid";
	case AT_G_SPIN:
		return "vmclock-spin";
	case AT_G_MAILBOX:
		return "mailbox";
	default:
		return "";
	}
}

static void fill_map(const struct at_guest *g, struct fsa_guest *out)
{
	out->offset_ns = g->map.offset_ns;
	out->rate_ppb = g->map.rate_ppb;
	out->ref_ns = g->map.ref;
	out->containment_error_ns = g->map.containment_error_ns;
	out->clock_used = g->map.clock_used;
	out->outside = g->outside;
	at_guest_limits(&g->map, out->limited_by, sizeof(out->limited_by));
}

void at_guest_fill(const struct at_vm *vm, struct fsa_fork *f)
{
	const struct at_guest *g = vm->guest;
	const struct fsr_guest_data *d = vm->guest_data;
	struct fsa_guest *out = &f->guest;

	out->why = vm->guest_why;
	if (vm->guest_wrong)
		f->notes |= 1u << FSA_N_NO_GUEST;
	out->read = vm->guest_state > 0;
	if (!out->read || !d)
		return;
	memcpy(out->id, d->dir.id, sizeof(out->id));
	out->flags = d->dir.flags;
	out->lost = d->lost;
	out->partial = d->partial;
	if (!g)
		return;
	out->events = g->events;
	out->probe_ns = g->events * d->dir.probe_ns_x16 / 16;
	fill_map(g, out);
	if (!g->used)
		return;
	out->used = true;
	snprintf(out->agent, sizeof(out->agent), "%s", g->agent);
	out->agent_tid = g->agent_tid;
	out->agent_forkscope = g->forkscopes;
	f->clock_error_ns = g->map.error_ns;
	if (vm->decoded_end)
		f->notes |= 1u << FSA_N_END_DECODED;
	if (g->lost)
		f->notes |= 1u << FSA_N_GUEST_LOST;
	snprintf(f->signal_kind, sizeof(f->signal_kind), "%s", signal_name(g->signal));
	memcpy(f->stages, g->path_stages, sizeof(f->stages));
	f->nstages = g->npath_stages;
}

uint64_t at_guest_doubt(const struct at_vm *vm, const struct fsa_fork *f)
{
	const struct at_guest *g = vm->guest;
	uint64_t most = 0;
	int top = 0;

	if (!g || !g->used)
		return 0;
	for (int b = 1; b <= FSA_B_GUEST; b++)
		if (f->bucket_ns[b] > f->bucket_ns[top])
			top = b;
	for (int b = 0; b <= FSA_B_GUEST; b++) {
		int64_t d = g->shift[top] - g->shift[b];

		if ((uint64_t)llabs(d) > most)
			most = (uint64_t)llabs(d);
	}
	if (most && g->map.error_ns > f->gap_ns / most)
		return f->gap_ns;
	return most * g->map.error_ns;
}
