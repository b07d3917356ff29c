// SPDX-License-Identifier: BSD-2-Clause
/* Whether the forks of a recording competed for the host's CPUs. */
#include "experiment/contention.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "experiment/cells.h"
#include "stats/stats.h"

/* The beginning or the end of a window. */
struct edge {
	uint64_t at;
	const struct fsa_fork *f;
	bool begins;
};

/* One that ends at a moment is gone before another begins there. */
static int by_time(const void *x, const void *y)
{
	const struct edge *a = x, *b = y;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return (int)a->begins - (int)b->begins;
}

static void overlaps(const struct edge *e, size_t n, struct fsx_contention *c)
{
	size_t forks = 0;
	uint64_t vcpus = 0;

	for (size_t i = 0; i < n; i++) {
		if (!e[i].begins) {
			forks--;
			vcpus -= e[i].f->vcpus;
			continue;
		}
		forks++;
		vcpus += e[i].f->vcpus;
		if (forks > c->forks_at_once)
			c->forks_at_once = forks;
		if (vcpus > c->vcpus_at_once)
			c->vcpus_at_once = vcpus;
	}
}

int fsx_contention_make(const struct fsa_result *res, uint64_t cpus, struct fsx_contention *c)
{
	struct edge *edges = calloc(2 * res->nforks + 1, sizeof(*edges));
	double *shares = calloc(res->nforks + 1, sizeof(*shares));
	int ret = edges && shares ? 0 : -ENOMEM;

	memset(c, 0, sizeof(*c));
	c->cpus = cpus;
	c->p50 = c->p95 = NAN;
	for (size_t i = 0; !ret && i < res->nforks; i++) {
		const struct fsa_fork *f = &res->forks[i];
		uint64_t delay = fsx_cause_ns(f, FSA_C_SCHED_DELAY);

		edges[2 * i] = (struct edge){f->start_ns, f, true};
		/* an empty window has its end behind its beginning all the same */
		edges[2 * i + 1] = (struct edge){f->start_ns + (f->gap_ns ?: 1), f, false};
		if (!f->complete || !f->gap_ns)
			continue;
		shares[c->n++] = (double)delay / (double)f->gap_ns;
		c->delay_ns += delay;
		c->window_ns += f->gap_ns;
	}
	if (!ret) {
		qsort(edges, 2 * res->nforks, sizeof(*edges), by_time);
		overlaps(edges, 2 * res->nforks, c);
	}
	if (!ret && c->n && !fss_sort(shares, c->n)) {
		c->share = (double)c->delay_ns / (double)c->window_ns;
		c->p50 = fss_quantile(shares, c->n, 0.5);
		if (c->n >= FSX_P95_NEEDS)
			c->p95 = fss_quantile(shares, c->n, 0.95);
		c->contended = c->share >= FSX_CONTENDED;
	}
	free(edges);
	free(shares);
	return ret;
}
