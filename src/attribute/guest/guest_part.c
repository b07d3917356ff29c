// SPDX-License-Identifier: BSD-2-Clause
/* The guest recording of one fork: read, mapped to the host's time, and what of it can be used. */
#include "attribute/guest/guest_part.h"
#include <stdlib.h>
#include <string.h>
#include "attribute/guest/guest_agent.h"
#include "attribute/guest/guest_align.h"
#include "attribute/guest/rings.h"
#include "attribute/guest/signal_path.h"
#include "attribute/guest/vcpu_schedule.h"
#include "attribute/state/at.h"
#include "base/err.h"

static const char cost[] = "its time is one sum";

static void refuse(struct at *a, struct at_vm *vm, bool wrong, const char *what)
{
	vm->guest_why = at_text(a, "%s%s%s", what, *what ? ": " : "", cost);
	vm->guest_wrong = wrong;
}

/* Nobody read the guest's memory, or it could not be read: the recorder gives the reason. */
static void refuse_unread(struct at *a, struct at_vm *vm, const struct fsr_guest_data *d)
{
	static const char *const states[] = {
#define X(num, name, text) [num] = text,
		FSR_GUEST_STATES(X)
#undef X
	};
	bool known = d->state < sizeof(states) / sizeof(*states) && states[d->state];
	bool more = d->why[0] && d->state != FSR_GS_GONE; /* which says the same again */

	vm->guest_why = at_text(a, "%s%s%.*s: %s",
				known ? states[d->state] : "the guest's memory was not read",
				more ? ": " : "", more ? (int)sizeof(d->why) : 0, d->why, cost);
	vm->guest_wrong = d->state != FSR_GS_ABSENT;
}

/* What the recording holds of the guest; once for a VM. Returns 0 or -ENOMEM. */
static int load(struct at *a, struct at_vm *vm)
{
	struct fsr_guest_data *d = NULL;
	int ret;

	vm->guest_state = -1;
	if (a->o.no_guest) {
		refuse(a, vm, false, "left out of account as was asked for");
		return 0;
	}
	ret = fsr_guest_load(a->r, vm->id, &d);
	if (ret == -ENOMEM)
		return ret;
	if (ret <= 0) {
		if (ret < 0)
			refuse(a, vm, true, "its records in the recording are damaged");
		else
			vm->guest_why =
				"the recording has none, so its time is one sum (forkscope-guest arm)";
		return 0;
	}
	vm->guest_data = d;
	if (d->state != FSR_GS_READ) {
		refuse_unread(a, vm, d);
		return 0;
	}
	vm->guest_state = 1;
	return 0;
}

/* Counts records of the guest that lie outside guest mode of their vCPU. 0 or -ENOMEM. */
static int count_outside_of(const struct at_vm *vm, struct at_guest *g,
			    const struct fsr_guest_ring *r)
{
	const struct at_thr *t = at_guest_vcpu(vm, r->index);
	const struct fsg_rec **recs = at_guest_by_time(r);
	size_t k = 0;

	if (!recs)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++) {
		uint64_t at = fsl_to_host(&g->map, recs[i]->ts);

		if (at > vm->end)
			break;
		/* the mapping is rounded to nanoseconds */
		while (t && k < t->exits.n && t->exits.v[k].t1 <= at + 1)
			k++;
		if (!t ||
		    (k < t->exits.n && (at > t->exits.v[k].t0 + 1 || (!k && t->exits.v[0].first))))
			g->outside++;
	}
	free(recs);
	return 0;
}

/* Datagrams of the agent that were sent at @t or before; *any: whether such records exist. */
static uint64_t sent_by(const struct at_guest *g, uint64_t t, bool *any)
{
	uint64_t n = 0;

	for (size_t i = 0; i < g->data->nrings; i++) {
		const struct fsr_guest_ring *r = &g->data->rings[i];

		for (size_t k = 0; k < r->n; k++) {
			if (r->recs[k].kind != FSG_K_UDP_SEND ||
			    (g->forkscopes && r->recs[k].tid != g->agent_tid))
				continue;
			*any = true;
			n += fsl_to_host(&g->map, r->recs[k].ts) <= t;
		}
	}
	return n;
}

/* Acks that left the VM before as many datagrams had been sent. */
static uint64_t early_acks(const struct at_vm *vm, const struct at_guest *g)
{
	uint64_t early = 0;

	for (size_t k = 0; k < vm->acks.n && vm->acks.v[k].at_ns <= vm->end; k++) {
		bool any = false;
		uint64_t sent = sent_by(g, vm->acks.v[k].at_ns, &any);

		early += any && sent <= k;
	}
	return early;
}

static int count_outside(const struct at_vm *vm, struct at_guest *g)
{
	int ret = 0;

	for (size_t i = 0; i < g->data->nrings && !ret; i++)
		if (g->data->rings[i].kind == FSR_GP_RING)
			ret = count_outside_of(vm, g, &g->data->rings[i]);
	g->outside += early_acks(vm, g);
	return ret;
}

/* A window that a lost ack left open, or let end too late, ends where the agent had decoded. */
static void end_by_decoding(struct at *a, struct at_vm *vm, const struct at_guest *g)
{
	bool lost = vm->mailbox_lost || (!vm->end_reached && a->o.end == FSA_END_ACK &&
					 !strcmp(a->o.end_name, "mailbox"));
	uint64_t t = lost ? at_guest_decoded(g, vm->end) : 0;

	if (!t || !g->forkscopes || t <= vm->start)
		return;
	vm->end = t;
	vm->end_tid = 0;
	vm->end_reached = vm->mailbox_lost = vm->decoded_end = true;
	vm->notes &= ~(1u << FSA_N_TIMED_OUT | 1u << FSA_N_VMM_DIED | 1u << FSA_N_CUT);
}

static int make(struct at *a, struct at_vm *vm)
{
	struct at_guest *g = calloc(1, sizeof(*g));
	char why[FS_SENTENCE] = "";
	int ret;

	if (!g)
		return -ENOMEM;
	vm->guest = g;
	g->data = vm->guest_data;
	ret = at_guest_align(a, vm, g->data, &g->map, why, sizeof(why));
	if (ret == -ENOMEM)
		return ret;
	if (ret) {
		refuse(a, vm, true,
		       *why ? why : "the guest's clock could not be mapped to the host's");
		return 0;
	}
	g->split = g->data->dir.flags & FSG_D_SPLIT;
	ret = at_guest_build(a, g, vm->end);
	if (ret)
		return ret;
	if (!at_guest_agent(a, vm, g)) {
		refuse(a, vm, true,
		       "nobody was seen waiting for the resume signal before the snapshot, and nobody sent the ack");
		return 0;
	}
	end_by_decoding(a, vm, g);
	ret = count_outside(vm, g);
	g->used = true;
	ret = ret ? ret : at_guest_signal_path(a, vm, g);
	return !ret && g->split && vm->vcpus.n > 1 ? at_guest_schedule(g, vm->start, vm->end) : ret;
}

int at_guest_read(struct at *a, struct at_vm *vm, uint64_t *at)
{
	int ret = vm->guest_state ? 0 : load(a, vm);

	*at = !ret && vm->guest_state > 0 ? vm->guest_data->read_ns : 0;
	return ret;
}

int at_guest_prepare(struct at *a, struct at_vm *vm)
{
	uint64_t at;
	int ret = at_guest_read(a, vm, &at);

	at_guest_free(vm);
	if (!ret && vm->guest_state > 0) {
		vm->guest_why = NULL;
		vm->guest_wrong = false;
		ret = make(a, vm);
	}
	return ret;
}
