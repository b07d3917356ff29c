// SPDX-License-Identifier: BSD-2-Clause
/*
 * The guest's rings, in the order of time, into timelines.
 *
 * Each record names the task on whose CPU it was written, so a record that is missing shows: by
 * its number, or because the task at hand is not the one that it should be. From the last record
 * before that until the next one nothing is claimed, and what was under way then is forgotten.
 */
#include "attribute/guest/rings.h"
#include <errno.h>
#include <stdlib.h>
#include "attribute/guest/guest_build.h"
#include "attribute/state/at.h"
#include "base/sum.h"

struct ring { /* a ring being read */
	const struct fsr_guest_ring *r;
	const struct fsg_rec **order; /* its records by time */
	size_t i;
	uint64_t t;       /* of the record at hand; only ever grows */
	bool lost_before; /* more records were lost than the numbers of those that are there show */
};

static bool lost_before(const struct fsr_guest_ring *r)
{
	uint64_t jumps = 0, lost = fs_sum(r->lost, r->partial);

	for (size_t i = 1; i < r->n; i++)
		jumps += (uint32_t)(r->recs[i].seq - r->recs[i - 1].seq - 1);
	return lost > jumps;
}

static int earlier(const void *x, const void *y)
{
	const struct fsg_rec *a = *(const struct fsg_rec *const *)x;
	const struct fsg_rec *b = *(const struct fsg_rec *const *)y;

	if (a->ts != b->ts)
		return a->ts < b->ts ? -1 : 1;
	return a < b ? -1 : a > b;
}

/*
 * A program that is interrupted, or whose thread is preempted, between taking its number and taking
 * the time has the later time of the two: then it went on. Each record fits what its CPU did at
 * its own time, not at its number's.
 */
const struct fsg_rec **at_guest_by_time(const struct fsr_guest_ring *r)
{
	const struct fsg_rec **order = malloc((r->n + 1) * sizeof(*order));

	if (!order)
		return NULL;
	for (size_t i = 0; i < r->n; i++)
		order[i] = &r->recs[i];
	qsort(order, r->n, sizeof(*order), earlier);
	return order;
}

static int open_ring(const struct fsr_guest_ring *r, struct ring *q)
{
	*q = (struct ring){.r = r, .order = at_guest_by_time(r)};
	q->lost_before = lost_before(r);
	return q->order ? 0 : -ENOMEM;
}

static void load(const struct at_guest *g, struct ring *q)
{
	uint64_t t;

	if (q->i >= q->r->n) {
		q->t = UINT64_MAX;
		return;
	}
	t = fsl_to_host(&g->map, q->order[q->i]->ts);
	if (t >= UINT64_MAX)
		t = UINT64_MAX - 1;
	q->t = t > q->t ? t : q->t;
}

/* Is the record missing whose number comes before that of @rec? */
static bool is_behind_gap(const struct fsr_guest_ring *r, const struct fsg_rec *rec)
{
	return rec != r->recs && rec[-1].seq + 1 != rec->seq;
}

static int merge(struct at_gb *b, struct ring *rings, size_t n, uint64_t until)
{
	for (;;) {
		size_t k = 0;
		struct ring *q;
		int ret;

		for (size_t i = 1; i < n; i++)
			if (rings[i].t < rings[k].t)
				k = i;
		q = &rings[k];
		if (!n || q->t > until || q->t == UINT64_MAX)
			return 0;
		b->rec = q->order[q->i++];
		b->t = q->t;
		b->cpu = q->r->index;
		b->g->events++;
		ret = q->r->kind == FSR_GP_AGENT
			      ? at_gb_agent_record(b)
			      : at_gb_cpu_record(b, is_behind_gap(q->r, b->rec), q->lost_before);
		if (ret)
			return ret;
		load(b->g, q);
	}
}

int at_guest_build(struct at *a, struct at_guest *g, uint64_t until)
{
	const struct fsr_guest_data *d = g->data;
	struct at_gb b = {.a = a, .g = g};
	struct ring *rings = calloc(d->nrings + 1, sizeof(*rings));
	size_t n = 0;
	int ret;

	b.armed = json_object_get(fsr_guest_meta(a->r, d->dir.id), "tasks");
	b.cpus = calloc(FSG_MAX_CPUS, sizeof(*b.cpus));
	ret = b.cpus && rings ? 0 : -ENOMEM;
	for (size_t i = 0; i < d->nrings && !ret; i++) {
		const struct fsr_guest_ring *r = &d->rings[i];

		if (!r->n || (r->kind != FSR_GP_AGENT && r->index >= FSG_MAX_CPUS))
			continue;
		ret = open_ring(r, &rings[n]);
		if (!ret)
			load(g, &rings[n++]);
	}
	if (!ret)
		ret = merge(&b, rings, n, until);
	fs_hashmap_free(&b.queued);
	free(b.cpus);
	for (size_t i = 0; i < n; i++)
		free(rings[i].order);
	free(rings);
	return ret;
}
