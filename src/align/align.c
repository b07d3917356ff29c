// SPDX-License-Identifier: BSD-2-Clause
/* The mapping of guest time to host time: what is feasible, its middle, and what is left of it. */
#include "align/align.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "align/impl.h"
#include "base/err.h"

#define FEW_KNOWN 32 /* events that must lie where something is known */
#ifdef FORKSCOPE_FUZZ
#define BUDGET 200000ull
#else
#define BUDGET 50000000ull /* events looked at in a search: a quarter of a second or so */
#endif
#define LISTED 3 /* events outside guest mode that a refusal names */

uint64_t fsl_to_host(const struct fsl_map *m, uint64_t guest_ns)
{
	int64_t d = (int64_t)(guest_ns - m->ref);
	__int128 moved = (__int128)d * m->rate_ppb;

	moved = (moved + (moved < 0 ? -500000000 : 500000000)) / 1000000000;
	return guest_ns + (uint64_t)m->offset_ns + (uint64_t)(int64_t)moved;
}

static void found_free(struct al_found *f)
{
	fs_vec_free(&f->seen);
}

/* Half of what is left, at that end of the window where it is more. */
static uint64_t error_of(const struct al_found *f)
{
	double w = fmax(f->hi[0] - f->lo[0], f->hi[1] - f->lo[1]);

	return (uint64_t)ceil(w / 2) + 1;
}

/*
 * The point of the largest feasible polygon that is nearest to the middle of all that is feasible
 * at both ends of the window: the middle itself, or on the way from it to the polygon's own.
 */
static void choose_point(const struct al_problem *p, const struct al_found *f, double *o, double *r)
{
	double m0 = (f->lo[0] + f->hi[0]) / 2, m1 = (f->lo[1] + f->hi[1]) / 2;
	double co, cr, wo, wr, in = 0, out = 1;

	al_poly_middle(&f->best, &co, &cr);
	wr = p->last > p->first ? (m1 - m0) / (p->last - p->first) : cr;
	wo = m0 - p->first * wr;
	*o = wo;
	*r = wr;
	if (al_poly_has(&f->best, wo, wr))
		return;
	for (int k = 0; k < 40; k++) {
		double t = (in + out) / 2;

		if (al_poly_has(&f->best, co + t * (wo - co), cr + t * (wr - cr)))
			in = t;
		else
			out = t;
	}
	in *= 0.98; /* not on its edge: what is printed is rounded */
	*o = co + in * (wo - co);
	*r = cr + in * (wr - cr);
}

/* The largest distance of the mapping (@o, @r) from anything feasible. */
static uint64_t error_at(const struct al_problem *p, const struct al_found *f, double o, double r)
{
	const double at[2] = {p->first, p->last};
	double e = 0;

	for (int k = 0; k < 2; k++) {
		double v = o + at[k] * r;

		e = fmax(e, fmax(f->hi[k] - v, v - f->lo[k]));
	}
	return (uint64_t)ceil(e) + 1; /* and what rounding to whole ns and ppb costs */
}

static void fill_map(const struct al_problem *p, const struct al_found *f, struct fsl_map *out)
{
	int wide = f->hi[1] - f->lo[1] > f->hi[0] - f->lo[0];
	double o, r;

	choose_point(p, f, &o, &r);
	out->ref = p->guest0;
	out->offset_ns = (int64_t)(p->host0 - p->guest0 + (uint64_t)llround(o));
	out->rate_ppb = llround(r * 1e9);
	out->error_ns = error_at(p, f, o, r);
	out->low_by = f->lo_by[wide].kind;
	out->high_by = f->hi_by[wide].kind;
}

/* Events outside guest mode under @m; the first of them by name into @text. */
static size_t count_outside(const struct fsl_input *in, const struct al_problem *p,
			    const struct fsl_map *m, char *text, size_t len)
{
	size_t n = 0, at = 0;

	if (len)
		text[0] = '\0';
	for (size_t i = 0; i < in->nvcpus; i++)
		for (size_t k = 0; k < in->vcpus[i].nevents; k++) {
			uint64_t g = in->vcpus[i].events[k];
			double t = al_apart(fsl_to_host(m, g), p->host0);
			/* the mapping is rounded to whole nanoseconds */
			size_t j = al_span_at(&p->vcpus[i], t - 1);

			if (j < p->vcpus[i].ns && p->vcpus[i].s[j].entry <= t + 1)
				continue;
			if (n++ < LISTED && at < len)
				at += (size_t)snprintf(text + at, len - at, "%s%" PRIu64,
						       n > 1 ? ", " : "", g);
		}
	return n;
}

static int run_once(const struct al_problem *p, const struct al_found *want,
		    const struct al_boxes *boxes, struct al_found *f)
{
	found_free(f);
	*f = *want;
	f->least = SIZE_MAX;
	return al_search(p, boxes, f);
}

static bool any_open(const struct al_problem *p)
{
	for (size_t i = 0; i < p->nvcpus; i++)
		if (p->vcpus[i].open)
			return true;
	return false;
}

/*
 * Places by what speaks for them: first those with half of the events where something is known,
 * then those with a quarter, and so on; and then every place for which half as much speaks. A
 * handful of events out of many may fit by chance.
 */
static int run_places(const struct al_problem *p, const struct al_boxes *boxes, struct al_found *f)
{
	size_t known = p->nevents / 2, few = known < FEW_KNOWN ? known : FEW_KNOWN;
	struct al_found want = {.budget = f->budget};
	int ret = 0;

	for (; known >= few && !ret && !f->npolys; known /= 2) {
		want.vague = p->nevents - known;
		want.steps = f->steps;
		ret = run_once(p, &want, boxes, f);
	}
	if (ret || !f->npolys || f->ambiguous)
		return ret;
	want.vague = f->least + (p->nevents - f->least) / 2;
	want.steps = f->steps;
	return want.vague > f->vague ? run_once(p, &want, boxes, f) : 0;
}

/* What is feasible, with @allow events outside; within @only, unless it is NULL. */
static int run(const struct al_problem *p, size_t allow, const struct al_box *only,
	       struct al_found *f)
{
	/* to tell what is wrong most events are wanted where something is known */
	const struct al_found all = {
		.allow = allow,
		.vague = allow ? p->nevents - p->nevents / 4 : p->nevents,
		.steps = f->steps,
		.budget = f->budget,
	};
	struct al_boxes boxes = {0};
	int ret = only ? fs_vec_push(&boxes, *only) : al_vote(p, allow, &boxes);

	if (!ret && !only && !allow && any_open(p) && p->nevents > 1)
		ret = run_places(p, &boxes, f);
	else if (!ret)
		ret = run_once(p, &all, &boxes, f);
	fs_vec_free(&boxes);
	return ret;
}

/* Nothing keeps all events inside: says how near to it one can come. */
static int refuse(const struct fsl_input *in, struct al_problem *p, struct fsl_map *out, char *err,
		  size_t err_len)
{
	const size_t most = p->nevents / 20 > 16 ? p->nevents / 20 : 16;
	struct al_found f = {.budget = BUDGET / 5};
	char names[80];
	int ret = 0;

	for (size_t allow = 2; allow / 4 < most && !ret && !f.npolys; allow *= 4)
		ret = run(p, allow < most ? allow : most, NULL, &f);
	if (!ret && f.npolys) {
		fill_map(p, &f, out);
		out->outside = count_outside(in, p, out, names, sizeof(names));
		ret = fs_errf(
			err, err_len, -ERANGE,
			"%zu of %zu guest events lie outside guest mode at the best offset (guest ns %s%s): a partial or forged record, or a span that is missing",
			out->outside, out->events, names, out->outside > LISTED ? ", ..." : "");
	} else if (!ret) {
		ret = fs_errf(
			err, err_len, -ERANGE,
			"no offset keeps the guest's %zu events inside guest mode%s, not even all but %zu of them",
			out->events, p->npairs ? " and causes before effects" : "", most);
	}
	found_free(&f);
	return ret;
}

/* --- the VM's own clock --- */

/* o + g * r of the clock at @g. */
static double clock_at(const struct fsl_clock *c, const struct al_problem *p, double g)
{
	double ref = (double)(int64_t)(c->ref - p->guest0);
	double o = (double)(int64_t)((uint64_t)c->offset_ns - (p->host0 - p->guest0));

	return o + (g - ref) * (double)c->rate_ppb / 1e9;
}

/* |guest's time by the clock - o - g * r| <= its error, at both ends of the window. */
static int clock_limits(const struct fsl_clock *c, struct al_problem *p)
{
	const double at[2] = {p->first, p->last};

	for (int k = 0; k < 2; k++) {
		double v = clock_at(c, p, at[k]);
		struct al_limit l = {.g = at[k], .kind = FSL_L_CLOCK};

		l.c = v + (double)c->error_ns;
		if (fs_vec_push(&p->limits, l))
			return -ENOMEM;
		l.low = true;
		l.c = v - (double)c->error_ns;
		if (fs_vec_push(&p->limits, l))
			return -ENOMEM;
	}
	return 0;
}

/* The box about the limits that clock_limits() added. */
static bool clock_box(const struct al_problem *p, struct al_box *b)
{
	const struct al_box all = {-2 * AL_WINDOW, 2 * AL_WINDOW, -AL_MAX_RATE, AL_MAX_RATE};
	struct al_poly poly;

	al_poly_box(&poly, &all);
	for (size_t i = p->npairs; i < p->limits.n; i++)
		al_poly_clip(&poly, &p->limits.v[i]);
	if (!poly.n)
		return false;
	*b = (struct al_box){poly.v[0].o, poly.v[0].o, poly.v[0].r, poly.v[0].r};
	for (size_t i = 1; i < poly.n; i++) {
		b->o0 = fmin(b->o0, poly.v[i].o);
		b->o1 = fmax(b->o1, poly.v[i].o);
		b->r0 = fmin(b->r0, poly.v[i].r);
		b->r1 = fmax(b->r1, poly.v[i].r);
	}
	return true;
}

/*
 * Searches within the clock's own error. Returns 1, with what both allow in @f; 0 if the clock is
 * not to be had or contradicts containment; or -ENOMEM.
 */
static int try_clock(const struct fsl_input *in, struct al_problem *p, struct al_found *f,
		     struct fsl_map *out)
{
	struct al_box box;
	int ret;

	if (!in->clock.valid) {
		snprintf(out->clock_why, sizeof(out->clock_why), "%s", in->clock.why);
		return 0;
	}
	ret = clock_limits(&in->clock, p);
	if (!ret && clock_box(p, &box)) {
		ret = run(p, 0, &box, f);
		if (!ret && f->npolys && !f->ambiguous)
			ret = 1;
	}
	p->limits.n = p->npairs;
	out->clock_used = ret == 1;
	return ret;
}

/* Says how far from all that containment allows the clock is. */
static void clock_contradicts(const struct al_problem *p, const struct al_found *f,
			      const struct fsl_clock *c, struct fsl_map *out)
{
	double most = 0;

	for (int k = 0; k < 2; k++) {
		double v = clock_at(c, p, k ? p->last : p->first);
		double d = v < f->lo[k] ? v - f->lo[k] : v > f->hi[k] ? v - f->hi[k] : 0;

		if (fabs(d) > fabs(most))
			most = d;
	}
	snprintf(out->clock_why, sizeof(out->clock_why),
		 "%.1f us %s than containment allows, its own error being %.1f us",
		 fabs(most) / 1e3, most < 0 ? "earlier" : "later", (double)c->error_ns / 1e3);
}

static int not_one_place(const struct al_found *f, const struct fsl_map *out, char *err,
			 size_t err_len)
{
	if (!f->npolys)
		return fs_errf(
			err, err_len, -EADDRNOTAVAIL,
			"%zu guest events tell too little of where they belong: the search for their place was given up",
			out->events);
	return fs_errf(err, err_len, -EADDRNOTAVAIL,
		       "%zu guest events fit into guest mode at several places, %.3f ms apart",
		       out->events, fmax(f->hi[0] - f->lo[0], f->hi[1] - f->lo[1]) / 1e6);
}

/* What is feasible into @out: with the clock's data (@both) if there is some, else without. */
static int conclude(const struct fsl_input *in, struct al_problem *p, struct fsl_map *out,
		    const struct al_found *alone, const struct al_found *both)
{
	bool known = alone->npolys && !alone->ambiguous;

	if (!both && !known)
		return -EADDRNOTAVAIL;
	fill_map(p, both ? both : alone, out);
	out->containment_error_ns = known ? error_of(alone) : UINT64_MAX;
	if (!both && in->clock.valid)
		clock_contradicts(p, alone, &in->clock, out);
	out->outside = count_outside(in, p, out, NULL, 0);
	return out->outside ? -ERANGE : 0;
}

static int align(const struct fsl_input *in, struct al_problem *p, struct fsl_map *out, char *err,
		 size_t err_len)
{
	struct al_found alone = {.budget = BUDGET}, both = {.budget = BUDGET};
	int clock, ret;

	out->events = p->nevents;
	if (p->far)
		return refuse(in, p, out, err, err_len);
	clock = try_clock(in, p, &both, out);
	ret = clock < 0 ? clock : run(p, 0, NULL, &alone);
	if (!ret && !clock && (alone.ambiguous || (alone.spent && !alone.npolys)))
		ret = not_one_place(&alone, out, err, err_len);
	else if (!ret && !clock && !alone.npolys)
		ret = refuse(in, p, out, err, err_len);
	else if (!ret)
		ret = conclude(in, p, out, &alone, clock ? &both : NULL);
	found_free(&alone);
	found_free(&both);
	if (ret && err_len && !err[0])
		fs_errf(err, err_len, ret, "aligning the guest's clock: %s", strerror(-ret));
	return ret;
}

int fsl_align(const struct fsl_input *in, struct fsl_map *out, char *err, size_t err_len)
{
	struct al_problem p;
	int ret;

	*out = (struct fsl_map){0};
	if (err_len)
		err[0] = '\0';
	ret = al_prepare(in, &p, err, err_len);
	if (!ret)
		ret = align(in, &p, out, err, err_len);
	al_free(&p);
	return ret;
}
