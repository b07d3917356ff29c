// SPDX-License-Identifier: BSD-2-Clause
/*
 * What limits the guest's clock, from the records of one fork.
 *
 * Containment: between an exit's end and the next one's beginning a vCPU is in guest mode; a record
 * in the ring of guest CPU n was written by vCPU n, one in the agent's ring by some vCPU.
 *
 * Pairs: the k-th datagram of a port and length that left the VM was sent no earlier than the k-th
 * one that the guest says it sent. An interrupt's injection before its handler says no more than
 * containment: the entry into the guest lies between them.
 */
#include "attribute/guest/guest_align.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attribute/guest/guest_clock.h"
#include "attribute/state/at.h"
#include "base/err.h"

struct job {
	const struct at_vm *vm;
	const struct fsr_guest_data *g;
	uint64_t until;              /* host ns by which every record had been written */
	const struct fsl_map *rough; /* records that by it lie after the window are left out */
	FS_VEC(struct fsl_vcpu) vcpus;
	FS_VEC(struct fsl_pair) pairs;
	uint64_t first, last; /* guest ns */
};

typedef FS_VEC(struct fsl_span) spans_vec;

/* [from, to) of guest mode, less what the thread was off its CPU. */
static int add_span(const struct at_thr *t, uint64_t from, uint64_t to, size_t *off, spans_vec *out)
{
	while (*off < t->offs.n && t->offs.v[*off].in <= from)
		++*off;
	for (size_t k = *off; k < t->offs.n && t->offs.v[k].out < to; k++) {
		if (t->offs.v[k].out > from &&
		    fs_vec_push(out, (struct fsl_span){from, t->offs.v[k].out}))
			return -ENOMEM;
		from = t->offs.v[k].in;
	}
	return from < to ? fs_vec_push(out, (struct fsl_span){from, to}) : 0;
}

/*
 * Guest mode of one vCPU. Before the first exit that was seen it may have been there since it began
 * to run; after the last one, from *@open on, nothing is known.
 */
static int thread_spans(const struct job *j, const struct at_thr *t, spans_vec *out, uint64_t *open)
{
	uint64_t from = t->first_run ? t->first_run : j->vm->resume;
	size_t off = 0;
	int ret = 0;

	for (size_t i = 0; i < t->exits.n && !ret; i++) {
		const struct at_exit *x = &t->exits.v[i];

		if (!x->first && from < x->t0)
			ret = add_span(t, from, x->t0, &off, out);
		from = x->clipped ? UINT64_MAX : x->t1;
	}
	if (from < *open)
		*open = from;
	return ret;
}

static bool wanted(const struct job *j, uint64_t ts)
{
	return !j->rough || fsl_to_host(j->rough, ts) <= j->vm->end + j->rough->error_ns;
}

static int copy_times(struct job *j, const struct fsr_guest_ring *r, struct fsl_vcpu *v)
{
	uint64_t *ts = calloc(r->n, sizeof(*ts));

	if (!ts)
		return -ENOMEM;
	v->events = ts;
	for (size_t i = 0; i < r->n; i++) {
		uint64_t t = r->recs[i].ts;

		if (!wanted(j, t))
			continue;
		ts[v->nevents++] = t;
		j->first = t < j->first ? t : j->first;
		j->last = t > j->last ? t : j->last;
	}
	return 0;
}

static int add_ring(struct job *j, const struct fsr_guest_ring *r, char *why, size_t len)
{
	const struct at_thr *t = at_guest_vcpu(j->vm, r->index);
	struct fsl_vcpu v = {0};
	spans_vec spans = {0};
	int ret = 0;

	if (!r->n)
		return 0;
	if (r->kind == FSR_GP_RING && !t)
		return fs_errf(why, len, -ENODATA,
			       "the guest recorded on its CPU %u, and no such vCPU was seen to run",
			       r->index);
	v.open = UINT64_MAX;
	if (r->kind == FSR_GP_RING)
		ret = thread_spans(j, t, &spans, &v.open);
	for (size_t i = 0; r->kind == FSR_GP_AGENT && i < j->vm->vcpus.n && !ret; i++)
		ret = thread_spans(j, j->vm->vcpus.v[i], &spans, &v.open);
	v.spans = spans.v;
	v.nspans = spans.n;
	if (!ret)
		ret = copy_times(j, r, &v);
	if (!ret)
		ret = fs_vec_push(&j->vcpus, v);
	if (ret) {
		fs_vec_free(&spans);
		free((void *)v.events);
	}
	return ret;
}

/* --- pairs --- */

struct sent {
	uint64_t ts;
	uint16_t port, bytes;
};

typedef FS_VEC(struct sent) sent_vec;

static int by_ts(const void *x, const void *y)
{
	const struct sent *a = x, *b = y;

	return a->ts < b->ts ? -1 : a->ts > b->ts;
}

static int collect_sends(const struct job *j, sent_vec *out)
{
	for (size_t i = 0; i < j->g->nrings; i++)
		for (size_t k = 0; k < j->g->rings[i].n; k++) {
			const struct fsg_rec *r = &j->g->rings[i].recs[k];

			if (r->kind == FSG_K_UDP_SEND && r->x <= UINT16_MAX && r->a <= UINT16_MAX &&
			    fs_vec_push(out, (struct sent){r->ts, (uint16_t)r->x, (uint16_t)r->a}))
				return -ENOMEM;
		}
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_ts);
	return 0;
}

/* The @nth (from 0) of @all that is alike to @tx; NULL = there are not so many. */
static const struct sent *nth_like(const sent_vec *all, const struct at_tx *tx, size_t nth)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].port == tx->port && all->v[i].bytes == tx->bytes && !nth--)
			return &all->v[i];
	return NULL;
}

/*
 * Only where the guest sent at least as many as left: else one was in transit at the snapshot, or
 * the guest's record of it was lost.
 */
static int pair_datagrams(struct job *j)
{
	sent_vec sends = {0};
	int ret = j->g->lost ? 0 : collect_sends(j, &sends);

	for (size_t i = 0; i < j->vm->txs.n && !ret; i++) {
		const struct at_tx *tx = &j->vm->txs.v[i];
		size_t before = 0, all = 0;
		const struct sent *s;

		for (size_t k = 0; k < j->vm->txs.n; k++) {
			const struct at_tx *o = &j->vm->txs.v[k];
			bool alike = o->port == tx->port && o->bytes == tx->bytes;

			all += alike;
			before += alike && k < i;
		}
		s = nth_like(&sends, tx, all - 1) ? nth_like(&sends, tx, before) : NULL;
		if (s)
			ret = fs_vec_push(&j->pairs, (struct fsl_pair){s->ts, tx->ts, true});
	}
	fs_vec_free(&sends);
	return ret;
}

static int bound_by_reading(struct job *j)
{
	return fs_vec_push(&j->pairs, (struct fsl_pair){j->last, j->until, true});
}

static int align(const struct at *a, struct job *j, struct fsl_map *map, char *why, size_t len)
{
	struct fsl_input in;
	int ret = pair_datagrams(j);

	if (!ret && j->vcpus.n)
		ret = bound_by_reading(j);
	if (ret)
		return ret;
	in = (struct fsl_input){
		.vcpus = j->vcpus.v,
		.nvcpus = j->vcpus.n,
		.pairs = j->pairs.v,
		.npairs = j->pairs.n,
	};
	if (j->vcpus.n)
		at_guest_clock(a, j->vm, j->g, j->first, j->last, &in.clock);
	return fsl_align(&in, map, why, len);
}

static int align_once(const struct at *a, struct job *j, struct fsl_map *map, char *why, size_t len)
{
	const struct fsr_guest_data *g = j->g;
	int ret = 0;

	j->first = UINT64_MAX;
	for (size_t i = 0; i < g->nrings && !ret; i++)
		ret = add_ring(j, &g->rings[i], why, len);
	if (!ret)
		ret = align(a, j, map, why, len);
	for (size_t i = 0; i < j->vcpus.n; i++) {
		free((void *)j->vcpus.v[i].spans);
		free((void *)j->vcpus.v[i].events);
	}
	fs_vec_free(&j->vcpus);
	fs_vec_free(&j->pairs);
	return ret;
}

/*
 * Twice: the rings were read some time after the window's end, and what lies after it is not asked
 * for, while the rate's part of the error would grow with it.
 */
int at_guest_align(struct at *a, struct at_vm *vm, const struct fsr_guest_data *g,
		   struct fsl_map *map, char *why, size_t len)
{
	struct job j = {.vm = vm, .g = g, .until = g->done_ns};
	struct fsl_map rough;
	char no[8];
	int ret;

	*map = (struct fsl_map){0};
	if (len)
		why[0] = '\0';
	ret = align_once(a, &j, map, why, len);
	if (ret && len && !why[0])
		fs_errf(why, len, ret, "aligning the guest's clock: %s", strerror(-ret));
	if (ret)
		return ret;
	rough = *map;
	j.rough = &rough;
	ret = align_once(a, &j, map, no, sizeof(no));
	if (ret || map->error_ns > rough.error_ns)
		*map = rough;
	return ret == -ENOMEM ? ret : 0;
}

const char *at_guest_limits(const struct fsl_map *map, char *buf, size_t len)
{
	static const char *const names[] = {
		[FSL_L_NONE] = "the rate's bound",
		[FSL_L_CONTAINMENT] = "when its vCPU was in guest mode",
		[FSL_L_PAIRS] = "a datagram's transit",
		[FSL_L_CLOCK] = "the VM's clock",
	};
	bool same = map->low_by == map->high_by;
	int n = snprintf(buf, len, "%s%s%s%s", names[map->low_by], same ? "" : " below, ",
			 same ? "" : names[map->high_by], same ? "" : " above");

	if (!map->clock_used && n > 0 && (size_t)n < len)
		snprintf(buf + n, len - (size_t)n, "; no clock data: %s", map->clock_why);
	return buf;
}
