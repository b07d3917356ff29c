// SPDX-License-Identifier: BSD-2-Clause
/* A convex polygon of mappings, cut by one limit after the other. */
#include <math.h>
#include "align/impl.h"

void al_poly_box(struct al_poly *poly, const struct al_box *b)
{
	poly->n = 4;
	poly->v[0] = (struct al_vert){.o = b->o0, .r = b->r0};
	poly->v[1] = (struct al_vert){.o = b->o1, .r = b->r0};
	poly->v[2] = (struct al_vert){.o = b->o1, .r = b->r1};
	poly->v[3] = (struct al_vert){.o = b->o0, .r = b->r1};
}

/* How far outside of @l the vertex is, ns. */
static double beyond(const struct al_vert *v, const struct al_limit *l)
{
	double d = al_at(v, l->g) - l->c;

	return l->low ? -d : d;
}

static struct al_vert crossing(const struct al_vert *a, const struct al_vert *b, double da,
			       double db)
{
	double t = da / (da - db);

	return (struct al_vert){.o = a->o + t * (b->o - a->o), .r = a->r + t * (b->r - a->r)};
}

/*
 * Sutherland and Hodgman's clipping by one line. A polygon of too many corners is left as it is:
 * what is feasible then seems larger than it is, never smaller.
 */
void al_poly_clip(struct al_poly *poly, const struct al_limit *l)
{
	struct al_poly out = {.n = 0};
	bool cut = false;

	for (size_t i = 0; i < poly->n && !cut; i++)
		cut = beyond(&poly->v[i], l) > 0;
	if (!cut || poly->n + 1 >= AL_MAX_VERTS)
		return;
	for (size_t i = 0; i < poly->n; i++) {
		const struct al_vert *a = &poly->v[i], *b = &poly->v[(i + 1) % poly->n];
		double da = beyond(a, l), db = beyond(b, l);
		struct al_vert x;

		if (da <= 0)
			out.v[out.n++] = *a;
		if ((da <= 0) == (db <= 0))
			continue;
		x = crossing(a, b, da, db);
		/* leaving, the new edge lies on the limit; entering, on what the old edge lay on */
		x.kind = da <= 0 ? l->kind : a->kind;
		x.g = da <= 0 ? l->g : a->g;
		out.v[out.n++] = x;
	}
	poly->n = out.n;
	for (size_t i = 0; i < out.n; i++)
		poly->v[i] = out.v[i];
}

bool al_poly_has(const struct al_poly *poly, double o, double r)
{
	for (size_t i = 0; i < poly->n; i++) {
		const struct al_vert *a = &poly->v[i], *b = &poly->v[(i + 1) % poly->n];

		/* the corners go round with the inside to the left */
		if ((b->o - a->o) * (r - a->r) - (b->r - a->r) * (o - a->o) < 0)
			return false;
	}
	return poly->n > 0;
}

struct al_vert al_poly_extreme(const struct al_poly *poly, double g, bool most)
{
	struct al_vert v;
	size_t at = 0;

	for (size_t i = 1; i < poly->n; i++) {
		double d = al_at(&poly->v[i], g) - al_at(&poly->v[at], g);

		if (most ? d > 0 : d < 0)
			at = i;
	}
	v = poly->v[at];
	if (poly->n) {
		const struct al_vert *before = &poly->v[(at + poly->n - 1) % poly->n];

		if (v.kind == FSL_L_NONE ||
		    (before->kind != FSL_L_NONE && fabs(before->g - g) < fabs(v.g - g))) {
			v.kind = before->kind;
			v.g = before->g;
		}
	}
	return v;
}

void al_poly_middle(const struct al_poly *poly, double *o, double *r)
{
	double so = 0, sr = 0;

	for (size_t i = 0; i < poly->n; i++) {
		so += poly->v[i].o;
		sr += poly->v[i].r;
	}
	*o = poly->n ? so / (double)poly->n : 0;
	*r = poly->n ? sr / (double)poly->n : 0;
}
