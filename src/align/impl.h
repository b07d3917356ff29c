/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of src/align. All is relative and in double: guest times to `guest0` (the middle one of
 * all events), host times to `host0`, at most AL_WINDOW apart, so that a double holds them to far
 * below a nanosecond. A mapping is a point (o, r):
 *
 *	host = g + o + g * r
 *
 * and whatever limits it is of the one form o + g * r >= c, or <= c.
 */
#ifndef FORKSCOPE_ALIGN_IMPL_H
#define FORKSCOPE_ALIGN_IMPL_H

#include "align/align.h"
#include "base/vec.h"

#define AL_WINDOW    3.6e12 /* ns: an hour. Events and spans further apart are none of a fork */
#define AL_MAX_RATE  (FSL_MAX_RATE_PPB / 1e9)
#define AL_MIN_GAP   200.0 /* ns: shorter exits are not looked at; makes the search finite */
#define AL_AMBIGUOUS 1e6   /* ns: feasible places so far apart are not one place */
#define AL_MAX_VERTS 128

struct al_span {
	double entry, exit;
};

struct al_vcpu {
	struct al_span *s; /* ascending, disjoint, at least AL_MIN_GAP apart */
	size_t ns;
	bool open;    /* of the last of them nothing is known */
	double known; /* until when something is */
	double *g;    /* ascending */
	size_t ng;
	size_t pivot; /* first event that is not before guest0 */
};

/* One limit: o + g * r <= c, or >= c with @low. */
struct al_limit {
	double g, c;
	bool low;
	enum fsl_limit kind;
};

struct al_problem {
	uint64_t guest0, host0;
	struct al_vcpu *vcpus;
	size_t nvcpus;
	FS_VEC(struct al_limit) limits; /* of pairs, then of the clock when it is tried */
	size_t npairs;
	double first, last;  /* event */
	double begin, end;   /* of all spans */
	size_t nevents, far; /* far: events too far from the others to be looked at */
	size_t nspans;
};

struct al_box {
	double o0, o1, r0, r1;
};

struct al_boxes {
	struct al_box *v;
	size_t n, cap;
};

/* A convex polygon in (o, r). The edge from v[i] to v[i + 1] lies on the limit of v[i]. */
struct al_vert {
	double o, r;
	double g; /* of that limit */
	enum fsl_limit kind;
};

struct al_poly {
	size_t n; /* 0 = empty */
	struct al_vert v[AL_MAX_VERTS];
};

/* What is feasible. */
struct al_found {
	struct al_poly best; /* the largest by its width over the window */
	double best_width;
	size_t npolys;
	double lo[2], hi[2]; /* o + g * r over all polygons at the first and at the last event */
	struct al_vert lo_by[2], hi_by[2];
	size_t allow; /* events that may be outside; goes down as better places are found */
	size_t vague; /* events that may be where nothing is known */
	size_t least; /* vague ones of the polygon that had the fewest */
	FS_VEC(uint64_t) seen;
	uint64_t steps, budget; /* events looked at, at most about `budget` of them */
	bool spent;             /* the search was given up: what it left counts as feasible */
	bool ambiguous;         /* two places far apart */
};

/* --- prepare.c --- */
/* Returns 0, -ENOMEM, or -ENODATA with the sentence in @err. @p is to be freed in any case. */
int al_prepare(const struct fsl_input *in, struct al_problem *p, char *err, size_t err_len);
void al_free(struct al_problem *p);
/* The first span of @v that ends at or after @t; v->ns = none. */
size_t al_span_at(const struct al_vcpu *v, double t);
/* Difference of two moments, cut to what can be of one fork. */
double al_apart(uint64_t t, uint64_t from);

/* --- vote.c --- */
/*
 * Where the offset may be: every offset at which a sample of the events, but for @allow of them,
 * can be inside guest mode at some rate lies in one of @boxes. Returns 0 or -ENOMEM.
 */
int al_vote(const struct al_problem *p, size_t allow, struct al_boxes *boxes);

/* --- box_search.c --- */
/* All that is feasible within @boxes into @f (zeroed but for `allow`, `vague`, `steps` and
 * `budget`). Returns 0 or -ENOMEM. */
int al_search(const struct al_problem *p, const struct al_boxes *boxes, struct al_found *f);

/* --- poly.c --- */
void al_poly_box(struct al_poly *poly, const struct al_box *b);
void al_poly_clip(struct al_poly *poly, const struct al_limit *l);
bool al_poly_has(const struct al_poly *poly, double o, double r);
/* The vertex of the smallest (@most: largest) o + g * r, with the limit nearer to @g of its two. */
struct al_vert al_poly_extreme(const struct al_poly *poly, double g, bool most);
/* Its middle. */
void al_poly_middle(const struct al_poly *poly, double *o, double *r);

static inline double al_at(const struct al_vert *v, double g)
{
	return v->o + g * v->r;
}

#endif
