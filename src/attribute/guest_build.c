// SPDX-License-Identifier: BSD-2-Clause
/*
 * The guest's rings, in the order of time, into timelines.
 *
 * Each record names the task on whose CPU it was written, so a record that is missing shows: by
 * its number, or because the task at hand is not the one that it should be. From the last record
 * before that until the next one nothing is claimed, and what was under way then is forgotten.
 */
#include <stdlib.h>
#include <string.h>
#include "attribute/guest.h"

#define MAX_DEPTH 8
#define STATE     0xfff /* of a SWITCH's flags: the state in which the task left */
#define IRQ_FLAGS (FSG_F_HARDIRQ | FSG_F_SOFTIRQ)

struct ring { /* a ring being read */
	const struct fsr_guest_ring *r;
	size_t i;
	uint64_t t; /* of the record at hand; only ever grows */
};

struct cpu {
	bool known;
	uint32_t task;             /* index */
	uint32_t stack[MAX_DEPTH]; /* frames + 1 */
	unsigned int depth;
	uint32_t ended; /* + 1: frame that ended last, none since the last switch */
	uint32_t seq;   /* of the record before this one */
	uint64_t last;  /* its time */
};

struct build {
	struct at *a;
	struct at_guest *g;
	struct cpu *cpus;
	struct at_idmap queued; /* work item to its last queueing: index + 1 */
	uint32_t epoch;
	/* the record at hand */
	const struct fsg_rec *rec;
	uint64_t t;
	unsigned int cpu;
	struct cpu *c;
};

/* --- tasks --- */

/* Up to 8 bytes of a name that a guest wrote. */
static uint32_t name8(struct at *a, uint64_t bytes)
{
	char s[9] = "";

	memcpy(s, &bytes, 8);
	for (char *p = s; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return at_str(a, s, 8);
}

/* Index of the task, -1 without memory. Each CPU's idle task is one of its own. */
static int64_t task_get(struct build *b, uint32_t tid)
{
	uint64_t key = tid ? tid : 1ull << 32 | b->cpu;
	uintptr_t at = (uintptr_t)at_idmap_get(&b->g->by_tid, key);
	struct at_gtask t = {.tid = tid, .epoch = b->epoch};

	if (at)
		return (int64_t)at - 1;
	if (!tid)
		t.name = at_str(b->a, "idle", 8);
	if (fs_vec_push(&b->g->tasks, t))
		return -1;
	if (at_idmap_put(&b->g->by_tid, key, (void *)(uintptr_t)b->g->tasks.n)) {
		b->g->tasks.n--;
		return -1;
	}
	return (int64_t)b->g->tasks.n - 1;
}

/* The task, with nothing that a gap in the records has made doubtful. */
static struct at_gtask *task_of(struct build *b, uint32_t index)
{
	struct at_gtask *t = &b->g->tasks.v[index];

	if (t->epoch != b->epoch) {
		t->epoch = b->epoch;
		t->work = t->fault = t->lock = t->rtnl = 0;
	}
	return t;
}

static int64_t task_named(struct build *b, uint32_t tid, uint64_t name)
{
	int64_t i = task_get(b, tid);

	if (i >= 0 && tid && name)
		b->g->tasks.v[i].name = name8(b->a, name);
	return i;
}

static struct at_gctx context(const struct build *b)
{
	const struct cpu *c = b->c;

	return (struct at_gctx){
		.task = c->task,
		.frame = c->depth ? c->stack[c->depth - 1] : 0,
		.work = b->g->tasks.v[c->task].work,
		.cpu = (uint16_t)b->cpu,
		.irq = c->depth || b->rec->flags & IRQ_FLAGS,
	};
}

/* --- what a CPU does --- */

static int emit(struct build *b, uint64_t t, bool lost)
{
	struct at_gcpu *out = &b->g->cpus[b->cpu];
	const struct cpu *c = b->c;
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

static void close_frames(struct build *b, uint64_t t)
{
	while (b->c->depth)
		b->g->frames.v[b->c->stack[--b->c->depth] - 1].t1 = t;
}

/* Ends what the last record of an ended thing should have ended. */
static void end_span(struct at_gspan *v, uint32_t *at, uint64_t t)
{
	if (*at && v[*at - 1].t1 == UINT64_MAX)
		v[*at - 1].t1 = t;
	*at = 0;
}

static void leave(struct build *b, uint32_t task, uint64_t t, bool runnable)
{
	struct at_gtask *k = task_of(b, task);

	if (k->running && k->runs.n) {
		k->runs.v[k->runs.n - 1].out = t;
		k->runs.v[k->runs.n - 1].runnable = runnable;
	}
	k->running = false;
}

static int enter(struct build *b, uint32_t task, uint64_t t)
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
static int gap(struct build *b)
{
	b->g->lost = true;
	b->epoch++;
	close_frames(b, b->c->last);
	b->c->ended = 0;
	return emit(b, b->c->last, true);
}

/* The first record of a CPU tells what it did when the snapshot was taken. */
static int begin(struct build *b, int64_t task, bool lost)
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

static int sync(struct build *b, bool jumped, bool lost_before)
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

/* --- records --- */

static int on_switch(struct build *b)
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

static int on_waking(struct build *b, uint64_t name)
{
	int64_t i = task_named(b, b->rec->x, name);
	struct at_gwake w = {.t = b->t, .by = context(b), .task = (uint32_t)i};
	struct at_gtask *k;

	if (i < 0)
		return -ENOMEM;
	k = task_of(b, (uint32_t)i);
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

static int on_frame(struct build *b)
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
		f.name = name8(b->a, r->a);
	if (b->c->depth == MAX_DEPTH)
		return 0; /* no CPU nests that deep */
	if (fs_vec_push(&b->g->frames, f))
		return -ENOMEM;
	b->c->stack[b->c->depth++] = (uint32_t)b->g->frames.n;
	return 0;
}

static int on_frame_end(struct build *b)
{
	const struct fsg_rec *r = b->rec;
	struct cpu *c = b->c;
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

static uint64_t work_key(const struct fsg_rec *r)
{
	return (uint64_t)r->x << 32 ^ r->a;
}

static int on_work_queue(struct build *b)
{
	struct at_gwork w = {
		.queue = b->t,
		.t0 = UINT64_MAX,
		.t1 = UINT64_MAX,
		.func = b->rec->a,
		.addr = b->rec->x,
		.by = context(b),
		.queued = true,
	};

	if (fs_vec_push(&b->g->works, w))
		return -ENOMEM;
	return at_idmap_put(&b->queued, work_key(b->rec), (void *)(uintptr_t)b->g->works.n);
}

static int on_work(struct build *b)
{
	struct at_gtask *k = task_of(b, b->c->task);
	uintptr_t at = (uintptr_t)at_idmap_get(&b->queued, work_key(b->rec));
	struct at_gwork w = {.func = b->rec->a, .addr = b->rec->x};

	if (at) {
		at_idmap_del(&b->queued, work_key(b->rec));
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

static int on_work_end(struct build *b)
{
	struct at_gtask *k = task_of(b, b->c->task);

	if (k->work)
		b->g->works.v[k->work - 1].t1 = b->t;
	k->work = 0;
	return 0;
}

/* Something of the task at hand begins; *@at, if it is asked for, remembers it. */
static int span_begin(struct build *b, at_gspans *v, uint32_t *at)
{
	struct at_gspan s = {
		.t0 = b->t,
		.t1 = UINT64_MAX,
		.a = b->rec->a,
		.x = b->rec->x,
		.task = b->c->task,
		.by = context(b),
	};

	if (at)
		end_span(v->v, at, b->t);
	if (fs_vec_push(v, s))
		return -ENOMEM;
	if (at)
		*at = (uint32_t)v->n;
	return 0;
}

static int on_fault(struct build *b)
{
	if (!(b->g->data->dir.flags & FSG_D_FAULTS) || b->rec->flags & IRQ_FLAGS)
		return 0;
	return span_begin(b, &b->g->faults, &task_of(b, b->c->task)->fault);
}

#define MAX_STEPS_BACK 64

static int on_step_end(struct build *b)
{
	size_t n = b->g->steps.n;

	for (size_t i = n; i-- > 0 && n - i <= MAX_STEPS_BACK;) {
		struct at_gspan *s = &b->g->steps.v[i];

		if (s->x == b->rec->x && s->task == b->c->task && s->t1 == UINT64_MAX) {
			s->t1 = b->t;
			break;
		}
	}
	return 0;
}

static int on_stage(struct build *b, uint32_t task)
{
	struct at_gstage s = {.t = b->t, .a = b->rec->a, .task = task, .x = b->rec->x};

	return fs_vec_push(&b->g->stages, s);
}

static int dispatch(struct build *b)
{
	struct at_guest *g = b->g;
	struct at_gtask *k = task_of(b, b->c->task);

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
		end_span(g->faults.v, &k->fault, b->t);
		return 0;
	case FSG_K_STEP:
		return span_begin(b, &g->steps, NULL);
	case FSG_K_STEP_END:
		return on_step_end(b);
	case FSG_K_RTNL:
		return span_begin(b, &g->rtnl, &k->rtnl);
	case FSG_K_RTNL_END:
		end_span(g->rtnl.v, &k->rtnl, b->t);
		return 0;
	case FSG_K_UDP_SEND:
		return span_begin(b, &g->sends, NULL);
	case FSG_K_LOCK:
		return span_begin(b, &g->locks, &k->lock);
	case FSG_K_LOCK_END:
		end_span(g->locks.v, &k->lock, b->t);
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
static void end_stale(struct build *b)
{
	struct at_gtask *k = task_of(b, b->c->task);

	switch (b->rec->kind) {
	case FSG_K_UDP_SEND:
	case FSG_K_RTNL:
	case FSG_K_STAGE:
		end_span(b->g->faults.v, &k->fault, b->t);
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

static int cpu_record(struct build *b, bool lost_before)
{
	struct cpu *c = b->c = &b->cpus[b->cpu];
	bool jumped = c->known && b->rec->seq != c->seq + 1;
	bool empty = b->rec->kind == FSG_K_NONE || b->rec->kind == FSG_K_WRAP;
	int ret;

	if (empty) /* it does not say whose it was */
		ret = jumped ? gap(b) : 0;
	else
		ret = sync(b, jumped, lost_before);
	if (!ret && !empty) {
		end_stale(b);
		ret = dispatch(b);
		ret = ret ? ret : emit(b, b->t, false);
	}
	c->seq = b->rec->seq;
	c->last = b->t;
	return ret;
}

/* The agent's own ring knows no CPU. */
static int agent_record(struct build *b)
{
	int64_t task;

	if (b->rec->kind != FSG_K_STAGE || !b->rec->tid)
		return 0;
	task = task_get(b, b->rec->tid);
	return task < 0 ? -ENOMEM : on_stage(b, (uint32_t)task);
}

/* Whether more records of @r were lost than the numbers of those that are there tell. */
static bool lost_before(const struct fsr_guest_ring *r)
{
	uint64_t jumps = 0, lost = r->lost + r->torn < r->lost ? UINT64_MAX : r->lost + r->torn;

	for (size_t i = 1; i < r->n; i++)
		jumps += (uint32_t)(r->recs[i].seq - r->recs[i - 1].seq - 1);
	return lost > jumps;
}

static void load(const struct at_guest *g, struct ring *q)
{
	uint64_t t;

	if (q->i >= q->r->n) {
		q->t = UINT64_MAX;
		return;
	}
	t = fsl_to_host(&g->map, q->r->recs[q->i].ts);
	if (t >= UINT64_MAX)
		t = UINT64_MAX - 1;
	q->t = t > q->t ? t : q->t;
}

static int merge(struct build *b, struct ring *rings, const bool *lost, size_t n, uint64_t until)
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
		b->rec = &q->r->recs[q->i++];
		b->t = q->t;
		b->cpu = q->r->index;
		b->g->events++;
		ret = q->r->kind == FSR_GP_AGENT ? agent_record(b) : cpu_record(b, lost[k]);
		if (ret)
			return ret;
		load(b->g, q);
	}
}

int at_guest_build(struct at *a, struct at_guest *g, uint64_t until)
{
	const struct fsr_guest_data *d = g->data;
	struct build b = {.a = a, .g = g};
	struct ring *rings = calloc(d->nrings + 1, sizeof(*rings));
	bool *lost = calloc(d->nrings + 1, sizeof(*lost));
	size_t n = 0;
	int ret = -ENOMEM;

	b.cpus = calloc(FSG_MAX_CPUS, sizeof(*b.cpus));
	for (size_t i = 0; rings && lost && i < d->nrings; i++) {
		const struct fsr_guest_ring *r = &d->rings[i];

		if (!r->n || (r->kind != FSR_GP_AGENT && r->index >= FSG_MAX_CPUS))
			continue;
		rings[n].r = r;
		lost[n] = lost_before(r);
		load(g, &rings[n++]);
	}
	if (b.cpus && rings && lost)
		ret = merge(&b, rings, lost, n, until);
	at_idmap_free(&b.queued);
	free(b.cpus);
	free(rings);
	free(lost);
	return ret;
}
