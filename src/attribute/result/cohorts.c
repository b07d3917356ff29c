// SPDX-License-Identifier: BSD-2-Clause
/* Statistics over the forks of a cohort, always from the forks, never from averages. */
#include "attribute/result/cohorts.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "attribute/model/population.h"
#include "base/sum.h"

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

/* A count of @row, 0 for one that makes no sense. */
static uint64_t count_of(const json_t *row, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(row, key));

	return n > 0 ? (uint64_t)n : 0;
}

static int by_vm(const void *x, const void *y)
{
	const struct at_lost *a = x, *b = y;

	return a->vm < b->vm ? -1 : a->vm > b->vm;
}

int at_lost_load(const json_t *stats, struct at_losses *l)
{
	json_t *rows = stats ? json_object_get(stats, "lost_vm") : NULL, *row;
	size_t i, n = 0;

	*l = (struct at_losses){0};
	json_array_foreach (rows, i, row) {
		struct at_lost e = {.vm = json_integer_value(json_object_get(row, "vm"))};

		e.lost = fs_sum(fs_sum(count_of(row, "records"), count_of(row, "state")),
				count_of(row, "slots"));
		if (fs_vec_push(&l->v, e)) {
			fs_vec_free(&l->v);
			return -ENOMEM;
		}
	}
	if (!l->v.n)
		return 0;
	qsort(l->v.v, l->v.n, sizeof(*l->v.v), by_vm);
	for (i = 1; i < l->v.n; i++) {
		if (l->v.v[i].vm == l->v.v[n].vm)
			l->v.v[n].lost = fs_sum(l->v.v[n].lost, l->v.v[i].lost);
		else
			l->v.v[++n] = l->v.v[i];
	}
	l->v.n = n + 1;
	return 0;
}

uint64_t at_lost_of(const struct at_losses *l, uint32_t vm)
{
	struct at_lost key = {.vm = vm};
	const struct at_lost *e =
		l->v.n ? bsearch(&key, l->v.v, l->v.n, sizeof(*l->v.v), by_vm) : NULL;

	return e ? e->lost : 0;
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

/* Of forks without a guest recording the stages are not known. */
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

/*
 * A population, and in it the forks whose ledger is split by their guest recording or those where
 * it is not: "guest (not split)" in the one is spread over four causes in the other, so their means
 * say nothing together.
 */
struct sort {
	enum fsa_population population;
	bool split;
};

static bool is_of(const struct fsa_fork *f, const void *arg)
{
	const struct sort *s = arg;

	return fsa_population_of(f) == s->population && f->guest.used == s->split;
}

static int add_cohort(struct fsa_result *res, const char *variant, const struct sort *s,
		      const char *name)
{
	struct fsa_cohort *c = &res->cohorts[res->ncohorts];
	struct fsa_set set;
	int ret = fsa_choose(res, variant, is_of, s, &set);

	if (ret || !set.n)
		return ret;
	c->forks = set.forks;
	c->n = set.n;
	c->variant = variant;
	fsa_set_name(c->name, sizeof(c->name), variant, name);
	res->ncohorts++;
	return fill(c);
}

static int cohorts_of_variant(struct fsa_result *res, const char *variant)
{
	char unsplit[48];

	for (unsigned int p = 0; p < FSA_NPOPULATIONS; p++) {
		const char *name = fsa_population_name((enum fsa_population)p);
		struct sort s = {.population = (enum fsa_population)p, .split = true};
		size_t before = res->ncohorts;
		int ret = add_cohort(res, variant, &s, name);

		snprintf(unsplit, sizeof(unsplit), "%s%s", name,
			 res->ncohorts > before ? ", guest not split" : "");
		s.split = false;
		ret = ret ? ret : add_cohort(res, variant, &s, unsplit);
		if (ret)
			return ret;
	}
	return 0;
}

int at_cohorts(struct fsa_result *res)
{
	size_t most = fsa_count_variants(res) * 2 * FSA_NPOPULATIONS;
	int ret = 0;

	res->cohorts = calloc(most + 1, sizeof(*res->cohorts));
	if (!res->cohorts)
		return -ENOMEM;
	for (size_t i = fsa_next_variant(res, 0); i < res->nforks && !ret;
	     i = fsa_next_variant(res, i + 1))
		ret = cohorts_of_variant(res, res->forks[i].variant);
	return ret;
}
