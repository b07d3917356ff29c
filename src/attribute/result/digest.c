// SPDX-License-Identifier: BSD-2-Clause
/* What is kept of a fork's segments when the segments themselves are not. */
#include "attribute/result/digest.h"
#include <errno.h>
#include <stdlib.h>
#include "base/vec.h"

#define MAX_TASKS   32
#define KERNEL_HALF 0x8000000000000000ull /* of the x86-64 address space */
#define PAGE_OFFSET 0xfffu

typedef FS_VEC(struct fsa_top_task) tasks;
typedef FS_VEC(struct fsa_place) places;

static bool is_guest_code(uint8_t cause)
{
	return cause == FSA_C_GUEST_SIGNAL || cause == FSA_C_GUEST_OTHER ||
	       cause == FSA_C_GUEST_FAULT;
}

static int by_task(const void *x, const void *y)
{
	const struct fsa_top_task *a = x, *b = y;

	if (a->guest != b->guest)
		return a->guest < b->guest ? -1 : 1;
	return a->stage != b->stage ? a->stage - b->stage : a->cause - b->cause;
}

static int by_time(const void *x, const void *y)
{
	const struct fsa_top_task *a = x, *b = y;

	if (a->ns != b->ns)
		return a->ns > b->ns ? -1 : 1;
	return by_task(x, y);
}

static int find_tasks(struct fsa_fork *f)
{
	tasks t = {0};
	size_t n = 0;

	for (size_t i = 0; i < f->nsegs; i++) {
		const struct fsa_seg *s = &f->segs[i];

		if (!s->guest || !is_guest_code(s->cause))
			continue;
		if (fs_vec_push(&t, (struct fsa_top_task){s->guest, s->stage, s->cause,
							  s->t1 - s->t0, 1})) {
			fs_vec_free(&t);
			return -ENOMEM;
		}
	}
	if (!t.n)
		return 0;
	qsort(t.v, t.n, sizeof(*t.v), by_task);
	for (size_t i = 1; i < t.n; i++) {
		if (by_task(&t.v[n], &t.v[i])) {
			t.v[++n] = t.v[i];
		} else {
			t.v[n].ns += t.v[i].ns;
			t.v[n].count++;
		}
	}
	n++;
	qsort(t.v, n, sizeof(*t.v), by_time);
	f->top_tasks = t.v;
	f->ntop_tasks = n < MAX_TASKS ? n : MAX_TASKS;
	return 0;
}

/* Fetches first, so that they are what a full table keeps. */
static int by_weight(const void *x, const void *y)
{
	const struct fsa_place *a = x, *b = y;

	if (a->fetch != b->fetch)
		return a->fetch ? -1 : 1;
	if (a->rip != b->rip)
		return a->rip < b->rip ? -1 : 1;
	return a->reason < b->reason ? -1 : a->reason > b->reason;
}

static int by_rip(const void *x, const void *y)
{
	const struct fsa_place *a = x, *b = y;

	return a->rip != b->rip ? (a->rip < b->rip ? -1 : 1) : by_weight(x, y);
}

static int find_places(struct fsa_fork *f)
{
	places p = {0};
	size_t n = 0;

	for (size_t i = 0; i < f->nsegs; i++) {
		const struct fsa_seg *s = &f->segs[i];
		bool fetch = s->gpa && (s->gpa & PAGE_OFFSET) == (s->rip & PAGE_OFFSET);

		if (s->rip < KERNEL_HALF)
			continue;
		if (fs_vec_push(&p, (struct fsa_place){s->rip, s->reason, s->isa, fetch})) {
			fs_vec_free(&p);
			return -ENOMEM;
		}
	}
	if (!p.n)
		return 0;
	qsort(p.v, p.n, sizeof(*p.v), by_weight);
	for (size_t i = 1; i < p.n; i++)
		if (by_weight(&p.v[n], &p.v[i]))
			p.v[++n] = p.v[i];
	n = n + 1 < FSA_MAX_PLACES ? n + 1 : FSA_MAX_PLACES;
	qsort(p.v, n, sizeof(*p.v), by_rip);
	f->places = realloc(p.v, n * sizeof(*p.v));
	if (!f->places)
		f->places = p.v;
	f->nplaces = n;
	return 0;
}

int fsa_digest(struct fsa_fork *f)
{
	int ret;

	free(f->top_tasks);
	free(f->places);
	f->top_tasks = NULL;
	f->places = NULL;
	f->ntop_tasks = f->nplaces = 0;
	ret = find_tasks(f);
	return ret ? ret : find_places(f);
}
