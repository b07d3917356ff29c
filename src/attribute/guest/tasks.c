// SPDX-License-Identifier: BSD-2-Clause
/* The guest's tasks, and what each of its CPUs does while its records are read. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "attribute/guest/guest_build.h"
#include "attribute/guest/guest_names.h"
#include "attribute/state/at.h"

#define STATE          0xfff /* of a SWITCH's flags: the state in which the task left */
#define IRQ_FLAGS      (FSG_F_HARDIRQ | FSG_F_SOFTIRQ)
#define MAX_STEPS_BACK 64

/* Index of the task, -1 without memory. Each CPU's idle task is one of its own. */
static int64_t task_get(struct at_gb *b, uint32_t tid)
{
	uint64_t key = tid ? tid : 1ull << 32 | b->cpu;
	uintptr_t at = (uintptr_t)fs_hashmap_get(&b->g->by_tid, key);
	struct at_gtask t = {.tid = tid, .epoch = b->epoch};

	if (at)
		return (int64_t)at - 1;
	if (!tid)
		t.name = at_str(b->a, "idle", 8);
	if (fs_vec_push(&b->g->tasks, t))
		return -1;
	if (fs_hashmap_put(&b->g->by_tid, key, (void *)(uintptr_t)b->g->tasks.n)) {
		b->g->tasks.n--;
		return -1;
	}
	return (int64_t)b->g->tasks.n - 1;
}

/* The task, with nothing that a gap in the records has made doubtful. */
static struct at_gtask *task_of(struct at_gb *b, uint32_t index)
{
	struct at_gtask *t = &b->g->tasks.v[index];

	if (t->epoch != b->epoch) {
		t->epoch = b->epoch;
		t->work = t->fault = t->lock = t->rtnl = 0;
		t->worked = b->t;
	}
	return t;
}

/* Index of the task, -1 without memory; @name (8 bytes, 0 = none) is its name now. */
static int64_t task_named(struct at_gb *b, uint32_t tid, uint64_t name)
{
	int64_t i = task_get(b, tid);

	if (i >= 0 && tid && name)
		at_guest_name_task(b->a, b->g, b->armed, &b->g->tasks.v[i], name);
	return i;
}

struct at_gctx at_gb_context(const struct at_gb *b)
{
	const struct at_gb_cpu *c = b->c;

	return (struct at_gctx){
		.task = c->task,
		.frame = c->depth ? c->stack[c->depth - 1] : 0,
		.work = b->g->tasks.v[c->task].work,
		.cpu = (uint16_t)b->cpu,
		.irq = c->depth || b->rec->flags & IRQ_FLAGS,
	};
}

/* From @t on the CPU does what its state says. */
static int emit(struct at_gb *b, uint64_t t, bool lost)
{
	struct at_gcpu *out = &b->g->cpus[b->cpu];
	const struct at_gb_cpu *c = b->c;
	const struct at_gtask *task = task_of(b, c->task);
	struct at_gseg s = {
		.t0 = t,
		.task = c->task,
		.frame = c->depth ? c->stack[c->depth - 1] : 0,
		.work = task->work,
		.lost = lost,
	};
	const struct at_gseg *last = out->segs.n ? &out->segs.v[out->segs.n - 1] : NULL;

	s.fault = !s.frame && task->fault;
	if (last && last->task == s.task && last->frame == s.frame && last->work == s.work &&
	    last->fault == s.fault && last->lost == s.lost)
		return 0;
	return fs_vec_push(&out->segs, s);
}

/* The interrupts of the CPU are over at @t. */
static void close_frames(struct at_gb *b, uint64_t t)
{
	while (b->c->depth)
		b->g->frames.v[b->c->stack[--b->c->depth] - 1].t1 = t;
}

/* Ends the span *@at (+ 1) of @v, if it has not ended, and forgets it. */
static void span_end(struct at_gspan *v, uint32_t *at, uint64_t t)
{
	if (*at && v[*at - 1].t1 == UINT64_MAX)
		v[*at - 1].t1 = t;
	*at = 0;
}

static void leave(struct at_gb *b, uint32_t task, uint64_t t, bool runnable)
{
	struct at_gtask *k = task_of(b, task);

	if (k->running && k->runs.n) {
		k->runs.v[k->runs.n - 1].out = t;
		k->runs.v[k->runs.n - 1].runnable = runnable;
	}
	k->running = false;
}

static int enter(struct at_gb *b, uint32_t task, uint64_t t)
{
	struct at_gtask *k = task_of(b, task);
	struct at_grun r = {.in = t, .out = UINT64_MAX, .wake = k->woken, .cpu = (uint16_t)b->cpu};

	if (k->running)
		leave(b, task, t, true); /* on another CPU: its switch there was lost */
	k->running = true;
	k->woken = 0;
	b->c->task = task;
	b->c->ended = 0;
	return fs_vec_push(&k->runs, r);
}

/* Records are missing between the last one of this CPU and the one at hand. */
static int gap(struct at_gb *b)
{
	b->g->lost = true;
	b->epoch++;
	close_frames(b, b->c->last);
	b->c->ended = 0;
	return emit(b, b->c->last, true);
}

/* The first record of a CPU shows what it did when the snapshot was taken. */
static int begin(struct at_gb *b, int64_t task, bool lost)
{
	const struct fsg_rec *r = b->rec;
	int ret;

	b->c->known = true;
	ret = enter(b, (uint32_t)task, 0);
	if (!ret && r->kind == FSG_K_FAULT_END) {
		struct at_gspan s = {.t1 = UINT64_MAX, .task = (uint32_t)task, .a = r->a};

		ret = fs_vec_push(&b->g->faults, s);
		b->g->tasks.v[task].fault = (uint32_t)b->g->faults.n;
	}
	if (lost)
		b->g->lost = true;
	return ret ? ret : emit(b, 0, lost);
}

/*
 * Makes the CPU's state fit the task of the record at hand. @jumped: its number says that some are
 * missing before it; @lost_before: some are missing before the CPU's first record.
 */
static int sync(struct at_gb *b, bool jumped, bool lost_before)
{
	int64_t task = task_get(b, b->rec->tid);
	int ret = 0;

	if (task < 0)
		return -ENOMEM;
	if (!b->c->known)
		return begin(b, task, lost_before);
	if (jumped || b->c->task != (uint32_t)task)
		ret = gap(b);
	if (!ret && b->c->task != (uint32_t)task) {
		leave(b, b->c->task, b->c->last, true);
		ret = enter(b, (uint32_t)task, b->t);
	}
	return ret;
}

int at_gb_on_switch(struct at_gb *b)
{
	const struct fsg_rec *r = b->rec;
	bool runnable = r->flags & FSG_F_PREEMPT || !(r->flags & STATE);
	int64_t next = task_named(b, r->x, r->a);

	if (next < 0)
		return -ENOMEM;
	close_frames(b, b->t);
	leave(b, b->c->task, b->t, runnable);
	return enter(b, (uint32_t)next, b->t);
}

/*
 * An interrupt with a thread of its own ("irq/9-acpi") wakes it when its handler has ended already,
 * still in the interrupt: its frame + 1, or 0. It may have come in a softirq, which is then around
 * both, or began before the first record.
 */
static uint32_t handler_of_thread(const struct at_gb *b, uint64_t name)
{
	const struct at_gframe *f = b->c->ended ? &b->g->frames.v[b->c->ended - 1] : NULL;
	char text[sizeof(name) + 1] = "";
	unsigned int irq;

	memcpy(text, &name, sizeof(name));
	if (!f || f->kind != AT_GF_IRQ || sscanf(text, "irq/%3u-", &irq) != 1)
		return 0;
	return f->x == irq ? b->c->ended : 0;
}

int at_gb_on_waking(struct at_gb *b, uint64_t name)
{
	int64_t i = task_named(b, b->rec->x, name);
	struct at_gwake w = {.t = b->t, .by = at_gb_context(b), .task = (uint32_t)i};
	uint32_t handler = handler_of_thread(b, name);
	struct at_gtask *k;

	if (i < 0)
		return -ENOMEM;
	k = task_of(b, (uint32_t)i);
	if (handler) {
		w.by.frame = handler;
		w.by.irq = true;
	}
	w.running = k->running;
	w.fault = k->fault;
	w.lock = k->lock;
	if (fs_vec_push(&b->g->wakes, w))
		return -ENOMEM;
	if (!k->running && !k->woken)
		k->woken = (uint32_t)b->g->wakes.n;
	return 0;
}

/* Something of the task at hand begins; *@at, if it is asked for, remembers it. */
static int span_begin(struct at_gb *b, at_gspans *v, uint32_t *at)
{
	struct at_gspan s = {
		.t0 = b->t,
		.t1 = UINT64_MAX,
		.a = b->rec->a,
		.x = b->rec->x,
		.task = b->c->task,
		.by = at_gb_context(b),
	};

	if (at)
		span_end(v->v, at, b->t);
	if (fs_vec_push(v, s))
		return -ENOMEM;
	if (at)
		*at = (uint32_t)v->n;
	return 0;
}

int at_gb_on_fault(struct at_gb *b)
{
	if (!(b->g->data->dir.flags & FSG_D_FAULTS) || b->rec->flags & IRQ_FLAGS)
		return 0;
	return span_begin(b, &b->g->faults, &task_of(b, b->c->task)->fault);
}

int at_gb_on_fault_end(struct at_gb *b)
{
	span_end(b->g->faults.v, &task_of(b, b->c->task)->fault, b->t);
	return 0;
}

int at_gb_on_rtnl(struct at_gb *b)
{
	return span_begin(b, &b->g->rtnl, &task_of(b, b->c->task)->rtnl);
}

int at_gb_on_rtnl_end(struct at_gb *b)
{
	span_end(b->g->rtnl.v, &task_of(b, b->c->task)->rtnl, b->t);
	return 0;
}

int at_gb_on_lock(struct at_gb *b)
{
	return span_begin(b, &b->g->locks, &task_of(b, b->c->task)->lock);
}

int at_gb_on_lock_end(struct at_gb *b)
{
	span_end(b->g->locks.v, &task_of(b, b->c->task)->lock, b->t);
	return 0;
}

int at_gb_on_send(struct at_gb *b)
{
	return span_begin(b, &b->g->sends, NULL);
}

int at_gb_on_step(struct at_gb *b)
{
	return span_begin(b, &b->g->steps, NULL);
}

int at_gb_on_step_end(struct at_gb *b)
{
	size_t n = b->g->steps.n;

	for (size_t i = n; i-- > 0 && n - i <= MAX_STEPS_BACK;) {
		struct at_gspan *s = &b->g->steps.v[i];

		if (s->x == b->rec->x && s->task == b->c->task && s->t1 == UINT64_MAX) {
			s->t1 = b->t;
			s->ret = (int64_t)b->rec->a;
			break;
		}
	}
	return 0;
}

static int stage_of(struct at_gb *b, uint32_t task)
{
	struct at_gstage s = {.t = b->t, .a = b->rec->a, .task = task, .x = b->rec->x};

	return fs_vec_push(&b->g->stages, s);
}

int at_gb_on_stage(struct at_gb *b)
{
	return stage_of(b, b->c->task);
}

int at_gb_agent_stage(struct at_gb *b)
{
	int64_t task = task_named(b, b->rec->tid, 0);

	return task < 0 ? -ENOMEM : stage_of(b, (uint32_t)task);
}

void at_gb_work_begins(struct at_gb *b, uint32_t at)
{
	task_of(b, b->c->task)->work = at;
}

uint32_t at_gb_work_ends(struct at_gb *b, uint64_t *worked)
{
	struct at_gtask *k = task_of(b, b->c->task);
	uint32_t at = k->work;

	*worked = k->worked;
	k->work = 0;
	k->worked = b->t;
	return at;
}

/*
 * A record that is not from interrupt context says that interrupts are over; one that begins
 * something of the task says that its page fault is.
 */
static void end_stale(struct at_gb *b)
{
	struct at_gtask *k = task_of(b, b->c->task);

	switch (b->rec->kind) {
	case FSG_K_UDP_SEND:
	case FSG_K_RTNL:
	case FSG_K_STAGE:
		span_end(b->g->faults.v, &k->fault, b->t);
		break;
	case FSG_K_WAKING:
	case FSG_K_WORK_QUEUE:
	case FSG_K_WORK:
	case FSG_K_WORK_END:
	case FSG_K_FAULT:
	case FSG_K_FAULT_END:
	case FSG_K_LOCK:
		break;
	default:
		return;
	}
	if (!(b->rec->flags & IRQ_FLAGS))
		close_frames(b, b->t);
}

int at_gb_begin_record(struct at_gb *b, bool empty, bool behind_gap, bool lost_before)
{
	bool jumped = b->c->known && behind_gap;
	int ret;

	if (empty) /* it does not say whose it was */
		return jumped ? gap(b) : 0;
	ret = sync(b, jumped, lost_before);
	if (!ret)
		end_stale(b);
	return ret;
}

int at_gb_end_record(struct at_gb *b)
{
	return emit(b, b->t, false);
}
