// SPDX-License-Identifier: BSD-2-Clause
/*
 * Who waits for the resume signal. Our own agent says so by the stages that it records; any other
 * is one of the processes that polled or read the signal's file before the snapshot: the one that
 * then sent the datagram, if several did.
 */
#include "attribute/guest/guest_agent.h"
#include <stdio.h>
#include <string.h>
#include "attribute/guest/guest_names.h"
#include "attribute/state/at.h"

/* How much each kind of watching weighs: a process that polls the clock has read it, too. */
static int weight_of(uint32_t how)
{
	switch (how) {
	case FSG_STEP_VMCLOCK_MMAP:
		return 4;
	case FSG_STEP_VMCLOCK_POLL:
		return 3;
	case FSG_STEP_VMCLOCK_READ:
		return 2;
	default:
		return 1;
	}
}

/* The last datagram that left before the window's end: for an end that is an ack, the ack. */
static const struct at_gspan *last_send(const struct at_guest *g, uint64_t until)
{
	for (size_t i = g->sends.n; i-- > 0;)
		if (g->sends.v[i].t0 <= until)
			return &g->sends.v[i];
	return NULL;
}

/* A thread of a process of which one thread, the process and the name are known. */
static bool belongs(const struct at *a, const struct at_gtask *t, const struct fsg_watcher *w)
{
	const char *name = at_str_get(a, t->name);

	if (!t->tid)
		return false;
	return t->tid == w->tid || t->tid == w->tgid ||
	       (w->comm[0] && *name && !strncmp(name, w->comm, AT_G_NAME));
}

/* The watcher to believe: our own, then who sent the ack, then one of the clock's. */
static const struct fsg_watcher *choose(const struct at *a, const struct at_guest *g,
					const struct at_gspan *send)
{
	const struct fsg_watcher *best = NULL;
	int best_weight = 0;

	for (int i = 0; i < FSG_WATCHERS; i++) {
		const struct fsg_watcher *w = &g->data->dir.watchers[i];
		int weight = weight_of(w->how);

		if (!w->how || !w->tid)
			continue;
		if (w->own)
			weight += 20;
		if (send && belongs(a, &g->tasks.v[send->task], w))
			weight += 10;
		if (weight > best_weight) {
			best = w;
			best_weight = weight;
		}
	}
	return best;
}

/* The task whose stages count: the first to have decoded the mailbox, else the first of all. */
static const struct at_gstage *agent_stage(const struct at_guest *g)
{
	for (size_t i = 0; i < g->stages.n; i++)
		if (g->stages.v[i].x == FSG_STAGE_MAILBOX_SEEN)
			return &g->stages.v[i];
	return g->stages.n ? &g->stages.v[0] : NULL;
}

/* A watcher's name is 16 bytes that a guest wrote. */
static void copy_name(char *out, size_t len, const char comm[16])
{
	snprintf(out, len, "%.15s", comm);
	for (char *p = out; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

static uint64_t signal_of(const struct fsg_watcher *w)
{
	switch (w->how) {
	case FSG_STEP_VMCLOCK_POLL:
		return AT_G_VMCLOCK;
	case FSG_STEP_VMCLOCK_READ:
		/* one that reads the file polls it, too: ours says if it does not */
		return w->own ? AT_G_PERIODIC : AT_G_VMCLOCK;
	case FSG_STEP_VMCLOCK_MMAP:
		return AT_G_SPIN;
	case FSG_STEP_KMSG_READ:
		return AT_G_VMGENID;
	default:
		return 0;
	}
}

static void set_forkscopes(struct at *a, struct at_guest *g, const struct at_gstage *s)
{
	struct at_gtask *t = &g->tasks.v[s->task];
	const char *name = at_str_get(a, t->name);

	t->agent = true;
	g->forkscopes = true;
	g->agent_tid = t->tid;
	if (*name)
		at_guest_task_name(a, t, g->agent, sizeof(g->agent));
	else
		snprintf(g->agent, sizeof(g->agent), "forkscope-guest");
	for (size_t i = 0; i < g->stages.n && !g->signal; i++)
		if (g->stages.v[i].task == s->task && (g->stages.v[i].x == FSG_STAGE_SIGNAL_SEEN ||
						       g->stages.v[i].x == FSG_STAGE_ARMED))
			g->signal = g->stages.v[i].a;
	for (int i = 0; i < FSG_WATCHERS; i++) {
		const struct fsg_watcher *w = &g->data->dir.watchers[i];

		if (!w->how || w->tid != t->tid)
			continue;
		if (w->comm[0])
			copy_name(g->agent, sizeof(g->agent), w->comm);
		g->signal = g->signal ? g->signal : signal_of(w);
	}
}

static void set_watcher(struct at *a, struct at_guest *g, const struct fsg_watcher *w)
{
	g->forkscopes = w->own == 1;
	g->agent_tid = w->tid;
	copy_name(g->agent, sizeof(g->agent), w->comm);
	if (!g->signal)
		g->signal = signal_of(w);
	for (size_t i = 0; i < g->tasks.n; i++)
		g->tasks.v[i].agent =
			g->forkscopes ? g->tasks.v[i].tid == w->tid : belongs(a, &g->tasks.v[i], w);
}

/* Records hold 8 bytes of a name; the watcher's is whole. */
static void name_tasks(struct at *a, struct at_guest *g)
{
	for (size_t i = 0; i < g->tasks.n; i++) {
		struct at_gtask *t = &g->tasks.v[i];
		const char *have = at_str_get(a, t->name);
		uint32_t whole;

		if (t->tid != g->agent_tid || strncmp(g->agent, have, strlen(have)))
			continue;
		whole = at_str(a, g->agent, sizeof(g->agent));
		t->name = whole ? whole : t->name;
		t->cut = !whole && t->cut;
	}
}

bool at_guest_agent(struct at *a, const struct at_vm *vm, struct at_guest *g)
{
	const struct at_gstage *own = agent_stage(g);
	const struct at_gspan *send = last_send(g, vm->end);
	const struct fsg_watcher *w;

	if (own) {
		set_forkscopes(a, g, own);
		name_tasks(a, g);
		return true;
	}
	w = choose(a, g, send);
	if (w) {
		set_watcher(a, g, w);
		name_tasks(a, g);
		return true;
	}
	if (send && a->o.end == FSA_END_ACK && vm->end_reached) {
		struct at_gtask *t = &g->tasks.v[send->task];

		t->agent = true;
		g->agent_tid = t->tid;
		at_guest_task_name(a, t, g->agent, sizeof(g->agent));
		return true;
	}
	return false;
}

/* The datagram that left the VM at @ts, or NULL. */
static const struct at_tx *tx_at(const struct at_vm *vm, uint64_t ts)
{
	for (size_t i = 0; i < vm->txs.n; i++)
		if (vm->txs.v[i].ts == ts)
			return &vm->txs.v[i];
	return NULL;
}

uint64_t at_guest_mailbox_sent(const struct at_vm *vm, const struct at_guest *g)
{
	const struct fsa_ack *ack = NULL;
	const struct at_tx *tx;

	for (size_t i = 0; i < vm->acks.n && !ack; i++)
		if (!strcmp(vm->acks.v[i].stage, "mailbox"))
			ack = &vm->acks.v[i];
	tx = ack ? tx_at(vm, ack->at_ns) : NULL;
	for (size_t i = g->sends.n; ack && i-- > 0;) {
		const struct at_gspan *s = &g->sends.v[i];

		if (g->tasks.v[s->task].agent && s->t0 <= ack->at_ns + g->map.error_ns &&
		    (!tx || (s->x == tx->port && s->a == tx->bytes)))
			return s->t0;
	}
	return 0;
}

uint64_t at_guest_netlink(const struct at_guest *g, uint64_t from)
{
	for (size_t i = 0; i < g->rtnl.n; i++)
		if (g->rtnl.v[i].t0 >= from && g->tasks.v[g->rtnl.v[i].task].agent)
			return g->rtnl.v[i].t0;
	return 0;
}

uint64_t at_guest_decoded(const struct at_guest *g, uint64_t until)
{
	for (size_t i = 0; i < g->stages.n; i++) {
		const struct at_gstage *s = &g->stages.v[i];

		if (s->x == FSG_STAGE_MAILBOX_SEEN && !s->a && g->tasks.v[s->task].agent &&
		    s->t <= until)
			return s->t;
	}
	return 0;
}
