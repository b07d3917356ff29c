// SPDX-License-Identifier: BSD-2-Clause
/*
 * The guest's rings, in the order of time, into timelines.
 *
 * Each record names the task on whose CPU it was written, so a record that is missing shows: by
 * its number, or because the task at hand is not the one that it should be. From the last record
 * before that until the next one nothing is claimed, and what was under way then is forgotten.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attribute/guest_build.h"

#define STATE     0xfff /* of a SWITCH's flags: the state in which the task left */
#define IRQ_FLAGS (FSG_F_HARDIRQ | FSG_F_SOFTIRQ)

struct ring { /* a ring being read */
	const struct fsr_guest_ring *r;
	const struct fsg_rec **order; /* its records by time */
	size_t i;
	uint64_t t;       /* of the record at hand; only ever grows */
	bool lost_before; /* more records were lost than the numbers of those that are there tell */
};

/* --- records --- */

static int on_switch(struct at_gb *b)
{
	const struct fsg_rec *r = b->rec;
	bool runnable = r->flags & FSG_F_PREEMPT || !(r->flags & STATE);
	int64_t next = at_gb_task(b, r->x, r->a);

	if (next < 0)
		return -ENOMEM;
	at_gb_close_frames(b, b->t);
	at_gb_leave(b, b->c->task, b->t, runnable);
	return at_gb_enter(b, (uint32_t)next, b->t);
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

static int on_waking(struct at_gb *b, uint64_t name)
{
	int64_t i = at_gb_task(b, b->rec->x, name);
	struct at_gwake w = {.t = b->t, .by = at_gb_context(b), .task = (uint32_t)i};
	uint32_t handler = handler_of_thread(b, name);
	struct at_gtask *k;

	if (i < 0)
		return -ENOMEM;
	k = at_gb_task_of(b, (uint32_t)i);
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

static enum at_gframe_kind frame_kind(uint16_t kind)
{
	if (kind == FSG_K_IRQ || kind == FSG_K_IRQ_END)
		return AT_GF_IRQ;
	return kind == FSG_K_VECTOR || kind == FSG_K_VECTOR_END ? AT_GF_VECTOR : AT_GF_SOFTIRQ;
}

static int on_frame(struct at_gb *b)
{
	const struct fsg_rec *r = b->rec;
	struct at_gframe f = {
		.t0 = b->t,
		.t1 = UINT64_MAX,
		.x = r->x,
		.before = b->c->ended,
		.cpu = (uint16_t)b->cpu,
		.kind = (uint8_t)frame_kind(r->kind),
	};

	if (r->kind == FSG_K_IRQ)
		f.name = at_gb_name(b->a, r->a);
	if (b->c->depth == AT_GB_DEPTH)
		return 0; /* no CPU nests that deep */
	if (fs_vec_push(&b->g->frames, f))
		return -ENOMEM;
	b->c->stack[b->c->depth++] = (uint32_t)b->g->frames.n;
	return 0;
}

static int on_frame_end(struct at_gb *b)
{
	const struct fsg_rec *r = b->rec;
	struct at_gb_cpu *c = b->c;
	unsigned int d = c->depth;

	while (d && (b->g->frames.v[c->stack[d - 1] - 1].kind != frame_kind(r->kind) ||
		     b->g->frames.v[c->stack[d - 1] - 1].x != r->x))
		d--;
	if (!d)
		return 0;
	c->ended = c->stack[d - 1];
	for (; c->depth >= d; c->depth--)
		b->g->frames.v[c->stack[c->depth - 1] - 1].t1 = b->t;
	return 0;
}

static int on_work_queue(struct at_gb *b)
{
	struct at_gwork w = {
		.queue = b->t,
		.t0 = UINT64_MAX,
		.t1 = UINT64_MAX,
		.func = b->rec->a,
		.addr = b->rec->x,
		.by = at_gb_context(b),
		.queued = true,
	};

	if (fs_vec_push(&b->g->works, w))
		return -ENOMEM;
	return fs_hashmap_put(&b->queued, b->rec->x, (void *)(uintptr_t)b->g->works.n);
}

static int on_work(struct at_gb *b)
{
	struct at_gtask *k = at_gb_task_of(b, b->c->task);
	uintptr_t at = (uintptr_t)fs_hashmap_get(&b->queued, b->rec->x);
	struct at_gwork w = {.func = b->rec->a, .addr = b->rec->x};

	if (at) {
		fs_hashmap_del(&b->queued, b->rec->x);
	} else {
		if (fs_vec_push(&b->g->works, w))
			return -ENOMEM;
		at = b->g->works.n;
	}
	b->g->works.v[at - 1].t0 = b->t;
	b->g->works.v[at - 1].t1 = UINT64_MAX;
	k->work = (uint32_t)at;
	return 0;
}

#define MAX_GIVEN 4096 /* of each kind: between two work items of one thread there is less */

/* The stretches of task @task since @t0 outside of any work item are item @at's. */
static int give_segs(struct at_gcpu *c, uint32_t task, uint64_t t0, uint32_t at)
{
	size_t i = c->segs.n, k;
	struct at_gseg s;

	for (k = 0; i && c->segs.v[i - 1].t0 >= t0 && k < MAX_GIVEN; i--, k++)
		if (c->segs.v[i - 1].task == task && !c->segs.v[i - 1].work)
			c->segs.v[i - 1].work = at;
	if (!i || k == MAX_GIVEN || c->segs.v[i - 1].task != task || c->segs.v[i - 1].work ||
	    (i < c->segs.n && c->segs.v[i].t0 == t0))
		return 0;
	s = c->segs.v[i - 1]; /* it began before: from @t0 on it is another */
	s.t0 = t0;
	s.work = at;
	if (fs_vec_push(&c->segs, s))
		return -ENOMEM;
	memmove(&c->segs.v[i + 1], &c->segs.v[i], (c->segs.n - 1 - i) * sizeof(s));
	c->segs.v[i] = s;
	return 0;
}

/* What task @task did since @t0 outside of any work item was for item @at. */
static int give_to_work(struct at_gb *b, uint32_t task, uint64_t t0, uint32_t at)
{
	struct at_guest *g = b->g;
	size_t i, k;

	for (i = g->wakes.n, k = 0; i-- > 0 && g->wakes.v[i].t >= t0 && k < MAX_GIVEN; k++)
		if (g->wakes.v[i].by.task == task && !g->wakes.v[i].by.work)
			g->wakes.v[i].by.work = at;
	for (i = g->works.n, k = 0; i-- > at && k < MAX_GIVEN; k++)
		if (g->works.v[i].queue >= t0 && g->works.v[i].by.task == task &&
		    !g->works.v[i].by.work)
			g->works.v[i].by.work = at;
	return give_segs(&g->cpus[b->cpu], task, t0, at);
}

/*
 * An item ends that was not seen to begin: kernels whose probes can be preempted skip one that
 * another thread is in the middle of. It began after it was queued and after the item before.
 */
static int began_unseen(struct at_gb *b, struct at_gtask *k)
{
	uintptr_t at = (uintptr_t)fs_hashmap_get(&b->queued, b->rec->x);
	struct at_gwork *w = at ? &b->g->works.v[at - 1] : NULL;

	if (!w || w->func != b->rec->a)
		return 0;
	fs_hashmap_del(&b->queued, b->rec->x);
	w->t0 = w->queue > k->worked ? w->queue : k->worked;
	w->t1 = b->t;
	return give_to_work(b, b->c->task, w->t0, (uint32_t)at);
}

static int on_work_end(struct at_gb *b)
{
	struct at_gtask *k = at_gb_task_of(b, b->c->task);
	struct at_gwork *w = k->work ? &b->g->works.v[k->work - 1] : NULL;
	int ret = 0;

	if (w)
		w->t1 = b->t;
	if (!w || w->addr != b->rec->x)
		ret = began_unseen(b, k);
	k->work = 0;
	k->worked = b->t;
	return ret;
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
		at_gb_end_span(v->v, at, b->t);
	if (fs_vec_push(v, s))
		return -ENOMEM;
	if (at)
		*at = (uint32_t)v->n;
	return 0;
}

static int on_fault(struct at_gb *b)
{
	if (!(b->g->data->dir.flags & FSG_D_FAULTS) || b->rec->flags & IRQ_FLAGS)
		return 0;
	return span_begin(b, &b->g->faults, &at_gb_task_of(b, b->c->task)->fault);
}

#define MAX_STEPS_BACK 64

static int on_step_end(struct at_gb *b)
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

static int on_stage(struct at_gb *b, uint32_t task)
{
	struct at_gstage s = {.t = b->t, .a = b->rec->a, .task = task, .x = b->rec->x};

	return fs_vec_push(&b->g->stages, s);
}

static int dispatch(struct at_gb *b)
{
	struct at_guest *g = b->g;
	struct at_gtask *k = at_gb_task_of(b, b->c->task);

	switch (b->rec->kind) {
	case FSG_K_SWITCH:
		return on_switch(b);
	case FSG_K_WAKING:
		return on_waking(b, b->rec->a);
	case FSG_K_WAKEUP: /* of a new task there is no WAKING */
		return b->rec->a >> 32 == 1 ? on_waking(b, 0) : 0;
	case FSG_K_IRQ:
	case FSG_K_VECTOR:
	case FSG_K_SOFTIRQ:
		return on_frame(b);
	case FSG_K_IRQ_END:
	case FSG_K_VECTOR_END:
	case FSG_K_SOFTIRQ_END:
		return on_frame_end(b);
	case FSG_K_WORK_QUEUE:
		return on_work_queue(b);
	case FSG_K_WORK:
		return on_work(b);
	case FSG_K_WORK_END:
		return on_work_end(b);
	case FSG_K_FAULT:
		return on_fault(b);
	case FSG_K_FAULT_END:
		at_gb_end_span(g->faults.v, &k->fault, b->t);
		return 0;
	case FSG_K_STEP:
		return span_begin(b, &g->steps, NULL);
	case FSG_K_STEP_END:
		return on_step_end(b);
	case FSG_K_RTNL:
		return span_begin(b, &g->rtnl, &k->rtnl);
	case FSG_K_RTNL_END:
		at_gb_end_span(g->rtnl.v, &k->rtnl, b->t);
		return 0;
	case FSG_K_UDP_SEND:
		return span_begin(b, &g->sends, NULL);
	case FSG_K_LOCK:
		return span_begin(b, &g->locks, &k->lock);
	case FSG_K_LOCK_END:
		at_gb_end_span(g->locks.v, &k->lock, b->t);
		return 0;
	case FSG_K_STAGE:
		return on_stage(b, b->c->task);
	default:
		return 0;
	}
}

/*
 * A record that is not from interrupt context says that interrupts are over; one that begins
 * something of the task says that its page fault is.
 */
static void end_stale(struct at_gb *b)
{
	struct at_gtask *k = at_gb_task_of(b, b->c->task);

	switch (b->rec->kind) {
	case FSG_K_UDP_SEND:
	case FSG_K_RTNL:
	case FSG_K_STAGE:
		at_gb_end_span(b->g->faults.v, &k->fault, b->t);
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
		at_gb_close_frames(b, b->t);
}

/* Is the record missing whose number comes before that of @rec? */
static bool is_behind_gap(const struct fsr_guest_ring *r, const struct fsg_rec *rec)
{
	return rec != r->recs && rec[-1].seq + 1 != rec->seq;
}

static int cpu_record(struct at_gb *b, const struct ring *q)
{
	struct at_gb_cpu *c = b->c = &b->cpus[b->cpu];
	bool jumped = c->known && is_behind_gap(q->r, b->rec);
	bool empty = b->rec->kind == FSG_K_NONE || b->rec->kind == FSG_K_WRAP;
	int ret;

	if (empty) /* it does not say whose it was */
		ret = jumped ? at_gb_gap(b) : 0;
	else
		ret = at_gb_sync(b, jumped, q->lost_before);
	if (!ret && !empty) {
		end_stale(b);
		ret = dispatch(b);
		ret = ret ? ret : at_gb_emit(b, b->t, false);
	}
	c->last = b->t;
	return ret;
}

/* The agent's own ring knows no CPU. */
static int agent_record(struct at_gb *b)
{
	int64_t task;

	if (b->rec->kind != FSG_K_STAGE || !b->rec->tid)
		return 0;
	task = at_gb_task(b, b->rec->tid, 0);
	return task < 0 ? -ENOMEM : on_stage(b, (uint32_t)task);
}

static bool lost_before(const struct fsr_guest_ring *r)
{
	uint64_t jumps = 0, lost = r->lost + r->torn < r->lost ? UINT64_MAX : r->lost + r->torn;

	for (size_t i = 1; i < r->n; i++)
		jumps += (uint32_t)(r->recs[i].seq - r->recs[i - 1].seq - 1);
	return lost > jumps;
}

static int earlier(const void *x, const void *y)
{
	const struct fsg_rec *a = *(const struct fsg_rec *const *)x;
	const struct fsg_rec *b = *(const struct fsg_rec *const *)y;

	if (a->ts != b->ts)
		return a->ts < b->ts ? -1 : 1;
	return a < b ? -1 : a > b;
}

/*
 * A program that is interrupted, or whose thread is preempted, between taking its number and taking
 * the time has the later time of the two: then it went on. Each record fits what its CPU did at
 * its own time, not at its number's.
 */
const struct fsg_rec **at_guest_by_time(const struct fsr_guest_ring *r)
{
	const struct fsg_rec **order = malloc((r->n + 1) * sizeof(*order));

	if (!order)
		return NULL;
	for (size_t i = 0; i < r->n; i++)
		order[i] = &r->recs[i];
	qsort(order, r->n, sizeof(*order), earlier);
	return order;
}

static int open_ring(const struct fsr_guest_ring *r, struct ring *q)
{
	*q = (struct ring){.r = r, .order = at_guest_by_time(r)};
	q->lost_before = lost_before(r);
	return q->order ? 0 : -ENOMEM;
}

static void load(const struct at_guest *g, struct ring *q)
{
	uint64_t t;

	if (q->i >= q->r->n) {
		q->t = UINT64_MAX;
		return;
	}
	t = fsl_to_host(&g->map, q->order[q->i]->ts);
	if (t >= UINT64_MAX)
		t = UINT64_MAX - 1;
	q->t = t > q->t ? t : q->t;
}

static int merge(struct at_gb *b, struct ring *rings, size_t n, uint64_t until)
{
	for (;;) {
		size_t k = 0;
		struct ring *q;
		int ret;

		for (size_t i = 1; i < n; i++)
			if (rings[i].t < rings[k].t)
				k = i;
		q = &rings[k];
		if (!n || q->t > until || q->t == UINT64_MAX)
			return 0;
		b->rec = q->order[q->i++];
		b->t = q->t;
		b->cpu = q->r->index;
		b->g->events++;
		ret = q->r->kind == FSR_GP_AGENT ? agent_record(b) : cpu_record(b, q);
		if (ret)
			return ret;
		load(b->g, q);
	}
}

int at_guest_build(struct at *a, struct at_guest *g, uint64_t until)
{
	const struct fsr_guest_data *d = g->data;
	struct at_gb b = {.a = a, .g = g};
	struct ring *rings = calloc(d->nrings + 1, sizeof(*rings));
	size_t n = 0;
	int ret;

	b.armed = json_object_get(fsr_guest_meta(a->r, d->dir.id), "tasks");
	b.cpus = calloc(FSG_MAX_CPUS, sizeof(*b.cpus));
	ret = b.cpus && rings ? 0 : -ENOMEM;
	for (size_t i = 0; i < d->nrings && !ret; i++) {
		const struct fsr_guest_ring *r = &d->rings[i];

		if (!r->n || (r->kind != FSR_GP_AGENT && r->index >= FSG_MAX_CPUS))
			continue;
		ret = open_ring(r, &rings[n]);
		if (!ret)
			load(g, &rings[n++]);
	}
	if (!ret)
		ret = merge(&b, rings, n, until);
	fs_hashmap_free(&b.queued);
	free(b.cpus);
	for (size_t i = 0; i < n; i++)
		free(rings[i].order);
	free(rings);
	return ret;
}
