// SPDX-License-Identifier: BSD-2-Clause
/* The path as the result keeps it: its segments in the order of time, and their labels. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "attribute/result/ledger_parts.h"
#include "attribute/state/at.h"

/* --- labels: strings of the recording into those of the fork --- */

struct labels {
	uint32_t *of; /* by string: index in the fork + 1 */
	size_t n;
};

static int label_of(struct at *a, struct fsa_fork *f, struct labels *l, uint32_t str, uint32_t *out)
{
	char **v;

	*out = 0;
	if (!str || str >= l->n)
		return 0;
	if (!l->of[str]) {
		v = realloc(f->labels, (f->nlabels + 1) * sizeof(*v));
		if (!v)
			return -ENOMEM;
		f->labels = v;
		v[f->nlabels] = strdup(at_str_get(a, str));
		if (!v[f->nlabels])
			return -ENOMEM;
		l->of[str] = (uint32_t)++f->nlabels;
	}
	*out = l->of[str] - 1;
	return 0;
}

static bool same(const struct fsa_seg *x, const struct fsa_seg *y)
{
	return x->stage == y->stage && x->cause == y->cause && x->isa == y->isa &&
	       x->reason == y->reason && x->stack == y->stack && x->label == y->label &&
	       x->rip == y->rip && x->gpa == y->gpa && x->guest == y->guest;
}

static struct fsa_seg seg_of(const struct at_path *path, size_t i)
{
	const struct at_segment *p = &path->p.v[i];
	const struct at_exit *x = at_segment_exit(path, p);
	struct fsa_seg s = {
		.t0 = p->t0,
		.t1 = at_segment_end(path, i),
		.stage = p->stage,
		.cause = p->cause,
		.reason = UINT32_MAX,
		.stack = p->stack,
	};

	if (x) {
		s.reason = x->reason;
		s.isa = x->isa;
		s.rip = x->rip;
		s.gpa = p->fault && x->cause == p->cause ? x->gpa : 0;
	}
	return s;
}

/* The segments as the result keeps them: in the order of time, equal neighbours merged. */
int at_segments(struct at *a, struct fsa_fork *f, const struct at_path *path)
{
	struct labels l = {.n = a->str.v.n};
	int ret = -ENOMEM;

	f->labels = calloc(1, sizeof(*f->labels));
	l.of = calloc(l.n + 1, sizeof(*l.of));
	f->segs = calloc(path->p.n + 1, sizeof(*f->segs));
	if (!f->labels || !l.of || !f->segs)
		goto out;
	f->labels[0] = (char *)"";
	f->nlabels = 1;
	ret = 0;
	for (size_t i = path->p.n; i-- > 0 && !ret;) {
		struct fsa_seg *last = f->nsegs ? &f->segs[f->nsegs - 1] : NULL;
		struct fsa_seg s = seg_of(path, i);

		ret = label_of(a, f, &l, path->p.v[i].label, &s.label);
		ret = ret ? ret : label_of(a, f, &l, path->p.v[i].guest, &s.guest);
		if (last && last->t1 == s.t0 && same(last, &s))
			last->t1 = s.t1;
		else
			f->segs[f->nsegs++] = s;
	}
	if (f->nsegs) {
		struct fsa_seg *fit = realloc(f->segs, f->nsegs * sizeof(*fit));

		f->segs = fit ? fit : f->segs;
	}
out:
	free(l.of);
	return ret;
}
