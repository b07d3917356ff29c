/* SPDX-License-Identifier: BSD-2-Clause */
/* Forks with a known mapping of guest time to host time: spans of guest mode, events in them. */
#ifndef FORKSCOPE_TEST_ALIGN_TRUTH_H
#define FORKSCOPE_TEST_ALIGN_TRUTH_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "align/align.h"
#include "base/vec.h"

#define TRUTH_MAX_VCPUS     4

#define must_push(vec, ...) assert_int_equal(fs_vec_push((vec), __VA_ARGS__), 0)

struct truth_opts {
	uint64_t seed;
	size_t vcpus;
	uint64_t length;     /* host ns */
	uint64_t run, exit;  /* usual lengths of a span and of an exit, ns */
	unsigned int halts;  /* one exit of so many is a halt of up to 400 ms */
	double per_span;     /* events in a span, on average */
	uint64_t late;       /* the first event comes so long after the first entry */
	uint64_t edge;       /* events keep so far from the ends of their spans */
	uint64_t keep_every; /* of the events only each so many-th is kept; 0 = all */
	uint64_t host0, guest0;
	double rate; /* of host time per guest time, less 1 */
};

struct truth_vcpu {
	FS_VEC(struct fsl_span) spans;
	FS_VEC(uint64_t) events; /* guest time */
	FS_VEC(uint64_t) at;     /* the same in host time */
};

struct truth {
	struct truth_opts o;
	uint64_t state;
	struct truth_vcpu v[TRUTH_MAX_VCPUS];
	struct fsl_vcpu in[TRUTH_MAX_VCPUS];
	FS_VEC(struct fsl_pair) pairs;
};

static inline uint64_t truth_rnd(struct truth *t, uint64_t below)
{
	t->state ^= t->state << 13;
	t->state ^= t->state >> 7;
	t->state ^= t->state << 17;
	return below ? (t->state >> 11) % below : 0;
}

/* Guest time of a host time, in whole ns as a clock is read. */
static inline uint64_t truth_guest(const struct truth *t, uint64_t host)
{
	return t->o.guest0 +
	       (uint64_t)(int64_t)floor((double)(int64_t)(host - t->o.host0) / (1 + t->o.rate));
}

/* Host time of a guest time, to a fraction of a ns, after host0. */
static inline double truth_host(const struct truth *t, uint64_t guest)
{
	return (double)(int64_t)(guest - t->o.guest0) * (1 + t->o.rate);
}

/* A length about @usual: half of it to three times as much, seldom twenty times. */
static inline uint64_t truth_length(struct truth *t, uint64_t usual)
{
	uint64_t n = usual / 2 + truth_rnd(t, usual * 5 / 2);

	return truth_rnd(t, 40) ? n : n * 8;
}

static inline void truth_events(struct truth *t, struct truth_vcpu *v, uint64_t from, uint64_t to)
{
	double want = t->o.per_span;
	uint64_t n, last = from + t->o.edge;

	if (from < t->o.host0 + t->o.late || to - from <= 2 * t->o.edge + 4)
		return;
	n = (uint64_t)want + (truth_rnd(t, 1000) < (uint64_t)((want - floor(want)) * 1000));
	for (uint64_t i = 0; i < n; i++) {
		uint64_t left = to - t->o.edge - last;

		last += truth_rnd(t, left / (n - i) + 1);
		must_push(&v->events, truth_guest(t, last));
		must_push(&v->at, last);
	}
}

static inline void truth_vcpu(struct truth *t, struct truth_vcpu *v)
{
	uint64_t now = t->o.host0 + truth_rnd(t, t->o.exit), end = t->o.host0 + t->o.length;

	while (now < end) {
		uint64_t to = now + truth_length(t, t->o.run);

		must_push(&v->spans, (struct fsl_span){now, to});
		truth_events(t, v, now, to);
		now = to + 300 + truth_length(t, t->o.exit);
		if (t->o.halts && !truth_rnd(t, t->o.halts))
			now += truth_rnd(t, 400000000);
	}
}

static inline void truth_make(struct truth *t, const struct truth_opts *o)
{
	memset(t, 0, sizeof(*t));
	t->o = *o;
	t->state = o->seed * 0x9e3779b97f4a7c15ull + 88172645463325252ull;
	for (size_t i = 0; i < o->vcpus; i++) {
		struct truth_vcpu *v = &t->v[i];
		size_t n = 0;

		truth_vcpu(t, v);
		for (size_t k = 0; o->keep_every && k < v->events.n; k += o->keep_every, n++) {
			v->events.v[n] = v->events.v[k];
			v->at.v[n] = v->at.v[k];
		}
		if (o->keep_every)
			v->events.n = v->at.n = n;
	}
}

/* What fsl_align() is given. */
static inline struct fsl_input truth_input(struct truth *t)
{
	for (size_t i = 0; i < t->o.vcpus; i++)
		t->in[i] = (struct fsl_vcpu){t->v[i].spans.v, t->v[i].spans.n, t->v[i].events.v,
					     t->v[i].events.n, 0};
	return (struct fsl_input){
		.vcpus = t->in, .nvcpus = t->o.vcpus, .pairs = t->pairs.v, .npairs = t->pairs.n};
}

/* How far @m is from the truth at the most, over all events, ns. */
static inline double truth_distance(struct truth *t, const struct fsl_map *m)
{
	double most = 0;

	for (size_t i = 0; i < t->o.vcpus; i++)
		for (size_t k = 0; k < t->v[i].events.n; k++) {
			uint64_t g = t->v[i].events.v[k];
			double d = (double)(int64_t)(fsl_to_host(m, g) - t->o.host0) -
				   truth_host(t, g);

			most = fmax(most, fabs(d));
		}
	return most;
}

static inline void truth_free(struct truth *t)
{
	for (size_t i = 0; i < TRUTH_MAX_VCPUS; i++) {
		fs_vec_free(&t->v[i].spans);
		fs_vec_free(&t->v[i].events);
		fs_vec_free(&t->v[i].at);
	}
	fs_vec_free(&t->pairs);
}

#endif
