// SPDX-License-Identifier: BSD-2-Clause
/* Statistics over the forks of a cohort, always from the forks, never from averages. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attribute/state.h"

#define P95_FROM 20 /* with fewer values the 95th of a hundred is just the largest */

static int by_number(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return a < b ? -1 : a > b;
}

/* Nearest rank: the smallest value that at least @pct of a hundred do not exceed. */
static uint64_t rank(const uint64_t *v, size_t n, unsigned int pct)
{
	return v[(n * pct + 99) / 100 - 1];
}

struct fsa_dist at_dist(uint64_t *v, size_t n)
{
	struct fsa_dist d = {.n = n, .avg = NAN, .p50 = UINT64_MAX, .max = UINT64_MAX};
	double sum = 0;
	size_t finite = 0;

	if (!n)
		return d;
	qsort(v, n, sizeof(*v), by_number);
	for (; finite < n && v[finite] != UINT64_MAX; finite++)
		sum += (double)v[finite];
	if (finite)
		d.avg = sum / (double)finite;
	d.p50 = rank(v, n, 50);
	d.p95 = n >= P95_FROM ? rank(v, n, 95) : 0;
	d.max = v[n - 1];
	return d;
}

uint64_t at_lost_of(const json_t *stats, uint32_t vm)
{
	json_t *rows = stats ? json_object_get(stats, "lost_vm") : NULL, *row;
	uint64_t lost = 0;
	size_t i;

	json_array_foreach (rows, i, row) {
		json_int_t n = json_integer_value(json_object_get(row, "records")) +
			       json_integer_value(json_object_get(row, "state"));

		if (json_integer_value(json_object_get(row, "vm")) == (json_int_t)vm && n > 0)
			lost += (uint64_t)n;
	}
	return lost;
}

static uint64_t cause_ns(const struct fsa_fork *f, int cause)
{
	uint64_t sum = 0;

	for (int s = 0; s < FSA_NSTAGES; s++)
		sum += f->cells[s][cause].ns;
	return sum;
}

/* Of a fork that did not reach its end only that is known: its parts are left out. */
static size_t complete_parts(const struct fsa_cohort *c, int bucket, int cause, uint64_t *v)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->forks[i]->complete)
			v[n++] = bucket >= 0 ? c->forks[i]->bucket_ns[bucket]
					     : cause_ns(c->forks[i], cause);
	return n;
}

/* Of forks without a guest part the stages are not known. */
static size_t stage_parts(const struct fsa_cohort *c, int stage, uint64_t *v)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct fsa_fork *f = c->forks[i];

		if (!f->complete || !f->guest.used)
			continue;
		v[n] = 0;
		for (int k = 0; k < FSA_NCAUSES; k++)
			v[n] += f->cells[stage][k].ns;
		n++;
	}
	return n;
}

static int fill(struct fsa_cohort *c)
{
	uint64_t *v = calloc(c->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < c->n; i++) {
		v[i] = c->forks[i]->complete ? c->forks[i]->gap_ns : UINT64_MAX;
		c->timed_out += !c->forks[i]->complete;
		c->verdicts[c->forks[i]->verdict]++;
	}
	c->gap = at_dist(v, c->n);
	for (int b = 0; b < FSA_NBUCKETS; b++)
		c->bucket[b] = at_dist(v, complete_parts(c, b, -1, v));
	for (int k = 0; k < FSA_NCAUSES; k++)
		c->cause[k] = at_dist(v, complete_parts(c, -1, k, v));
	for (int s = 0; s < FSA_NSTAGES; s++)
		c->stage[s] = at_dist(v, stage_parts(c, s, v));
	free(v);
	return 0;
}

enum { STEADY, FIRST, LOST, DECODED, NKINDS };

static int kind_of(const struct fsa_fork *f)
{
	if (f->notes & 1u << FSA_N_END_DECODED)
		return DECODED;
	if (f->notes & 1u << FSA_N_MAILBOX_ACK_LOST)
		return LOST;
	return f->notes & 1u << FSA_N_FIRST ? FIRST : STEADY;
}

/* The fork with which the arm of fork @i begins. */
static size_t arm_of(const struct fsa_result *res, size_t i)
{
	size_t k = 0;

	while (strcmp(res->forks[k].arm, res->forks[i].arm))
		k++;
	return k;
}

/*
 * Forks of @arm and @kind, those whose ledger is split by their guest part or those where it is
 * not: "guest (not split)" in the one is spread over four causes in the other, so their means say
 * nothing together.
 */
static int add_cohort(struct fsa_result *res, const char *arm, int kind, bool split,
		      const char *name)
{
	struct fsa_cohort *c = &res->cohorts[res->ncohorts];

	c->forks = calloc(res->nforks + 1, sizeof(*c->forks));
	if (!c->forks)
		return -ENOMEM;
	for (size_t i = 0; i < res->nforks; i++) {
		const struct fsa_fork *f = &res->forks[i];

		if (kind_of(f) == kind && f->guest.used == split && !strcmp(f->arm, arm))
			c->forks[c->n++] = f;
	}
	if (!c->n) {
		free(c->forks);
		c->forks = NULL;
		return 0;
	}
	c->arm = arm;
	snprintf(c->name, sizeof(c->name), "%s%s%s", arm, *arm ? ", " : "", name);
	res->ncohorts++;
	return fill(c);
}

static int cohorts_of_arm(struct fsa_result *res, const char *arm)
{
	static const char *const names[] = {
		[STEADY] = "steady",
		[FIRST] = "first",
		[LOST] = "mailbox ack lost",
		[DECODED] = "mailbox ack lost, decoded",
	};
	char unsplit[48];

	for (int k = 0; k < NKINDS; k++) {
		size_t before = res->ncohorts;
		int ret = add_cohort(res, arm, k, true, names[k]);

		snprintf(unsplit, sizeof(unsplit), "%s%s", names[k],
			 res->ncohorts > before ? ", guest not split" : "");
		ret = ret ? ret : add_cohort(res, arm, k, false, unsplit);
		if (ret)
			return ret;
	}
	return 0;
}

int at_cohorts(struct fsa_result *res)
{
	size_t arms = 0;
	int ret = 0;

	for (size_t i = 0; i < res->nforks; i++)
		arms += arm_of(res, i) == i;
	res->cohorts = calloc(arms * 2 * NKINDS + 1, sizeof(*res->cohorts));
	if (!res->cohorts)
		return -ENOMEM;
	for (size_t i = 0; i < res->nforks && !ret; i++)
		if (arm_of(res, i) == i)
			ret = cohorts_of_arm(res, res->forks[i].arm);
	return ret;
}
