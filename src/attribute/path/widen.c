// SPDX-License-Identifier: BSD-2-Clause
/*
 * Time of the path that becomes unknown because runs of the recorder's programs were skipped then:
 * what a thread did on that CPU is not known, whatever the records that are there seem to say.
 *
 * Certain all the same are guest mode and waiting for a CPU: entries, exits and switches happen
 * with interrupts off and are never skipped (unless a reading says that they were).
 */
#include <errno.h>
#include <stdlib.h>
#include "attribute/path/walk.h"
#include "attribute/records/skipped.h"
#include "base/search.h"

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

static struct at_segment unknown(struct at_segment p, uint64_t t0)
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
	FS_VEC(struct at_segment) out; /* the latest first */
	FS_VEC(struct at_segment) cut; /* those of one segment, the earliest first */
	bool any;
};

/* Cuts [t0, end) of @p where something is missing. 0 or -ENOMEM. */
static int cut(struct widen *w, struct at_segment p, uint64_t end, int kind, uint32_t cpu)
{
	uint64_t at = p.t0;
	int ret = 0;

	w->cut.n = 0;
	while (at < end && !ret) {
		uint64_t t0 = at, t1 = end;
		struct at_segment q = p;
		bool miss = at_missing(w->a, kind, cpu, &t0, &t1);

		if (!miss || t0 > at) {
			q.t0 = at;
			/* the exit at its end says nothing of what was before something is missing
			 */
			if (miss && p.flags & AT_P_CLOSES) {
				q.exit = 0;
				q.flags &= (uint8_t)~AT_P_CLOSES;
			}
			ret = fs_vec_push(&w->cut, q);
		}
		if (miss && !ret)
			ret = fs_vec_push(&w->cut, unknown(p, t0));
		w->any |= miss;
		at = miss ? t1 : end;
	}
	for (size_t i = w->cut.n; i-- > 0 && !ret;)
		ret = fs_vec_push(&w->out, w->cut.v[i]);
	return ret ? -ENOMEM : 0;
}

/* An exit is understood as a whole, or not. */
static bool in_doubt(const struct widen *w, const struct at_segment *p, int kind)
{
	const struct at_exit *x = at_segment_exit(w->path, p);
	uint64_t t0, t1;

	if (!x || p->flags & AT_P_CLOSES)
		return false;
	t0 = x->t0;
	t1 = x->t1;
	return at_missing(w->a, kind, x->cpu, &t0, &t1);
}

static int widen_segment(struct widen *w, const struct at_segment *p, uint64_t end)
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
	cpu = cpu_of(at_segment_thr(w->path, p), p->t0);
	if (at_missing(w->a, kind, cpu, &t0, &t1))
		return cut(w, *p, end, kind, cpu);
	return fs_vec_push(&w->out, *p);
}

int at_missed_widen(struct at *a, struct at_vm *vm, struct at_path *path)
{
	struct widen w = {.a = a, .path = path};
	int ret = 0;

	if (!a->misses[AT_MISS_ANY].n)
		return 0;
	/* what would have ended it may be among them */
	if (!vm->end_reached && at_missing_in(a, vm->start, vm->end))
		vm->notes |= 1u << FSA_N_LOST_EVENTS;
	for (size_t i = 0; i < path->p.n && !ret; i++)
		ret = widen_segment(&w, &path->p.v[i], at_segment_end(path, i));
	fs_vec_free(&w.cut);
	if (ret) {
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
