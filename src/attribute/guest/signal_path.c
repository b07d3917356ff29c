// SPDX-License-Identifier: BSD-2-Clause
/* The stages of the signal path: when each ended, who ended it, and why one is not known. */
#include "attribute/guest/signal_path.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "attribute/guest/guest_agent.h"
#include "attribute/guest/guest_names.h"
#include "attribute/guest/irq_path.h"
#include "attribute/guest/wake_chain.h"
#include "attribute/state/at.h"

struct found { /* what was found, host ns; 0 = not found */
	uint64_t raise, inject, notify, wakeup, decoded, applied;
	bool host_inject; /* injection seen on the host: exact */
	char raise_who[FSA_WHO], inject_who[FSA_WHO], notify_who[FSA_WHO];
	const char *raise_why, *inject_why, *notify_why, *wakeup_why;
	const char *decoded_why, *apply_why;
	uint64_t from;  /* the agent knew of the signal then; UINT64_MAX: not known */
	bool bound;     /* the decoding had ended by `decoded`, when it ended is not known */
	bool apply;     /* the stage is part of the window */
	bool by_chance; /* what woke the agent was not the signal */
};

static const char none_spin[] =
	"vmclock-spin: the agent reads the clock's page itself, nothing is raised or sent to it";
static const char none_periodic[] =
	"the kernel's vmclock cannot be polled: the agent reads it periodically, nothing wakes it";

static const char none_mailbox[] =
	"this VM has no resume signal: the agent looks into its mailbox periodically, nothing wakes it";
static const char no_decoding[] =
	"the agent's decoding of the mailbox is not in the guest's records";
static const char no_bound[] =
	"no `mailbox` ack of the agent was seen, nor an rtnetlink call of it after its wake-up";
static const char no_bound_from[] =
	"no `mailbox` ack of the agent was seen, and from when on its rtnetlink calls may be its work on the mailbox is not known";
static const char bound[] =
	"at the latest: no `mailbox` ack of the agent was seen, this is its first rtnetlink call after its wake-up";
static const char no_apply[] = "the end of the agent's netlink work is not in the guest's records";
static const char no_apply_begin[] =
	"not separable: when the decoding of the mailbox ended is not known, so neither is when this began";
static const char in_progress_why[] = "the window ended before this stage was over";

static const char other_wake[] =
	"not by the signal's own handler: something else woke the agent, which then saw the signal";

static void frame_words(const struct at *a, const struct at_guest *g, uint32_t frame, char *buf,
			size_t len)
{
	const struct at_gframe *f = &g->frames.v[frame - 1];

	at_guest_frame_name(a, f, buf, len);
}

static void who_woke(const struct at *a, const struct at_guest *g, const struct at_gwake *w,
		     char *buf, size_t len)
{
	char name[24];

	if (w->by.frame)
		frame_words(a, g, w->by.frame, buf, len);
	else if (w->by.irq)
		snprintf(buf, len, "an interrupt");
	else
		snprintf(buf, len, "%s (tid %u)",
			 at_guest_task_name(a, at_gtask_of(g, &w->by), name, sizeof(name)),
			 at_gtask_of(g, &w->by)->tid);
}

/* When a thread of the agent that was woken at @w ran. */
static uint64_t ran_at(const struct at_guest *g, const struct at_gwake *w)
{
	const struct at_gtask *t = &g->tasks.v[w->task];

	if (w->running)
		return w->t;
	for (size_t i = 0; i < t->runs.n; i++)
		if (t->runs.v[i].in >= w->t)
			return t->runs.v[i].in;
	return 0;
}

static void find_irq(const struct at *a, const struct at_vm *vm, const struct at_guest *g,
		     uint32_t frame, struct found *y)
{
	const struct at_gframe *f = frame ? &g->frames.v[frame - 1] : NULL;
	struct at_irq_path irq;

	y->raise_why = y->inject_why = "the interrupt behind it is not in the guest's records";
	if (!f)
		return;
	y->inject = f->t0;
	y->inject_why = "";
	frame_words(a, g, frame, y->inject_who, sizeof(y->inject_who));
	y->raise_why = "the raising of that interrupt was not seen on the host";
	if (!at_irq_path(vm, f->cpu, f->t0, f->x, &irq))
		return;
	y->inject = irq.inject;
	y->host_inject = true;
	snprintf(y->inject_who, sizeof(y->inject_who), "vector 0x%02x, injected %u time%s",
		 irq.vector, irq.times, irq.times == 1 ? "" : "s");
	if (!irq.raise)
		return;
	y->raise = irq.raise;
	y->raise_why = "";
	if (irq.gsi == AT_MSI)
		snprintf(y->raise_who, sizeof(y->raise_who), "MSI, vector 0x%02x", irq.vector);
	else
		snprintf(y->raise_who, sizeof(y->raise_who), "gsi %u, vector 0x%02x", irq.gsi,
			 irq.vector);
}

/* Until when the signal must have reached the agent. */
static uint64_t seen_by(const struct at_guest *g, uint64_t decoded, uint64_t end)
{
	end = decoded ? decoded : end;
	/* the last time, because an agent looks at its mailbox for less than a signal, too */
	for (size_t i = g->stages.n; i-- > 0;) {
		const struct at_gstage *s = &g->stages.v[i];

		if (s->x == FSG_STAGE_SIGNAL_SEEN && g->tasks.v[s->task].agent && s->t <= end)
			return s->t;
	}
	return end;
}

/* Why nothing is raised for this agent and sent to it, NULL = something is. */
static const char *no_path(const struct at_guest *g)
{
	switch (g->signal) {
	case AT_G_SPIN:
		return none_spin;
	case AT_G_PERIODIC:
		return none_periodic;
	case AT_G_MAILBOX:
		return none_mailbox;
	default:
		return NULL;
	}
}

static int find_chain(const struct at *a, const struct at_vm *vm, struct at_guest *g,
		      struct found *y)
{
	const struct at_gwake *w;
	struct at_notice n;
	uint32_t irq;
	int ret;

	if (no_path(g)) {
		y->raise_why = y->inject_why = y->notify_why = y->wakeup_why = no_path(g);
		y->from = vm->start;
		return 0;
	}
	at_guest_notice(g, seen_by(g, y->decoded, vm->end), &n);
	y->raise_why = y->inject_why = y->notify_why = y->wakeup_why = n.why;
	y->from = n.from;
	w = n.wake;
	if (!w)
		return 0;
	y->notify = w->t;
	who_woke(a, g, w, y->notify_who, sizeof(y->notify_who));
	y->wakeup = ran_at(g, w);
	g->notified = y->wakeup ? y->wakeup : vm->end;
	y->by_chance = !at_guest_is_notice(g, w);
	y->wakeup_why = "the agent did not run again";
	ret = at_guest_walk_back(g, w, &irq);
	if (!ret)
		find_irq(a, vm, g, irq, y);
	return ret;
}

/*
 * The decoding of an agent that reports no stages and whose mailbox ack was not seen had ended when
 * it first called rtnetlink after its wake-up.
 */
static void bound_decoding(const struct at_vm *vm, const struct at_guest *g, struct found *y)
{
	uint64_t t;

	y->decoded_why = no_decoding;
	if (y->decoded || g->stages.n)
		return;
	y->decoded_why = y->from == UINT64_MAX ? no_bound_from : no_bound;
	t = at_guest_netlink(g, y->from);
	if (!t || t > vm->end)
		return;
	y->decoded = t;
	y->bound = true;
}

/*
 * The end of the agent's work on the network, if the window lasts that long. The ack `mailbox` is
 * sent before that work: what the agent does until the ack arrives is not on the ack's path.
 */
static void find_apply(const struct at *a, const struct at_vm *vm, const struct at_guest *g,
		       struct found *y)
{
	bool begun = false, acked = a->o.end == FSA_END_ACK && vm->end_reached;

	y->apply_why = y->decoded || g->stages.n ? no_apply : no_apply_begin;
	if (acked && !vm->mailbox_lost && !strcmp(a->o.end_name, "mailbox"))
		return;
	for (size_t i = 0; i < g->stages.n; i++) {
		const struct at_gstage *s = &g->stages.v[i];

		if (!g->tasks.v[s->task].agent || s->t > vm->end)
			continue;
		begun |= s->x == FSG_STAGE_NETLINK_START;
		if (s->x == FSG_STAGE_NETLINK_DONE && !y->applied)
			y->applied = s->t;
	}
	for (size_t i = 0; !g->stages.n && y->decoded && i < g->rtnl.n; i++) {
		const struct at_gspan *s = &g->rtnl.v[i];

		if (g->tasks.v[s->task].agent && s->t0 >= y->decoded && s->t1 <= vm->end)
			y->applied = s->t1;
	}
	y->apply = y->applied || begun || (vm->mailbox_lost && !vm->decoded_end) ||
		   (acked && !strcmp(a->o.end_name, "applied"));
}

/* --- into stages --- */

static struct fsa_path_stage *add(struct at_guest *g, enum fsa_stage stage, uint64_t at,
				  uint64_t error, const char *who, const char *why)
{
	struct fsa_path_stage *l = &g->path_stages[g->npath_stages++];

	*l = (struct fsa_path_stage){
		.stage = stage, .at_ns = at, .error_ns = error, .seen = at != 0};
	snprintf(l->who, sizeof(l->who), "%s", at ? who : "");
	l->why = at ? "" : why;
	return l;
}

/* In order, inside the window, each at or after the one before it. */
static void order(struct at *a, struct at_guest *g, const struct at_vm *vm)
{
	uint64_t at = vm->start, last_error = 0;

	for (size_t i = 0; i < g->npath_stages; i++) {
		struct fsa_path_stage *l = &g->path_stages[i];
		uint64_t error = l->error_ns > last_error ? l->error_ns : last_error;
		uint64_t d = l->at_ns > at ? l->at_ns - at : at - l->at_ns;

		if (!l->seen) {
			l->at_ns = at;
			continue;
		}
		if (l->at_ns < at && at > vm->start && d > error) {
			l->seen = false;
			l->why = at_text(a, "out of order: %" PRIu64 " ns before the end of %s", d,
					 i ? fsa_stage_name(g->path_stages[i - 1].stage)
					   : "nothing");
		} else if (at > vm->start && d < error) {
			l->why = "closer to the stage before it than the clock error: not ordered";
		}
		if (l->at_ns > vm->end) {
			l->seen = false;
			l->why = "after the window's end";
			l->at_ns = vm->end;
		}
		l->at_ns = l->at_ns < at ? at : l->at_ns;
		at = l->at_ns;
		last_error = l->seen ? l->error_ns : last_error;
	}
}

/*
 * A window that no ack ended: the stage after the last one that is over lasts until its end. Stages
 * that this signal does not have are left out of account.
 */
static void in_progress(struct at_guest *g, const struct at_vm *vm, const struct found *y)
{
	bool none = no_path(g) != NULL;
	size_t next = 0;

	for (size_t i = 0; i < g->npath_stages; i++)
		if (g->path_stages[i].seen || (none && g->path_stages[i].stage <= FSA_S_WAKEUP))
			next = i + 1;
	if (next >= g->npath_stages)
		next = g->npath_stages - 1;
	/* neither the decoding nor what follows it is given a length that is not known */
	if (g->path_stages[next].stage >= FSA_S_MAILBOX && !y->decoded && !g->stages.n)
		next = g->npath_stages - 1;
	for (size_t i = next; i < g->npath_stages; i++)
		g->path_stages[i].at_ns = vm->end;
	if (g->path_stages[next].stage != FSA_S_ACK) /* which has its own */
		g->path_stages[next].why = in_progress_why;
}

/* Why no ack ended the window. */
static const char *no_ack(struct at *a, const struct at_vm *vm)
{
	char end[96];

	if (!vm->end_reached)
		return in_progress_why;
	return at_text(a, "the window ends at %s, not at an ack: this stage was not over",
		       fsa_end_text(&a->o, end, sizeof(end)));
}

static void fill(struct at *a, const struct at_vm *vm, struct at_guest *g, const struct found *y)
{
	bool acked = vm->end_reached && a->o.end == FSA_END_ACK;
	uint64_t error = g->map.error_ns;
	char agent[FSA_WHO];
	struct fsa_path_stage *l;

	snprintf(agent, sizeof(agent), "%s (tid %u)", g->agent, g->agent_tid);
	add(g, FSA_S_RAISE, y->raise, 0, y->raise_who, y->raise_why);
	add(g, FSA_S_INJECT, y->inject, y->host_inject ? 0 : error, y->inject_who, y->inject_why);
	l = add(g, FSA_S_NOTIFY, y->notify, error, y->notify_who, y->notify_why);
	if (y->notify && y->by_chance)
		l->why = other_wake;
	add(g, FSA_S_WAKEUP, y->wakeup, error, agent, y->wakeup_why);
	l = add(g, FSA_S_MAILBOX, y->decoded, error, agent, y->decoded_why);
	if (y->bound)
		l->why = bound;
	if (y->apply)
		add(g, FSA_S_APPLY, y->applied, error, agent, y->apply_why);
	if (!vm->decoded_end)
		add(g, FSA_S_ACK, acked ? vm->end : 0, 0, agent, acked ? "" : no_ack(a, vm));
	order(a, g, vm);
	if (!acked && !vm->decoded_end)
		in_progress(g, vm, y);
}

int at_guest_signal_path(struct at *a, const struct at_vm *vm, struct at_guest *g)
{
	struct found y = {.from = UINT64_MAX};
	int ret;

	y.decoded = g->stages.n ? at_guest_decoded(g, vm->end) : at_guest_mailbox_sent(vm, g);
	ret = find_chain(a, vm, g, &y);
	if (ret)
		return ret;
	bound_decoding(vm, g, &y);
	find_apply(a, vm, g, &y);
	fill(a, vm, g, &y);
	return 0;
}
