// SPDX-License-Identifier: BSD-2-Clause
/* The guest's tasks, and what each of its CPUs does while its records are read. */
#include <stdio.h>
#include <string.h>
#include "attribute/guest_build.h"

#define IRQ_FLAGS (FSG_F_HARDIRQ | FSG_F_SOFTIRQ)

/* --- tasks --- */

uint32_t at_gb_name(struct at *a, uint64_t bytes)
{
	char s[9] = "";

	memcpy(s, &bytes, 8);
	for (char *p = s; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return at_str(a, s, 8);
}

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

struct at_gtask *at_gb_task_of(struct at_gb *b, uint32_t index)
{
	struct at_gtask *t = &b->g->tasks.v[index];

	if (t->epoch != b->epoch) {
		t->epoch = b->epoch;
		t->work = t->fault = t->lock = t->rtnl = 0;
		t->worked = b->t;
	}
	return t;
}

/*
 * Names a task, of whose name a record holds 8 bytes. Who waits for the signal has its whole name
 * in the directory, and the arming wrote down those of all tasks; a tid may be another task's by
 * now, so those 8 bytes decide. A kernel worker's name as it was then ends with what it worked on
 * then.
 */
static void name_it(struct at_gb *b, struct at_gtask *t, uint64_t bytes)
{
	const char *known, *whole;
	char key[16];

	t->name = at_gb_name(b->a, bytes);
	known = at_str_get(b->a, t->name);
	t->cut = false;
	if (strlen(known) < AT_G_NAME)
		return;
	for (size_t i = 0; i < FSG_WATCHERS; i++)
		if (b->g->data->dir.watchers[i].tid == t->tid &&
		    !strncmp(b->g->data->dir.watchers[i].comm, known, AT_G_NAME)) {
			t->name = at_str(b->a, b->g->data->dir.watchers[i].comm, 15);
			return;
		}
	snprintf(key, sizeof(key), "%u", t->tid);
	whole = json_string_value(json_object_get(b->armed, key));
	t->cut = !whole || strncmp(whole, known, AT_G_NAME) != 0;
	if (!t->cut)
		t->name = at_str(b->a, whole,
				 strncmp(whole, "kworker/", 8) ? 15 : strcspn(whole, "+-"));
}

int64_t at_gb_task(struct at_gb *b, uint32_t tid, uint64_t name)
{
	int64_t i = task_get(b, tid);

	if (i >= 0 && tid && name)
		name_it(b, &b->g->tasks.v[i], name);
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

/* --- what a CPU does --- */

int at_gb_emit(struct at_gb *b, uint64_t t, bool lost)
{
	struct at_gcpu *out = &b->g->cpus[b->cpu];
	const struct at_gb_cpu *c = b->c;
	const struct at_gtask *task = at_gb_task_of(b, c->task);
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

void at_gb_close_frames(struct at_gb *b, uint64_t t)
{
	while (b->c->depth)
		b->g->frames.v[b->c->stack[--b->c->depth] - 1].t1 = t;
}

void at_gb_end_span(struct at_gspan *v, uint32_t *at, uint64_t t)
{
	if (*at && v[*at - 1].t1 == UINT64_MAX)
		v[*at - 1].t1 = t;
	*at = 0;
}

void at_gb_leave(struct at_gb *b, uint32_t task, uint64_t t, bool runnable)
{
	struct at_gtask *k = at_gb_task_of(b, task);

	if (k->running && k->runs.n) {
		k->runs.v[k->runs.n - 1].out = t;
		k->runs.v[k->runs.n - 1].runnable = runnable;
	}
	k->running = false;
}

int at_gb_enter(struct at_gb *b, uint32_t task, uint64_t t)
{
	struct at_gtask *k = at_gb_task_of(b, task);
	struct at_grun r = {.in = t, .out = UINT64_MAX, .wake = k->woken, .cpu = (uint16_t)b->cpu};

	if (k->running)
		at_gb_leave(b, task, t, true); /* on another CPU: its switch there was lost */
	k->running = true;
	k->woken = 0;
	b->c->task = task;
	b->c->ended = 0;
	return fs_vec_push(&k->runs, r);
}

int at_gb_gap(struct at_gb *b)
{
	b->g->lost = true;
	b->epoch++;
	at_gb_close_frames(b, b->c->last);
	b->c->ended = 0;
	return at_gb_emit(b, b->c->last, true);
}

/* The first record of a CPU tells what it did when the snapshot was taken. */
static int begin(struct at_gb *b, int64_t task, bool lost)
{
	const struct fsg_rec *r = b->rec;
	int ret;

	b->c->known = true;
	ret = at_gb_enter(b, (uint32_t)task, 0);
	if (!ret && r->kind == FSG_K_FAULT_END) {
		struct at_gspan s = {.t1 = UINT64_MAX, .task = (uint32_t)task, .a = r->a};

		ret = fs_vec_push(&b->g->faults, s);
		b->g->tasks.v[task].fault = (uint32_t)b->g->faults.n;
	}
	if (lost)
		b->g->lost = true;
	return ret ? ret : at_gb_emit(b, 0, lost);
}

int at_gb_sync(struct at_gb *b, bool jumped, bool lost_before)
{
	int64_t task = task_get(b, b->rec->tid);
	int ret = 0;

	if (task < 0)
		return -ENOMEM;
	if (!b->c->known)
		return begin(b, task, lost_before);
	if (jumped || b->c->task != (uint32_t)task)
		ret = at_gb_gap(b);
	if (!ret && b->c->task != (uint32_t)task) {
		at_gb_leave(b, b->c->task, b->c->last, true);
		ret = at_gb_enter(b, (uint32_t)task, b->t);
	}
	return ret;
}
