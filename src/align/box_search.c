// SPDX-License-Identifier: BSD-2-Clause
/*
 * The exact search: boxes of (offset, rate) are halved until each of them is known. In a box, each
 * event can be anywhere between two host times. If that touches no span of guest mode, the box is
 * infeasible; if it touches one for each event, the feasible part is a polygon, exactly; else the
 * box is halved. Events near the middle are tried first: they tell offsets apart whatever the rate.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "align/impl.h"
#include "base/search.h"

#define NEAR_EVENTS 48 /* of each direction and vCPU, tried first */
#define MAX_STACK   512
#define TINY_NS     20.0

struct walk {
	const struct al_problem *p;
	struct al_box box;
	size_t allow, outside; /* events */
	size_t vague_allowed, vague;
	double ambiguous; /* distance of the nearest event that can be in two spans; INFINITY */
	uint64_t hash;    /* of which event is in which span */
	uint64_t steps;
};

static double earliest(const struct al_box *b, double g)
{
	return g + b->o0 + g * (g >= 0 ? b->r0 : b->r1);
}

static double latest(const struct al_box *b, double g)
{
	return g + b->o1 + g * (g >= 0 ? b->r1 : b->r0);
}

/* Of one event in one place (@j, SIZE_MAX = outside). The sum over all events is an assignment's.
 */
static uint64_t place_hash(size_t vcpu, size_t event, size_t j)
{
	uint64_t x = ((uint64_t)vcpu << 56 ^ (uint64_t)event) * 0xd1342543de82ef95ull + j + 1;

	/* splitmix64 */
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* One event, whose first span that it can be in or before is @j. Returns false: box infeasible. */
static bool look(struct walk *w, size_t vcpu, size_t i, size_t j)
{
	const struct al_vcpu *v = &w->p->vcpus[vcpu];
	double hi = latest(&w->box, v->g[i]);

	w->steps++;
	if (j >= v->ns || v->s[j].entry > hi) {
		w->hash += place_hash(vcpu, i, SIZE_MAX);
		return ++w->outside <= w->allow;
	}
	if (j + 1 < v->ns && v->s[j + 1].entry <= hi && fabs(v->g[i]) < w->ambiguous)
		w->ambiguous = fabs(v->g[i]);
	w->hash += place_hash(vcpu, i, j);
	return true;
}

/* Events @from to @to (exclusive) of the middle's distance rank, both ways. */
static bool walk_vcpu(struct walk *w, size_t vcpu, size_t from, size_t to)
{
	const struct al_vcpu *v = &w->p->vcpus[vcpu];
	size_t j;

	if (v->pivot + from < v->ng) {
		j = al_span_at(v, earliest(&w->box, v->g[v->pivot + from]));
		for (size_t i = v->pivot + from; i < v->ng && i < v->pivot + to; i++) {
			while (j < v->ns && v->s[j].exit < earliest(&w->box, v->g[i]))
				j++;
			if (!look(w, vcpu, i, j))
				return false;
		}
	}
	if (v->pivot > from) {
		size_t stop = v->pivot > to ? v->pivot - to : 0;

		j = al_span_at(v, earliest(&w->box, v->g[v->pivot - from - 1]));
		for (size_t i = v->pivot - from; i-- > stop;) {
			while (j && v->s[j - 1].exit >= earliest(&w->box, v->g[i]))
				j--;
			if (!look(w, vcpu, i, j))
				return false;
		}
	}
	return true;
}

/* What o + g * r can be in @b at the event @g: the least, the most. */
static void reach_at(const struct al_box *b, double g, double *lo, double *hi)
{
	*lo = earliest(b, g) - g;
	*hi = latest(b, g) - g;
}

static bool limits_allow(const struct al_problem *p, const struct al_box *b)
{
	for (size_t i = 0; i < p->limits.n; i++) {
		const struct al_limit *l = &p->limits.v[i];

		if (l->low ? latest(b, l->g) < l->c + l->g : earliest(b, l->g) > l->c + l->g)
			return false;
	}
	return true;
}

/* Events of @v that can only be where nothing is known. */
static size_t vague_events(const struct al_box *b, const struct al_vcpu *v)
{
	double known = v->ns > 1 ? v->s[v->ns - 2].exit : -INFINITY;

	return v->open ? v->ng - fs_first_where(v->ng, i, earliest(b, v->g[i]) > known) : 0;
}

enum verdict { INFEASIBLE, HALVE, ONE_EACH };

static enum verdict judge(struct walk *w)
{
	const size_t rank[] = {0, NEAR_EVENTS, SIZE_MAX / 4};

	if (!limits_allow(w->p, &w->box))
		return INFEASIBLE;
	for (size_t i = 0; i < w->p->nvcpus; i++)
		w->vague += vague_events(&w->box, &w->p->vcpus[i]);
	if (w->vague > w->vague_allowed)
		return INFEASIBLE;
	for (int k = 0; k < 2; k++) {
		for (size_t i = 0; i < w->p->nvcpus; i++)
			if (!walk_vcpu(w, i, rank[k], rank[k + 1]))
				return INFEASIBLE;
		if (w->ambiguous < INFINITY)
			return HALVE;
	}
	return ONE_EACH;
}

/* All limits of the one assignment that the box allows. */
static void make_poly(const struct walk *w, struct al_poly *poly)
{
	const struct al_box all = {-4 * AL_WINDOW, 4 * AL_WINDOW, -AL_MAX_RATE, AL_MAX_RATE};
	const struct al_problem *p = w->p;

	al_poly_box(poly, &all);
	for (size_t i = 0; i < p->limits.n; i++)
		al_poly_clip(poly, &p->limits.v[i]);
	for (size_t k = 0; k < p->nvcpus; k++) {
		const struct al_vcpu *v = &p->vcpus[k];
		size_t j = v->ng ? al_span_at(v, earliest(&w->box, v->g[0])) : 0;

		for (size_t i = 0; i < v->ng && poly->n; i++) {
			struct al_limit l = {.g = v->g[i], .kind = FSL_L_CONTAINMENT};

			while (j < v->ns && v->s[j].exit < earliest(&w->box, l.g))
				j++;
			if (j >= v->ns || v->s[j].entry > latest(&w->box, l.g))
				continue; /* one of those that may be outside */
			l.low = true;
			l.c = v->s[j].entry - l.g;
			al_poly_clip(poly, &l);
			l.low = false;
			l.c = v->s[j].exit - l.g;
			al_poly_clip(poly, &l);
		}
	}
}

static bool is_ambiguous(const struct al_found *f)
{
	return fmax(f->hi[0] - f->lo[0], f->hi[1] - f->lo[1]) > f->best_width + AL_AMBIGUOUS;
}

/* Whether nothing in @b could make the feasible places differ more than they are known to do. */
static bool adds_nothing(const struct al_problem *p, const struct al_found *f,
			 const struct al_box *b)
{
	const double at[2] = {p->first, p->last};

	for (int k = 0; k < 2; k++) {
		double lo, hi;

		reach_at(b, at[k], &lo, &hi);
		if (lo < f->lo[k] || hi > f->hi[k])
			return false;
	}
	return f->npolys && !f->allow;
}

/* A box that was not looked into counts as feasible all over. */
static void note_unknown(const struct al_problem *p, struct al_found *f, const struct al_box *b)
{
	const double at[2] = {p->first, p->last};

	f->spent = true;
	for (int k = 0; k < 2 && f->npolys; k++) {
		double lo, hi;

		reach_at(b, at[k], &lo, &hi);
		f->lo[k] = fmin(f->lo[k], lo);
		f->hi[k] = fmax(f->hi[k], hi);
	}
	f->ambiguous = f->npolys && is_ambiguous(f);
}

static bool seen(struct al_found *f, uint64_t hash)
{
	f->steps += f->seen.n / 4;
	for (size_t i = 0; i < f->seen.n; i++)
		if (f->seen.v[i] == hash)
			return true;
	return false;
}

static void note(const struct walk *w, struct al_found *f, const struct al_poly *poly)
{
	const struct al_problem *p = w->p;
	const double at[2] = {p->first, p->last};
	double width = 0;

	for (int k = 0; k < 2; k++) {
		struct al_vert lo = al_poly_extreme(poly, at[k], false);
		struct al_vert hi = al_poly_extreme(poly, at[k], true);
		double l = al_at(&lo, at[k]), h = al_at(&hi, at[k]);

		width = fmax(width, h - l);
		if (!f->npolys || l < f->lo[k]) {
			f->lo[k] = l;
			f->lo_by[k] = lo;
		}
		if (!f->npolys || h > f->hi[k]) {
			f->hi[k] = h;
			f->hi_by[k] = hi;
		}
	}
	if (!f->npolys || width > f->best_width) {
		f->best = *poly;
		f->best_width = width;
	}
	f->npolys++;
	f->least = w->vague < f->least ? w->vague : f->least;
	f->ambiguous = is_ambiguous(f);
}

static double farthest(const struct al_problem *p)
{
	return fmax(-p->first, p->last);
}

/*
 * A box in which each event has one place. With events allowed outside, a better place makes those
 * before it worthless. Returns 1 if the box is done with, 0 if it is to be halved, or -ENOMEM.
 */
static int take(struct walk *w, struct al_found *f)
{
	struct al_poly poly;

	if (seen(f, w->hash))
		return 1;
	make_poly(w, &poly);
	if (!poly.n && f->allow &&
	    fmax(w->box.o1 - w->box.o0, (w->box.r1 - w->box.r0) * farthest(w->p)) > TINY_NS)
		return 0; /* which of the events is outside shows in smaller boxes */
	if (fs_vec_push(&f->seen, w->hash))
		return -ENOMEM;
	if (!poly.n)
		return 1;
	if (w->outside < f->allow) {
		f->allow = w->outside;
		f->npolys = 0;
		f->best_width = 0;
	}
	note(w, f, &poly);
	return 1;
}

static void halve(const struct walk *w, struct al_box *a, struct al_box *b)
{
	double o = (w->box.o0 + w->box.o1) / 2, r = (w->box.r0 + w->box.r1) / 2;
	double dist = w->ambiguous < INFINITY ? w->ambiguous : farthest(w->p);

	*a = *b = w->box;
	if (w->box.o1 - w->box.o0 >= (w->box.r1 - w->box.r0) * dist)
		a->o1 = b->o0 = o;
	else
		a->r1 = b->r0 = r;
}

static int search_box(const struct al_problem *p, const struct al_box *box, struct al_found *f)
{
	struct al_box stack[MAX_STACK];
	size_t n = 0;

	stack[n++] = *box;
	while (n && !f->ambiguous) {
		struct walk w = {
			.p = p, .box = stack[--n], .allow = f->allow, .vague_allowed = f->vague};
		enum verdict v;
		int done = 1;

		if (adds_nothing(p, f, &w.box))
			continue;
		if (f->steps > f->budget || n + 2 > MAX_STACK) {
			note_unknown(p, f, &w.box);
			continue;
		}
		w.ambiguous = INFINITY;
		v = judge(&w);
		f->steps += w.steps + 1;
		if (v == ONE_EACH) {
			done = take(&w, f);
			if (done < 0)
				return done;
		}
		if (v == HALVE || !done) {
			halve(&w, &stack[n], &stack[n + 1]);
			n += 2;
		}
	}
	return 0;
}

int al_search(const struct al_problem *p, const struct al_boxes *boxes, struct al_found *f)
{
	int ret = 0;

	for (size_t i = 0; i < boxes->n && !ret && !f->ambiguous; i++)
		ret = search_box(p, &boxes->v[i], f);
	return ret;
}
