// SPDX-License-Identifier: BSD-2-Clause
/*
 * The coarse search. Each event of a sample votes for all offsets at which it would be inside guest
 * mode, at any rate that is allowed; they are counted in bins. The sample is taken about the middle
 * of the events, where the rate moves an event least. A true offset has every vote, so no place is
 * lost; how few others remain depends on the events alone.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include "align/impl.h"

#define MIN_BIN     512.0 /* ns */
#define MAX_BINS    (1u << 21)
#define SPAN_BINS   256 /* more bins for each span would tell nothing more */
#define MAX_SAMPLE  256
#define MIN_SAMPLE  24
#define FIRST_REACH 10e6      /* ns: at 500 ppm an event 10 ms away is moved by 5 us */
#define MAX_VOTES   40000000u /* events x spans */
#define MAX_BOXES   65536u

struct bins {
	int32_t *v;
	size_t n;
	double o0, width;
};

/* Where offsets can be at all: the end points of @b. Some event must lie where something is known.
 */
static void find_range(const struct al_problem *p, size_t allow, struct al_box *b)
{
	double most = p->begin;

	*b = (struct al_box){p->begin, p->end, -AL_MAX_RATE, AL_MAX_RATE};
	for (size_t i = 0; i < p->nvcpus; i++)
		if (p->vcpus[i].ng)
			most = fmax(most, p->vcpus[i].known - p->vcpus[i].g[0] +
						  fabs(p->vcpus[i].g[0]) * AL_MAX_RATE);
	b->o1 = fmin(b->o1, most);
	for (size_t i = 0; i < p->nvcpus && !allow; i++) {
		const struct al_vcpu *v = &p->vcpus[i];
		double g0, g1;

		if (!v->ng || !v->ns)
			continue;
		g0 = v->g[0];
		g1 = v->g[v->ng - 1];
		b->o0 = fmax(b->o0, v->s[0].entry - g0 - fabs(g0) * AL_MAX_RATE);
		b->o1 = fmin(b->o1, v->s[v->ns - 1].exit - g1 + fabs(g1) * AL_MAX_RATE);
	}
	for (size_t i = 0; i < p->limits.n; i++) {
		const struct al_limit *l = &p->limits.v[i];
		double slack = fabs(l->g) * AL_MAX_RATE;

		if (l->low)
			b->o0 = fmax(b->o0, l->c - slack);
		else
			b->o1 = fmin(b->o1, l->c + slack);
	}
}

static void vote(const struct bins *b, const struct al_vcpu *v, double g)
{
	double slack = fabs(g) * AL_MAX_RATE, end = b->o0 + b->width * (double)b->n;
	size_t next = 0; /* the first bin that has no vote of this event yet */

	for (size_t i = al_span_at(v, b->o0 + g - slack); i < v->ns; i++) {
		double from = v->s[i].entry - g - slack, to = v->s[i].exit - g + slack;
		size_t k0, k1;

		if (from >= end)
			break;
		k0 = from <= b->o0 ? 0 : (size_t)((from - b->o0) / b->width);
		k1 = to >= end ? b->n - 1 : (size_t)((to - b->o0) / b->width);
		k0 = k0 < next ? next : k0;
		if (k1 >= b->n)
			k1 = b->n - 1;
		if (k0 > k1)
			continue;
		b->v[k0]++;
		b->v[k1 + 1]--;
		next = k1 + 1;
	}
}

/* Events of @v within @reach of the middle. */
static void near(const struct al_vcpu *v, double reach, size_t *from, size_t *to)
{
	*from = *to = v->pivot;
	while (*from && v->g[*from - 1] >= -reach)
		--*from;
	while (*to < v->ng && v->g[*to] <= reach)
		++*to;
}

/* How far from the middle events must be taken to have enough of them, and how many there are. */
static double find_reach(const struct al_problem *p, size_t *count)
{
	double reach = FIRST_REACH;

	for (;; reach *= 2) {
		size_t from, to;

		*count = 0;
		for (size_t i = 0; i < p->nvcpus; i++) {
			near(&p->vcpus[i], reach, &from, &to);
			*count += to - from;
		}
		if (*count >= MIN_SAMPLE || reach > AL_WINDOW)
			return reach;
	}
}

static size_t vote_all(const struct al_problem *p, const struct bins *b)
{
	size_t count, max = MAX_VOTES / (p->nspans + 1) + 1, votes = 0, from, to;
	double reach = find_reach(p, &count);
	size_t step;

	max = max > MAX_SAMPLE ? MAX_SAMPLE : max;
	step = count / max + 1;
	for (size_t i = 0; i < p->nvcpus; i++) {
		const struct al_vcpu *v = &p->vcpus[i];

		near(v, reach, &from, &to);
		for (size_t k = from; k < to; k += step, votes++)
			vote(b, v, v->g[k]);
	}
	return votes;
}

/* Runs of bins with at least @least votes. Too many: neighbours are taken together. */
static int take_runs(const struct bins *b, int32_t least, const struct al_box *range,
		     struct al_boxes *out)
{
	int32_t sum = 0;
	bool open = false;

	for (size_t k = 0; k < b->n; k++) {
		double from = b->o0 + b->width * (double)k;

		sum += b->v[k];
		if (sum < least) {
			open = false;
			continue;
		}
		if (!open && out->n < MAX_BOXES &&
		    fs_vec_push(out, (struct al_box){from, from, range->r0, range->r1}))
			return -ENOMEM;
		open = true;
		out->v[out->n - 1].o1 = fmin(from + b->width, range->o1);
	}
	return 0;
}

int al_vote(const struct al_problem *p, size_t allow, struct al_boxes *boxes)
{
	struct al_box range;
	struct bins b;
	size_t votes, max;
	int ret;

	find_range(p, allow, &range);
	if (range.o1 < range.o0)
		return 0;
	max = p->nspans < MAX_BINS / SPAN_BINS ? (p->nspans + 1) * SPAN_BINS : MAX_BINS;
	b.width = fmax(MIN_BIN, (range.o1 - range.o0) / (double)(max - 1));
	b.n = (size_t)((range.o1 - range.o0) / b.width) + 1;
	b.o0 = range.o0;
	b.v = calloc(b.n + 1, sizeof(*b.v));
	if (!b.v)
		return -ENOMEM;
	votes = vote_all(p, &b);
	ret = take_runs(&b, votes > allow ? (int32_t)(votes - allow) : 1, &range, boxes);
	free(b.v);
	return ret;
}
