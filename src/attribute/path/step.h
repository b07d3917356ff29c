/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the steps of the walk are made of: its segments, where it is on the timelines of a thread,
 * and going on in another one. All inline: a recording has many steps.
 */
#ifndef FORKSCOPE_ATTR_PATH_STEP_H
#define FORKSCOPE_ATTR_PATH_STEP_H

#include <errno.h>
#include "attribute/path/walk.h"
#include "attribute/records/classify.h"
#include "attribute/state/at.h"
#include "attribute/state/slots.h"

#define AT_HOT          inline __attribute__((always_inline))
/* Changes of thread without any time passing: with more of them the records contradict. */
#define AT_MAX_SWITCHES 64

struct at_walk {
	struct at *a;
	struct at_vm *vm;
	struct at_path *path;
	uint64_t start, t;     /* what is left: [start, t) */
	uint64_t floor;        /* the segment at hand goes no further back */
	struct at_thr *thr;    /* the path is on it at t */
	struct at_thr *origin; /* the vCPU from which it went to threads of the VMM */
	unsigned int switches;
	struct at_thr *named; /* the thread of the last segment, and its index in the path */
	uint16_t index;
	size_t schedule;          /* of the guest's own schedule: where it is at t */
	struct at_thr *scheduled; /* the vCPU that the guest's schedule names; NULL = any */
};

/* Makes the derived timelines of the VM's threads and sets their cursors to the end. */
int at_path_prepare(struct at_vm *vm);
/* The vCPU that was active last at @at: where a path begins that no thread of the VM ended. */
struct at_thr *at_default_vcpu(struct at_vm *vm, uint64_t at);

/* The index of the walk's thread in the path's table of them: @w->index. 0 or a negative errno. */
int at_path_name_thread(struct at_walk *w);
/* A step where the thread was off the CPU, for @o, at the walk's moment. 0 or a negative errno. */
int at_path_off_cpu(struct at_walk *w, const struct at_off *o);

static inline uint64_t at_max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* --- segments --- */

/*
 * Appends [lo, t) and moves the walk to lo. Inlined, as what makes its segments: copying them from
 * call to call costs as much as the rest of the walk.
 */
static AT_HOT int at_push(struct at_walk *w, uint64_t lo, struct at_segment p)
{
	lo = lo < w->floor ? w->floor : lo;
	if (lo >= w->t)
		return -EPROTO; /* no progress: an error of this program */
	if (w->named != w->thr || w->path->p.n == w->path->p.cap) {
		int ret = at_path_name_thread(w);

		if (ret || fs_vec_reserve(&w->path->p, 1))
			return ret ? ret : -ENOMEM;
	}
	p.t0 = lo;
	p.thr = w->index;
	w->t = lo;
	w->switches = 0;
	w->path->p.v[w->path->p.n++] = p;
	return 0;
}

static AT_HOT struct at_segment at_segment_of(enum fsa_cause cause)
{
	return (struct at_segment){
		.cause = (uint8_t)cause, .stage = FSA_S_GUEST, .stack = FS_NO_STACK};
}

/* Makes @p a segment of the fault that exit @index is, or of the asynchronous one that begins in
 * it.
 */
static AT_HOT void at_segment_of_fault(const struct at_thr *t, struct at_segment *p, size_t index)
{
	const struct at_exit *x = &t->exits.v[index];

	p->fault = (uint32_t)index + 1;
	if (x->hints & FS_H_APF_NOT_PRESENT && t->c_wait < t->waits.n &&
	    t->waits.v[t->c_wait].t0 <= x->t1) {
		p->fault = (uint32_t)t->c_wait + 1;
		p->flags |= AT_P_WAIT;
	}
}

static AT_HOT struct at_segment at_exit_segment(struct at_walk *w, enum fsa_cause cause,
						const struct at_exit *x)
{
	struct at_segment p = at_segment_of(cause);
	size_t index = (size_t)(x - w->thr->exits.v);

	p.exit = (uint32_t)index + 1;
	if (cause == x->cause && x->cause != AT_NO_FAULT) {
		p.stack = x->stack;
		at_segment_of_fault(w->thr, &p, index);
	}
	return p;
}

/* Waiting for the asynchronous page fault @s, perhaps in exit @x. */
static inline struct at_segment at_wait_segment(struct at_walk *w, const struct at_span *s,
						const struct at_exit *x)
{
	struct at_segment p = x ? at_exit_segment(w, (enum fsa_cause)s->cause, x)
				: at_segment_of((enum fsa_cause)s->cause);

	p.fault = (uint32_t)(s - w->thr->waits.v) + 1;
	p.flags = AT_P_WAIT;
	return p;
}

/* Guest memory that was touched in @x, which is no fault itself. */
static inline struct at_segment at_touch_segment(struct at_walk *w, const struct at_exit *x)
{
	struct at_segment p = at_exit_segment(w, (enum fsa_cause)x->touch, x);

	p.fault = p.exit;
	return p;
}

static inline uint32_t at_walk_label(struct at_walk *w, const char *text)
{
	return at_str(w->a, text, 64);
}

/* --- where on its timelines a thread was at the walk's moment --- */

/*
 * name(t, at): the last of a timeline that began before @at, or NULL; it may have ended by then.
 * Moves the timeline's cursor, which only goes back.
 */
#define AT_TIMELINE(name, type, v_, begin, cursor)                      \
	static inline const type *name(struct at_thr *t, uint64_t at)   \
	{                                                               \
		while (t->cursor && t->v_.v[t->cursor - 1].begin >= at) \
			t->cursor--;                                    \
		return t->cursor ? &t->v_.v[t->cursor - 1] : NULL;      \
	}

AT_TIMELINE(at_exit_at, struct at_exit, exits, t0, c_exit)
AT_TIMELINE(at_off_at, struct at_off, offs, out, c_off)
AT_TIMELINE(at_user_at, struct at_span, users, t0, c_user)
AT_TIMELINE(at_wait_at, struct at_span, waits, t0, c_wait)
AT_TIMELINE(at_mm_at, struct at_mm, mms, t0, c_mm)

/* Its first KVM_RUN was not seen, and may have begun before @at. */
static inline bool at_may_have_run(const struct at_thr *t, uint64_t at)
{
	return t->run_unseen && at > t->in_user;
}

/* --- guest memory that was touched --- */

/*
 * The page fault at guest memory that the walk's moment lies in, or NULL. Raises *lo to where the
 * latest fault, of guest memory or not, began or ended: what was before it is the next segment.
 */
static inline const struct at_mm *at_slot_fault(struct at_walk *w, uint64_t *lo)
{
	const struct at_mm *m = at_mm_at(w->thr, w->t);
	bool inside = m && w->t <= m->t1;

	if (!m)
		return NULL;
	*lo = at_max64(*lo, inside ? m->t0 : m->t1);
	return inside && m->has_end && at_slot_has(w->vm, m->addr) ? m : NULL;
}

static inline int at_push_mm(struct at_walk *w, uint64_t lo, const struct at_mm *m, uint8_t st,
			     bool iowait)
{
	struct at_segment p = at_segment_of(
		at_fault_class(m->hints, 0, FS_ISA_UNKNOWN, 0, (uint8_t)(st | m->st), iowait));

	p.fault = (uint32_t)(m - w->thr->mms.v) + 1;
	p.flags = AT_P_MM;
	p.stack = m->stack;
	p.label = w->thr->comm;
	return at_push(w, lo, p);
}

/* Guest memory that KVM or the VMM touched inside an exit that is no fault itself. */
static inline bool at_touch_left(struct at_walk *w, const struct at_exit *x)
{
	struct at_thr *t = w->thr;

	if (x->touch == AT_NO_FAULT)
		return false;
	if (t->touch_exit != t->c_exit) {
		t->touch_exit = t->c_exit;
		t->touch_left = x->mm_ns;
	}
	return t->touch_left;
}

/* --- changes of thread --- */

/* Goes on in @to at the same moment. */
static inline int at_switch_to(struct at_walk *w, struct at_thr *to)
{
	if (w->thr->is_vcpu && !to->is_vcpu)
		w->origin = w->thr;
	/* several vCPUs: the guest knows which one it was */
	w->thr = to->is_vcpu && w->scheduled ? w->scheduled : to;
	w->switches++;
	return 1;
}

#endif
