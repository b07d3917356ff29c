// SPDX-License-Identifier: BSD-2-Clause
/* The most that a prefetch could gain: what each fault on the path would have cost less. */
#include "experiment/ceiling.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "experiment/numbers.h"

static const struct {
	const char *name, *doc;
} mechanisms[] = {
#define X(e, name, doc) {name, doc},
	FSX_MECHANISMS(X)
#undef X
};

const char *fsx_mechanism_name(enum fsx_mechanism m)
{
	return m < FSX_NMECHANISMS ? mechanisms[m].name : "?";
}

const char *fsx_mechanism_doc(enum fsx_mechanism m)
{
	return m < FSX_NMECHANISMS ? mechanisms[m].doc : "?";
}

int fsx_mechanism_parse(const char *text, enum fsx_mechanism *m)
{
	for (unsigned int i = 0; i < FSX_NMECHANISMS; i++)
		if (!strcmp(text, mechanisms[i].name)) {
			*m = (enum fsx_mechanism)i;
			return 0;
		}
	return -EINVAL;
}

const char *fsx_none_text(enum fsx_none n)
{
	static const char *const texts[] = {
		[FSX_HAS] = "",
		[FSX_NO_END] = "no end",
		[FSX_NO_SAMPLE] = "no fault of this run shows what the mechanism leaves",
		[FSX_TIMEOUT] =
			"its mailbox ack was lost or late: a time-out is in its wake-up chain",
		[FSX_UNKNOWN] = "more than 5 % of its gap is unknown: faults may be in it",
	};

	return n <= FSX_UNKNOWN ? texts[n] : "?";
}

/* --- what is left --- */

static int median_of(const struct fsa_result *res, enum fsa_cause c, size_t *n, uint64_t *p50)
{
	uint64_t *v;
	size_t k = 0, all = 0;

	for (size_t i = 0; i < res->nforks; i++)
		all += res->forks[i].npath_faults;
	v = calloc(all + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < res->nforks; i++)
		for (size_t j = 0; j < res->forks[i].npath_faults; j++)
			if (res->forks[i].path_faults[j].cause == c)
				v[k++] = res->forks[i].path_faults[j].ns;
	*n = k;
	*p50 = fsx_median(v, k);
	free(v);
	return 0;
}

int fsx_left_of(const struct fsa_result *res, struct fsx_left *left)
{
	int ret = median_of(res, FSA_C_FAULT_CACHED, &left->cached.n, &left->cached.p50_ns);

	ret = ret ? ret : median_of(res, FSA_C_FAULT_MAPPED, &left->mapped.n, &left->mapped.p50_ns);
	return ret ? ret : median_of(res, FSA_C_FAULT_COW, &left->cow.n, &left->cow.p50_ns);
}

static bool fetched(enum fsa_cause c)
{
	return c == FSA_C_FAULT_UFFD || c == FSA_C_FAULT_MAJOR;
}

/*
 * What @m leaves of a fault of class @c: whether it helps at all, and then *ns. A copy on write is
 * still to be made after populating; it only cannot be slower than others.
 */
static bool helps(enum fsx_mechanism m, enum fsa_cause c, const struct fsx_left *left, uint64_t *ns,
		  bool *sample)
{
	*ns = 0;
	*sample = true;
	switch (m) {
	case FSX_PAGE_CACHE:
		*ns = left->cached.p50_ns;
		*sample = left->cached.n;
		return fetched(c);
	case FSX_POPULATE:
		if (c == FSA_C_FAULT_COW) {
			*ns = left->cow.p50_ns;
			*sample = left->cow.n;
			return true;
		}
		*ns = left->mapped.p50_ns;
		*sample = left->mapped.n;
		return fetched(c) || c == FSA_C_FAULT_CACHED;
	case FSX_PRE_FAULT:
	case FSX_NMECHANISMS:
		break;
	}
	return true;
}

static bool is_about(const struct fsx_hypothesis *h, const struct fsa_fault *x)
{
	if (h->which == FSX_RANGES)
		return x->offset != FSA_NOWHERE && fsx_ranges_have(&h->set, x->offset);
	return h->which != FSX_MAJOR || fetched(x->cause);
}

static void count(struct fsx_faults *to, const struct fsa_fault *x)
{
	to->count++;
	to->ns += x->ns;
}

struct fsx_ceiling fsx_ceiling_of(const struct fsa_fork *f, const struct fsx_hypothesis *h,
				  enum fsx_mechanism m, const struct fsx_left *left)
{
	struct fsx_ceiling c = {.none = FSX_HAS};

	if (h->which == FSX_PERFECT)
		m = FSX_PRE_FAULT;
	for (size_t i = 0; i < f->npath_faults; i++) {
		const struct fsa_fault *x = &f->path_faults[i];
		uint64_t ns;
		bool sample;

		if (!is_about(h, x)) {
			count(&c.outside, x);
			continue;
		}
		if (!helps(m, x->cause, left, &ns, &sample)) {
			count(&c.unhelped, x);
			continue;
		}
		count(&c.helped, x);
		if (!sample)
			c.none = FSX_NO_SAMPLE;
		c.gain_ns += x->ns > ns ? x->ns - ns : 0;
		/* what it waited for a CPU, once it had its page, it would not have waited */
		if (m == FSX_PRE_FAULT || fetched(x->cause))
			c.gain_ns += x->sched_ns;
	}
	if ((double)f->bucket_ns[FSA_B_UNKNOWN] > FSX_UNKNOWN_SHARE * (double)f->gap_ns)
		c.none = FSX_UNKNOWN;
	if (f->notes & FSA_OTHER_END)
		c.none = FSX_TIMEOUT;
	if (!f->complete)
		c.none = FSX_NO_END;
	if (c.none != FSX_HAS)
		c.gain_ns = 0;
	return c;
}

/* --- groups --- */

static void add_means(struct fsx_group_ceiling *g, const struct fsx_ceiling *c)
{
	g->gain_mean += (double)c->gain_ns;
	g->helped += (double)c->helped.count;
	g->helped_ns += (double)c->helped.ns;
	g->unhelped += (double)c->unhelped.count;
	g->outside += (double)c->outside.count;
}

static void divide_means(struct fsx_group_ceiling *g)
{
	double *const means[] = {&g->gain_mean, &g->helped, &g->helped_ns, &g->unhelped,
				 &g->outside};

	for (size_t i = 0; i < sizeof(means) / sizeof(*means) && g->n; i++)
		*means[i] /= (double)g->n;
}

int fsx_ceiling_group(const struct fsa_fork *const *forks, size_t n, const struct fsx_hypothesis *h,
		      enum fsx_mechanism m, const struct fsx_left *left,
		      struct fsx_group_ceiling *g)
{
	uint64_t *v = calloc(3 * n + 1, sizeof(*v)), *gap = v, *best = v + n, *gain = v + 2 * n;

	*g = (struct fsx_group_ceiling){0};
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct fsx_ceiling c = fsx_ceiling_of(forks[i], h, m, left);

		if (c.none != FSX_HAS) {
			g->why = g->none++ ? g->why : c.none;
			continue;
		}
		gap[g->n] = forks[i]->gap_ns;
		best[g->n] = forks[i]->gap_ns - c.gain_ns;
		gain[g->n++] = c.gain_ns;
		add_means(g, &c);
	}
	divide_means(g);
	g->gap_p50 = fsx_median(gap, g->n);
	g->best_p50 = fsx_median(best, g->n);
	g->gain_p50 = fsx_median(gain, g->n);
	g->gain_min = g->n ? gain[0] : 0; /* sorted by now */
	g->gain_max = g->n ? gain[g->n - 1] : 0;
	free(v);
	return 0;
}
