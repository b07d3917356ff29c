// SPDX-License-Identifier: BSD-2-Clause
/* Copies of the input: relative, in order, cut to what can be of one fork. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include "align/impl.h"
#include "base/err.h"
#include "base/search.h"

static int by_value(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return a < b ? -1 : a > b;
}

static int by_entry(const void *x, const void *y)
{
	const struct al_span *a = x, *b = y;

	return a->entry < b->entry ? -1 : a->entry > b->entry;
}

static int by_double(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return a < b ? -1 : a > b;
}

/* Difference of two moments; those that are further apart than any fork lasts come out as that. */
double al_apart(uint64_t t, uint64_t from)
{
	double d = t >= from ? (double)(t - from) : -(double)(from - t);

	return d > 2 * AL_WINDOW ? 2 * AL_WINDOW : d < -2 * AL_WINDOW ? -2 * AL_WINDOW : d;
}

/* The middle one of all events: most are near it, so that a wrong one far away moves nothing. */
static int find_guest0(const struct fsl_input *in, struct al_problem *p)
{
	size_t n = 0;
	uint64_t *all;

	for (size_t i = 0; i < in->nvcpus; i++)
		n += in->vcpus[i].nevents;
	if (!n)
		return 0;
	all = malloc(n * sizeof(*all));
	if (!all)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < in->nvcpus; i++)
		for (size_t k = 0; k < in->vcpus[i].nevents; k++)
			all[n++] = in->vcpus[i].events[k];
	qsort(all, n, sizeof(*all), by_value);
	p->guest0 = all[n / 2];
	p->nevents = n;
	free(all);
	return 0;
}

static void find_host0(const struct fsl_input *in, struct al_problem *p)
{
	p->host0 = UINT64_MAX;
	for (size_t i = 0; i < in->nvcpus; i++)
		for (size_t k = 0; k < in->vcpus[i].nspans; k++)
			if (in->vcpus[i].spans[k].entry < p->host0)
				p->host0 = in->vcpus[i].spans[k].entry;
}

static void join_spans(struct al_vcpu *v)
{
	size_t n = 0;

	for (size_t i = 0; i < v->ns; i++) {
		if (n && v->s[i].entry < v->s[n - 1].exit + AL_MIN_GAP) {
			if (v->s[i].exit > v->s[n - 1].exit)
				v->s[n - 1].exit = v->s[i].exit;
		} else {
			v->s[n++] = v->s[i];
		}
	}
	v->ns = n;
}

/* What is open is a span without an end. */
static void open_end(struct al_vcpu *v, double from)
{
	v->open = true;
	if (v->ns && v->s[v->ns - 1].exit + AL_MIN_GAP > from) {
		v->s[v->ns - 1].exit = AL_WINDOW;
		v->known = v->s[v->ns - 1].entry;
	} else if (from < AL_WINDOW) {
		v->s[v->ns++] = (struct al_span){from, AL_WINDOW};
	} else {
		v->open = false;
	}
}

static int take_spans(const struct fsl_vcpu *in, struct al_problem *p, struct al_vcpu *v)
{
	bool sorted = true;

	v->s = calloc(in->nspans + 2, sizeof(*v->s));
	if (!v->s)
		return -ENOMEM;
	for (size_t i = 0; i < in->nspans; i++) {
		struct al_span s = {al_apart(in->spans[i].entry, p->host0),
				    al_apart(in->spans[i].exit, p->host0)};

		if (in->spans[i].exit < in->spans[i].entry || s.entry > AL_WINDOW)
			continue;
		if (s.exit > AL_WINDOW)
			s.exit = AL_WINDOW;
		if (v->ns && s.entry < v->s[v->ns - 1].entry)
			sorted = false;
		v->s[v->ns++] = s;
	}
	if (!sorted)
		qsort(v->s, v->ns, sizeof(*v->s), by_entry);
	join_spans(v);
	p->nspans += v->ns;
	v->known = v->ns ? v->s[v->ns - 1].exit : 0;
	if (in->open)
		open_end(v, al_apart(in->open, p->host0));
	if (v->ns && v->s[v->ns - 1].exit > p->end)
		p->end = v->s[v->ns - 1].exit;
	return 0;
}

static int take_events(const struct fsl_vcpu *in, struct al_problem *p, struct al_vcpu *v)
{
	bool sorted = true;

	v->g = calloc(in->nevents + 1, sizeof(*v->g));
	if (!v->g)
		return -ENOMEM;
	for (size_t i = 0; i < in->nevents; i++) {
		double g = al_apart(in->events[i], p->guest0);

		if (g > AL_WINDOW || g < -AL_WINDOW) {
			p->far++;
			continue;
		}
		if (v->ng && g < v->g[v->ng - 1])
			sorted = false;
		v->g[v->ng++] = g;
	}
	if (!sorted)
		qsort(v->g, v->ng, sizeof(*v->g), by_double);
	if (!v->ng)
		return 0;
	if (v->g[0] < p->first)
		p->first = v->g[0];
	if (v->g[v->ng - 1] > p->last)
		p->last = v->g[v->ng - 1];
	while (v->pivot < v->ng && v->g[v->pivot] < 0)
		v->pivot++;
	return 0;
}

/* guest before host: g + o + g * r <= h, with g and h relative. */
static int take_pairs(const struct fsl_input *in, struct al_problem *p)
{
	for (size_t i = 0; i < in->npairs; i++) {
		struct al_limit l = {
			.g = al_apart(in->pairs[i].guest, p->guest0),
			.low = !in->pairs[i].guest_first,
			.kind = FSL_L_PAIRS,
		};

		if (fabs(l.g) > AL_WINDOW)
			continue; /* an event as far away is refused by itself */
		l.c = al_apart(in->pairs[i].host, p->host0) - l.g;
		if (fs_vec_push(&p->limits, l))
			return -ENOMEM;
	}
	p->npairs = p->limits.n;
	return 0;
}

size_t al_span_at(const struct al_vcpu *v, double t)
{
	return fs_first_where(v->ns, i, v->s[i].exit >= t);
}

int al_prepare(const struct fsl_input *in, struct al_problem *p, char *err, size_t err_len)
{
	int ret;

	*p = (struct al_problem){.nvcpus = in->nvcpus};
	p->vcpus = calloc(in->nvcpus + 1, sizeof(*p->vcpus));
	ret = p->vcpus ? find_guest0(in, p) : -ENOMEM;
	find_host0(in, p);
	for (size_t i = 0; i < in->nvcpus && !ret; i++) {
		ret = take_spans(&in->vcpus[i], p, &p->vcpus[i]);
		if (!ret)
			ret = take_events(&in->vcpus[i], p, &p->vcpus[i]);
	}
	if (!ret)
		ret = take_pairs(in, p);
	if (ret)
		return fs_errf(err, err_len, ret, "aligning the guest's clock: out of memory");
	if (!p->nevents)
		return fs_errf(err, err_len, -ENODATA,
			       "the guest recorded no event after its resume");
	if (!p->nspans)
		return fs_errf(err, err_len, -ENODATA,
			       "no time in guest mode was seen of this fork (kvm_entry, kvm_exit)");
	return 0;
}

void al_free(struct al_problem *p)
{
	for (size_t i = 0; i < p->nvcpus && p->vcpus; i++) {
		free(p->vcpus[i].s);
		free(p->vcpus[i].g);
	}
	free(p->vcpus);
	fs_vec_free(&p->limits);
}
