// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs of the recorder's programs that the kernel skipped. A reading of its counters says of a CPU
 * and a stretch of time that something happened there without a record: what a thread did on that
 * CPU then is not known, whatever the records that are there seem to say.
 *
 * Certain all the same are guest mode and waiting for a CPU: entries, exits and switches happen
 * with interrupts off and are never skipped (unless a reading says that they were).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "attribute/state.h"
#include "base/search.h"

/* Programs whose records are in no ledger: ends, milestones, and the guest's clock. */
static const char *const beside[] = {"fs_kvm_pio", "fs_net", "fs_tsc_offset", "fs_pvclock",
				     "fs_signal"};
/* Programs by which guest mode and waiting are told. */
static const char *const bearing[] = {"fs_kvm_entry", "fs_kvm_exit", "fs_switch", "fs_waking"};

static bool begins(const char *prog, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strncmp(prog, list[i], strlen(list[i])))
			return true;
	return false;
}

#define BEGINS(prog, list) begins(prog, list, sizeof(list) / sizeof(*(list)))

static int by_cpu_time(const void *x, const void *y)
{
	const struct at_miss *a = x, *b = y;

	if (a->cpu != b->cpu)
		return a->cpu < b->cpu ? -1 : 1;
	return a->t0 < b->t0 ? -1 : a->t0 > b->t0;
}

/* Joins what touches. */
static size_t join(struct at_miss *v, size_t n)
{
	size_t kept = 0;

	qsort(v, n, sizeof(*v), by_cpu_time);
	for (size_t i = 1; i < n; i++) {
		if (v[i].cpu != v[kept].cpu || v[i].t0 > v[kept].t1)
			v[++kept] = v[i];
		else if (v[i].t1 > v[kept].t1)
			v[kept].t1 = v[i].t1;
	}
	return kept + 1;
}

int at_missed_load(struct at *a)
{
	uint64_t left_out;
	size_t n;
	const struct fs_ev_missed *e = fsr_missed(a->r, &n, &left_out);

	a->odd += left_out;
	for (size_t i = 0; i < n; i++) {
		struct at_miss m = {.t0 = e[i].ts_start, .t1 = e[i].h.ts};

		bool any[AT_MISSES] = {
			[AT_MISS_ANY] = true,
			[AT_MISS_SOME] = !BEGINS(e[i].prog, beside),
			[AT_MISS_ALL] = BEGINS(e[i].prog, bearing),
		};

		for (int k = 0; k < AT_MISSES; k++) {
			m.cpu = k == AT_MISS_ANY ? FS_ANY_CPU : e[i].on_cpu;
			if (e[i].runs && any[k] && fs_vec_push(&a->misses[k], m))
				return -ENOMEM;
		}
	}
	for (int k = 0; k < AT_MISSES; k++)
		if (a->misses[k].n)
			a->misses[k].n = join(a->misses[k].v, a->misses[k].n);
	return 0;
}

/* The first miss on @cpu that ends after @t, or NULL. */
static const struct at_miss *first_after(const struct at *a, int kind, uint32_t cpu, uint64_t t)
{
	const struct at_miss *v = a->misses[kind].v;
	size_t first = fs_first_where(a->misses[kind].n, i,
				      v[i].cpu > cpu || (v[i].cpu == cpu && v[i].t1 > t));

	return first < a->misses[kind].n && v[first].cpu == cpu ? &v[first] : NULL;
}

/*
 * The first stretch of [*t0, *t1) on @cpu in which something is missing: narrows it to that.
 * Returns false when there is none.
 */
static bool missing(const struct at *a, int kind, uint32_t cpu, uint64_t *t0, uint64_t *t1)
{
	const struct at_miss *here = first_after(a, kind, cpu, *t0),
			     *any = first_after(a, kind, FS_ANY_CPU, *t0),
			     *m = !here || (any && any->t0 < here->t0) ? any : here;

	if (!m || m->t0 >= *t1)
		return false;
	*t0 = m->t0 > *t0 ? m->t0 : *t0;
	*t1 = m->t1 < *t1 ? m->t1 : *t1;
	return true;
}

/* On which CPU @t was, or was last, at @at. */
static uint32_t cpu_of(const struct at_thr *t, uint64_t at)
{
	size_t after = fs_first_where(t->offs.n, i, t->offs.v[i].in > at);

	if (after)
		return t->offs.v[after - 1].cpu;
	return t->exits.n ? t->exits.v[0].cpu : FS_ANY_CPU;
}

/* Does the cause follow from entries, exits and switches alone? */
static bool is_certain(uint8_t cause)
{
	switch (cause) {
	case FSA_C_SCHED_DELAY:
	case FSA_C_SCHED_THROTTLE:
	case FSA_C_GUEST_FAULT:
	case FSA_C_GUEST_SIGNAL:
	case FSA_C_GUEST_OTHER:
	case FSA_C_GUEST_IDLE:
	case FSA_C_GUEST_RUN:
		return true;
	}
	return false;
}

static struct at_piece unknown(struct at_piece p, uint64_t t0)
{
	p.cause = FSA_C_UNKNOWN;
	p.fault = p.label = 0;
	p.stack = FS_NO_STACK;
	p.exit = 0;
	p.flags = 0;
	p.t0 = t0;
	return p;
}

struct widen {
	const struct at *a;
	const struct at_path *path;
	FS_VEC(struct at_piece) out; /* the latest first */
	FS_VEC(struct at_piece) cut; /* those of one piece, the earliest first */
	bool any;
};

/* Cuts [t0, end) of @p where something is missing. 0 or -ENOMEM. */
static int cut(struct widen *w, struct at_piece p, uint64_t end, int kind, uint32_t cpu)
{
	uint64_t at = p.t0;
	int err = 0;

	w->cut.n = 0;
	while (at < end && !err) {
		uint64_t t0 = at, t1 = end;
		struct at_piece q = p;
		bool miss = missing(w->a, kind, cpu, &t0, &t1);

		if (!miss || t0 > at) {
			q.t0 = at;
			/* the exit at its end says nothing of what was before something is missing
			 */
			if (miss && p.flags & AT_P_CLOSES) {
				q.exit = 0;
				q.flags &= (uint8_t)~AT_P_CLOSES;
			}
			err = fs_vec_push(&w->cut, q);
		}
		if (miss && !err)
			err = fs_vec_push(&w->cut, unknown(p, t0));
		w->any |= miss;
		at = miss ? t1 : end;
	}
	for (size_t i = w->cut.n; i-- > 0 && !err;)
		err = fs_vec_push(&w->out, w->cut.v[i]);
	return err ? -ENOMEM : 0;
}

/* An exit is understood as a whole, or not. */
static bool in_doubt(const struct widen *w, const struct at_piece *p, int kind)
{
	const struct at_exit *x = at_piece_exit(w->path, p);
	uint64_t t0, t1;

	if (!x || p->flags & AT_P_CLOSES)
		return false;
	t0 = x->t0;
	t1 = x->t1;
	return missing(w->a, kind, x->cpu, &t0, &t1);
}

static int widen_piece(struct widen *w, const struct at_piece *p, uint64_t end)
{
	int kind = is_certain(p->cause) ? AT_MISS_ALL : AT_MISS_SOME;
	uint64_t t0 = p->t0, t1 = end;
	uint32_t cpu;

	if (p->cause == FSA_C_UNKNOWN)
		return fs_vec_push(&w->out, *p);
	if (in_doubt(w, p, kind)) {
		w->any = true;
		return fs_vec_push(&w->out, unknown(*p, p->t0));
	}
	cpu = cpu_of(at_piece_thr(w->path, p), p->t0);
	if (missing(w->a, kind, cpu, &t0, &t1))
		return cut(w, *p, end, kind, cpu);
	return fs_vec_push(&w->out, *p);
}

/* Was anything missed in the window, on whatever CPU? */
static bool any_in(const struct at *a, uint64_t t0, uint64_t t1)
{
	const struct at_miss *m = first_after(a, AT_MISS_ANY, FS_ANY_CPU, t0);

	return m && m->t0 < t1;
}

int at_missed_widen(struct at *a, struct at_vm *vm, struct at_path *path)
{
	struct widen w = {.a = a, .path = path};
	int err = 0;

	if (!a->misses[AT_MISS_ANY].n)
		return 0;
	/* what would have ended it may be among them */
	if (!vm->end_reached && any_in(a, vm->start, vm->end))
		vm->notes |= 1u << FSA_N_LOST_EVENTS;
	for (size_t i = 0; i < path->p.n && !err; i++)
		err = widen_piece(&w, &path->p.v[i], at_piece_end(path, i));
	fs_vec_free(&w.cut);
	if (err) {
		fs_vec_free(&w.out);
		return -ENOMEM;
	}
	if (w.any)
		vm->notes |= 1u << FSA_N_LOST_EVENTS;
	free(path->p.v);
	path->p.v = w.out.v;
	path->p.n = w.out.n;
	path->p.cap = w.out.cap;
	return 0;
}
