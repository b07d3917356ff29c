// SPDX-License-Identifier: BSD-2-Clause
/*
 * The wake-up by which the resume signal reached the agent: that of the thread which next reads (or
 * polls) the signal's file, before that read. Other threads of the agent wake up too, by timers of
 * its runtime, and so does the reader for other lines of the log.
 */
#include <string.h>
#include "attribute/guest/wake_chain.h"
#include "attribute/state/at.h"

#define LOCAL_TIMER  0xec /* x86 vectors: arch/x86/include/asm/irq_vectors.h */
#define IRQ_WORK     0xf6
#define SOFT_TIMER   1 /* softirqs: include/linux/interrupt.h */
#define SOFT_HRTIMER 8
#define MAX_HANDOVER 8  /* from thread to thread of the agent */
#define MAX_TRIED    64 /* wake-ups out of one notification, in a hostile recording */

static const char no_wake[] = "the wake-up that notified the agent is not in the guest's records";
static const char no_hooks[] = "the guest's recorder could not see wake-ups";
static const char no_reader[] =
	"not separable: which of the agent's threads read the signal's file is not in the guest's records, and several of them were woken";
static const char no_read[] =
	"not separable: the agent was woken several times after the kernel's line of the fork, and its read of it is not in the guest's records";
static const char many_wakes[] =
	"not separable: the thread that read the kernel's log was woken several times between the line of the fork and its read";
static const char asleep[] =
	"not separable: the thread that read the kernel's log slept when the line of the fork was written, and what woke it is not in the guest's records";

/* The last step @x that began at or before @t, or NULL. */
static const struct at_gspan *last_step(const struct at_guest *g, uint32_t x, uint64_t t)
{
	for (size_t i = g->steps.n; i-- > 0;)
		if (g->steps.v[i].x == x && g->steps.v[i].t0 <= t)
			return &g->steps.v[i];
	return NULL;
}

static bool by_vector(const struct at_guest *g, const struct at_gwake *w, uint32_t vector)
{
	const struct at_gframe *f = w->by.frame ? &g->frames.v[w->by.frame - 1] : NULL;

	return f && f->kind == AT_GF_VECTOR && (!vector || f->x == vector);
}

static bool by_timer(const struct at_guest *g, const struct at_gwake *w)
{
	const struct at_gframe *f = w->by.frame ? &g->frames.v[w->by.frame - 1] : NULL;

	return f && ((f->kind == AT_GF_VECTOR && f->x == LOCAL_TIMER) ||
		     (f->kind == AT_GF_SOFTIRQ && (f->x == SOFT_TIMER || f->x == SOFT_HRTIMER)));
}

/* Sent by one of the agent's own threads. */
static bool by_agent(const struct at_guest *g, const struct at_gwake *w)
{
	return !w->by.irq && g->tasks.v[w->by.task].agent;
}

/* Whether @w may have been the signal: not what ends a page fault, a wait for a lock, a timer. */
static bool may_notify(const struct at_guest *g, const struct at_gwake *w)
{
	return g->tasks.v[w->task].agent && !w->fault && !w->lock && !by_timer(g, w) &&
	       !by_agent(g, w);
}

static bool in_notification(const struct at_guest *g, const struct at_gwake *w)
{
	const struct at_gspan *s = last_step(g, FSG_STEP_VMCLOCK_NOTIFY, w->t);

	return s && s->task == w->by.task && w->t <= s->t1;
}

bool at_guest_is_notice(const struct at_guest *g, const struct at_gwake *w)
{
	if (!(g->data->dir.flags & FSG_D_SIGNAL))
		return true;
	if (g->signal == AT_G_VMGENID)
		return last_step(g, FSG_STEP_VMFORK, w->t) ||
		       last_step(g, FSG_STEP_VMGENID_NOTIFY, w->t);
	return in_notification(g, w);
}

/* Of an agent with one thread every wake-up is the reader's. */
static bool one_thread(const struct at_guest *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->tasks.n; i++)
		n += g->tasks.v[i].agent;
	return g->forkscopes || n <= 1;
}

/* --- reads --- */

static bool is_read(const struct at_guest *g, const struct at_gspan *s)
{
	if (g->signal == AT_G_VMGENID)
		return s->x == FSG_STEP_KMSG_READ;
	return s->x == FSG_STEP_VMCLOCK_READ || s->x == FSG_STEP_VMCLOCK_POLL;
}

/*
 * The agent's first read (or poll) of the signal's file that is under way at @from or begins later,
 * and did not fail; *at: when it had what it read, for one that had begun before. NULL: none by
 * @until.
 */
static const struct at_gspan *next_read(const struct at_guest *g, uint64_t from, uint64_t until,
					uint64_t *at)
{
	const struct at_gspan *best = NULL;

	for (size_t i = 0; i < g->steps.n; i++) {
		const struct at_gspan *s = &g->steps.v[i];
		uint64_t t = s->t0 >= from ? s->t0 : s->t1;

		if (!is_read(g, s) || !g->tasks.v[s->task].agent || s->ret < 0 || t < from ||
		    t > until || (best && t >= *at))
			continue;
		best = s;
		*at = t;
	}
	return best;
}

/* --- VMClock --- */

/* The wake-up out of the clock's notification of who then reads it, as far as reads are recorded.
 */
static const struct at_gwake *clock_wake(const struct at_guest *g, uint64_t until)
{
	unsigned int tried = 0;

	for (size_t i = g->wakes.n; i-- > 0 && tried < MAX_TRIED;) {
		const struct at_gwake *w = &g->wakes.v[i];
		const struct at_gspan *read;
		uint64_t at;

		if (w->t > until || !may_notify(g, w) || !in_notification(g, w))
			continue;
		tried++;
		read = one_thread(g) ? NULL : next_read(g, w->t, UINT64_MAX - 1, &at);
		if (!read || read->task == w->task)
			return w;
	}
	return NULL;
}

/* --- the kernel's log --- */

/* "crng reseeded due to virtual machine fork", in older kernels with "random: " before it. */
static bool is_fork_text(uint64_t text8)
{
	char text[sizeof(text8)];

	memcpy(text, &text8, sizeof(text));
	return !memcmp(text, "crng res", sizeof(text)) || !memcmp(text, "random: ", sizeof(text));
}

const struct at_gspan *at_guest_fork_line(const struct at_guest *g, uint64_t t)
{
	const struct at_gspan *fork = last_step(g, FSG_STEP_VMFORK, t);
	const struct at_gspan *first = NULL, *text = NULL;

	for (size_t i = 0; fork && i < g->steps.n; i++) {
		const struct at_gspan *s = &g->steps.v[i];

		if (s->x != FSG_STEP_PRINTK || s->t0 < fork->t0 || s->t0 > t)
			continue;
		if (s->task == fork->task && s->t0 <= fork->t1)
			return s;
		text = !text && is_fork_text(s->a) ? s : text;
		first = first ? first : s;
	}
	if (text || first)
		return text ? text : first;
	return last_step(g, FSG_STEP_PRINTK, t);
}

/* Whether @task was not asleep at @t, as far as its switches and wake-ups are recorded. */
static bool was_awake(const struct at_guest *g, uint32_t task, uint64_t t)
{
	const struct at_gtask *k = &g->tasks.v[task];
	size_t i = k->runs.n;

	while (i && k->runs.v[i - 1].in > t)
		i--;
	if (!i || k->runs.v[i - 1].out > t || k->runs.v[i - 1].runnable)
		return true;
	for (size_t w = 0; w < g->wakes.n; w++)
		if (g->wakes.v[w].task == task && g->wakes.v[w].t >= k->runs.v[i - 1].out &&
		    g->wakes.v[w].t <= t)
			return true;
	return false;
}

struct wakes { /* of one thread since the line of the fork */
	const struct at_gwake *irq_work, *last, *last_by_agent; /* own: by threads of the agent */
	size_t n;                                               /* by others */
};

static struct wakes wakes_of(const struct at_guest *g, uint32_t task, uint64_t from, uint64_t to)
{
	struct wakes x = {0};

	for (size_t i = 0; i < g->wakes.n; i++) {
		const struct at_gwake *w = &g->wakes.v[i];

		if (w->task != task || w->t < from || w->t > to || w->fault || w->lock)
			continue;
		if (by_agent(g, w)) {
			x.last_by_agent = w;
			continue;
		}
		x.n++;
		x.last = w;
		if (!x.irq_work && by_vector(g, w, IRQ_WORK))
			x.irq_work = w;
	}
	return x;
}

/*
 * What made @task read at @to: printk's own interrupt, if it was that; else its one wake-up, which
 * may be a thread of the agent that was woken itself; none, if it was awake.
 */
static void reader_woken(const struct at_guest *g, const struct at_gspan *line, uint32_t task,
			 uint64_t to, struct at_notice *n)
{
	for (int i = 0; i < MAX_HANDOVER; i++) {
		struct wakes x = wakes_of(g, task, line->t0, to);

		if (x.irq_work || x.n == 1) {
			n->wake = x.irq_work ? x.irq_work : x.last;
			return;
		}
		if (x.n) {
			n->why = many_wakes;
			return;
		}
		if (!x.last_by_agent) {
			n->line = (struct at_gwake){.t = line->t0, .by = line->by, .task = task};
			n->wake = was_awake(g, task, line->t0) ? &n->line : NULL;
			n->why = asleep;
			return;
		}
		task = x.last_by_agent->by.task;
		to = x.last_by_agent->t;
	}
	n->why = many_wakes;
}

/*
 * No read is recorded. Our own agent does not wake up by itself: the first time after the line that
 * an interrupt wakes it is the one. Of another with one thread it is printk's own interrupt, or the
 * only wake-up that there was.
 */
static void log_wake(const struct at_guest *g, const struct at_gspan *line, uint64_t until,
		     struct at_notice *n)
{
	uint32_t task = 0;
	struct wakes x;

	while (task < g->tasks.n && !g->tasks.v[task].agent)
		task++;
	if (!one_thread(g) || task == g->tasks.n) {
		n->why = task == g->tasks.n ? n->why : no_reader;
		return;
	}
	for (size_t i = 0; g->forkscopes && i < g->wakes.n && !n->wake; i++) {
		const struct at_gwake *w = &g->wakes.v[i];

		if (w->t >= line->t0 && w->t <= until && w->task == task && !w->fault && !w->lock &&
		    by_vector(g, w, 0))
			n->wake = w;
	}
	if (g->forkscopes)
		return;
	x = wakes_of(g, task, line->t0, until);
	n->wake = x.irq_work ? x.irq_work : x.n == 1 ? x.last : NULL;
	n->why = x.n > 1 ? no_read : n->why;
}

/* Whether there is a line to look from. */
static bool log_notice(const struct at_guest *g, uint64_t until, struct at_notice *n)
{
	const struct at_gspan *line = at_guest_fork_line(g, until), *read;
	uint64_t at = 0;

	if (!line)
		return false;
	read = next_read(g, line->t0, until, &at);
	if (read) {
		n->from = at;
		reader_woken(g, line, read->task, at, n);
	} else {
		log_wake(g, line, until, n);
	}
	return n->wake || n->why != no_wake;
}

/* --- any signal --- */

/* Before this moment the signal cannot have reached the agent. */
static uint64_t not_before(const struct at_guest *g, uint64_t until)
{
	const struct at_gspan *gen = last_step(g, FSG_STEP_VMFORK, until);

	if (!gen)
		gen = last_step(g, FSG_STEP_VMGENID_NOTIFY, until);
	return g->signal == AT_G_VMGENID && gen ? gen->t0 : 0;
}

/* The last wake-up before @until, of @reader alone unless that is NULL. */
static const struct at_gwake *any_wake(const struct at_guest *g, uint64_t until,
				       const struct at_gspan *reader)
{
	uint64_t from = not_before(g, until);

	for (size_t i = g->wakes.n; i-- > 0;) {
		const struct at_gwake *w = &g->wakes.v[i];

		if (w->t <= until && may_notify(g, w) && (!reader || w->task == reader->task) &&
		    w->t >= from)
			return w;
	}
	return NULL;
}

void at_guest_notice(const struct at_guest *g, uint64_t until, struct at_notice *n)
{
	const struct at_gspan *read = NULL;
	uint64_t at = until;

	*n = (struct at_notice){.from = UINT64_MAX, .why = g->split ? no_wake : no_hooks};
	if (g->signal == AT_G_VMGENID ? !log_notice(g, until, n)
				      : !(n->wake = clock_wake(g, until))) {
		if (!one_thread(g))
			read = next_read(g, not_before(g, until), until, &at);
		if (read || one_thread(g))
			n->wake = any_wake(g, at, read);
		else if (any_wake(g, until, NULL))
			n->why = no_reader;
	}
	if (n->wake)
		n->from = n->wake->t;
}
