// SPDX-License-Identifier: BSD-2-Clause
/* What the walk needs to know of each thread before it begins. */
#include "attribute/path/step.h"
#include "base/search.h"

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Index of the last exit that began at or before @at, or -1. */
static ptrdiff_t last_exit(const struct at_thr *t, uint64_t at)
{
	return (ptrdiff_t)fs_first_where(t->exits.n, i, t->exits.v[i].t0 > at) - 1;
}

const struct at_exit *at_exit_of_wait(const struct at_thr *t, const struct at_span *wait)
{
	ptrdiff_t k = last_exit(t, wait->t0);

	return k >= 0 && t->exits.v[k].t1 >= wait->t0 ? &t->exits.v[k] : NULL;
}

/*
 * Exits [*next, @end) in which no KVM_RUN was seen to return, though KVM_RUN was called in them
 * again, or its return was noted: the time until then is the kernel's and the VMM's, and how much
 * of it is whose is not separable.
 */
static int unseen_users(struct at_thr *t, size_t *next, size_t end)
{
	for (; *next < end; ++*next) {
		const struct at_exit *x = &t->exits.v[*next];
		uint64_t ns = x->run_ns <= x->t1 - x->t0 ? x->run_ns : 0;

		if (x->first || !(ns || x->hints & FS_H_USER) || x->t1 - ns == x->t0)
			continue;
		if (fs_vec_push(&t->users, (struct at_span){.t0 = x->t0,
							    .t1 = x->t1 - ns,
							    .cause = FSA_C_UNKNOWN}))
			return -ENOMEM;
	}
	return 0;
}

/*
 * Time in user space between one KVM_RUN and the next. Where the next one's beginning was not seen
 * (its record comes at its end), the exit segment says when KVM_RUN was called again.
 */
static int make_users(struct at_thr *t)
{
	size_t next = 0;

	t->users.n = 0;
	for (size_t i = 0; i < t->runs.n; i++) {
		uint64_t u0 = t->runs.v[i].t1, u1 = 0;
		ptrdiff_t k = last_exit(t, u0);
		const struct at_exit *x = k >= 0 && t->exits.v[k].t1 >= u0 ? &t->exits.v[k] : NULL;

		if (unseen_users(t, &next, (size_t)(x ? k : k + 1)))
			return -ENOMEM;
		next = (size_t)(k + 1) > next ? (size_t)(k + 1) : next;
		if (i + 1 < t->runs.n)
			u1 = t->runs.v[i + 1].t0;
		else if (!x)
			u1 = UINT64_MAX;
		if (x && (!u1 || u1 > x->t1))
			u1 = x->run_ns && x->run_ns <= x->t1 - u0 ? x->t1 - x->run_ns : x->t1;
		/* an exit that begins in it says that it was over: records were lost */
		if (!x && (size_t)(k + 1) < t->exits.n)
			u1 = u1 ? min64(u1, t->exits.v[k + 1].t0) : 0;
		if (u1 > u0 &&
		    fs_vec_push(&t->users,
				(struct at_span){.t0 = u0, .t1 = u1, .cause = FSA_C_EXIT_VMM}))
			return -ENOMEM;
	}
	return unseen_users(t, &next, t->exits.n);
}

/* When the wait for @f ended, as far as is known: no later than its token was given out again. */
static uint64_t apf_end(const struct at_thr *t, size_t i)
{
	const struct at_apf *f = &t->apfs.v[i];

	if (f->t1)
		return f->t1;
	for (size_t j = i + 1; j < t->apfs.n; j++)
		if (t->apfs.v[j].token == f->token)
			return t->apfs.v[j].t0;
	return UINT64_MAX;
}

/*
 * What an asynchronous fault waited for: the worker knows; else the exit in which it began, when
 * that met a userfaultfd. The exit is of the same class.
 */
static uint8_t apf_cause(struct at_thr *t, const struct at_apf *f)
{
	ptrdiff_t k = last_exit(t, f->t0);
	struct at_exit *x = k >= 0 && t->exits.v[k].t1 >= f->t0 ? &t->exits.v[k] : NULL;
	uint8_t cause = f->cause;

	if (cause == AT_NO_FAULT)
		cause = x && x->cause == FSA_C_FAULT_UFFD ? FSA_C_FAULT_UFFD : FSA_C_FAULT_MAJOR;
	if (x && x->cause != AT_NO_FAULT)
		x->cause = cause;
	return cause;
}

/* Asynchronous faults under way, as disjoint intervals; a userfaultfd one decides the class. */
static int make_waits(struct at_thr *t)
{
	t->waits.n = 0;
	for (size_t i = 0; i < t->apfs.n; i++) {
		const struct at_apf *f = &t->apfs.v[i];
		struct at_span s = {.t0 = f->t0, .t1 = apf_end(t, i), .cause = apf_cause(t, f)};
		struct at_span *last = t->waits.n ? &t->waits.v[t->waits.n - 1] : NULL;

		s.done = f->done && f->done < s.t1 ? f->done : s.t1;
		if (!last || s.t0 > last->t1) {
			if (fs_vec_push(&t->waits, s))
				return -ENOMEM;
			continue;
		}
		last->t1 = s.t1 > last->t1 ? s.t1 : last->t1;
		last->done = s.done > last->done ? s.done : last->done;
		if (s.cause == FSA_C_FAULT_UFFD)
			last->cause = s.cause;
	}
	return 0;
}

int at_path_prepare(struct at_vm *vm)
{
	struct at_proc *p = vm->proc;

	for (size_t i = 0; i < p->thr.n; i++) {
		struct at_thr *t = p->thr.v[i];

		if (t->is_vcpu && (make_users(t) || make_waits(t)))
			return -ENOMEM;
		t->c_exit = t->exits.n;
		t->c_off = t->offs.n;
		t->c_user = t->users.n;
		t->c_wait = t->waits.n;
		t->c_mm = t->mms.n;
		t->touch_exit = 0;
		t->touch_left = 0;
		t->forced_off = SIZE_MAX;
	}
	return 0;
}

/* Index + 1 of the last sleep that began before @at. */
static size_t last_off(const struct at_thr *t, uint64_t at)
{
	return fs_first_where(t->offs.n, i, t->offs.v[i].out >= at);
}

struct at_thr *at_default_vcpu(struct at_vm *vm, uint64_t at)
{
	struct at_thr *best = NULL;
	uint64_t best_at = 0;

	for (size_t i = 0; i < vm->vcpus.n; i++) {
		struct at_thr *t = vm->vcpus.v[i];
		size_t k = last_off(t, at);
		uint64_t active = k && t->offs.v[k - 1].in >= at ? t->offs.v[k - 1].out : at;

		if (!t->first_run || t->first_run >= at)
			active = 0;
		if (!best || active > best_at ||
		    (active == best_at && t->vcpu_id < best->vcpu_id)) {
			best = t;
			best_at = active;
		}
	}
	return best;
}

int at_path_name_thread(struct at_walk *w)
{
	size_t i;

	if (w->named == w->thr && w->path->thr.n)
		return 0;
	for (i = 0; i < w->path->thr.n && w->path->thr.v[i] != w->thr; i++)
		;
	if (i > UINT16_MAX)
		return -EOVERFLOW;
	if (i == w->path->thr.n && fs_vec_push(&w->path->thr, w->thr))
		return -ENOMEM;
	w->named = w->thr;
	w->index = (uint16_t)i;
	return 0;
}
