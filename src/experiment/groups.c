// SPDX-License-Identifier: BSD-2-Clause
/* Groups the forks of a recording by variant and kind, and finds cohorts and memory files. */
#include "experiment/groups.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attribute/model/population.h"

const char *fsx_kind_name(enum fsx_kind k)
{
	switch (k) {
	case FSX_STEADY:
		return fsa_population_name(FSA_P_STEADY);
	case FSX_FIRST:
		return fsa_population_name(FSA_P_FIRST);
	case FSX_ACK_LOST:
		return fsa_population_name(FSA_P_ACK_LOST);
	case FSX_ACK_LATE:
		return fsa_population_name(FSA_P_ACK_LATE);
	case FSX_CUT:
		return "cut";
	}
	return "?";
}

/* What ends a window that no mailbox ack ended makes no difference here. */
static enum fsx_kind kind_of(const struct fsa_fork *f)
{
	enum fsa_population p = fsa_population_of(f);

	if (!f->complete && f->notes & 1u << FSA_N_CUT)
		return FSX_CUT;
	if (p == FSA_P_ACK_LOST || p == FSA_P_DECODED)
		return FSX_ACK_LOST;
	if (p == FSA_P_ACK_LATE || p == FSA_P_LATE_DECODED)
		return FSX_ACK_LATE;
	return p == FSA_P_FIRST ? FSX_FIRST : FSX_STEADY;
}

/* Whether each fork of @variant is the first of its snapshot. */
static bool all_first(const struct fsa_result *res, const char *variant)
{
	for (size_t i = 0; i < res->nforks; i++)
		if (!strcmp(res->forks[i].variant, variant) &&
		    !(res->forks[i].notes & 1u << FSA_N_FIRST))
			return false;
	return true;
}

struct sort {
	enum fsx_kind kind;
	const struct fsa_fork *only_first; /* where each has its own snapshot; else NULL */
};

static bool is_of(const struct fsa_fork *f, const void *arg)
{
	const struct sort *s = arg;
	enum fsx_kind k = kind_of(f);

	if (k == FSX_FIRST && s->only_first && s->only_first != f)
		k = FSX_STEADY;
	return k == s->kind;
}

/* The groups of the variant that begins with @first. */
static int groups_of_variant(const struct fsa_result *res, const struct fsa_fork *first,
			     struct fsx_groups *g)
{
	bool own_copies = all_first(res, first->variant);

	for (unsigned int k = 0; k < FSX_NKINDS; k++) {
		struct sort s = {.kind = (enum fsx_kind)k, .only_first = own_copies ? first : NULL};
		struct fsx_group *x = &g->v[g->n];
		struct fsa_set set;
		int ret = fsa_choose(res, first->variant, is_of, &s, &set);

		if (ret)
			return ret;
		if (!set.n)
			continue;
		*x = (struct fsx_group){.kind = s.kind, .forks = set.forks, .n = set.n};
		snprintf(x->variant, sizeof(x->variant), "%s", first->variant);
		fsa_set_name(x->name, sizeof(x->name), first->variant, fsx_kind_name(s.kind));
		g->n++;
	}
	return 0;
}

int fsx_groups_make(const struct fsa_result *res, struct fsx_groups *g)
{
	int ret = 0;

	*g = (struct fsx_groups){
		.v = calloc(fsa_count_variants(res) * FSX_NKINDS + 1, sizeof(*g->v))};
	if (!g->v)
		return -ENOMEM;
	for (size_t i = fsa_next_variant(res, 0); i < res->nforks && !ret;
	     i = fsa_next_variant(res, i + 1))
		ret = groups_of_variant(res, &res->forks[i], g);
	if (ret)
		fsx_groups_free(g);
	return ret;
}

void fsx_groups_free(struct fsx_groups *g)
{
	for (size_t i = 0; i < g->n; i++)
		free(g->v[i].forks);
	free(g->v);
	*g = (struct fsx_groups){0};
}

const struct fsx_group *fsx_group_find(const struct fsx_groups *g, const char *variant,
				       enum fsx_kind kind)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->v[i].kind == kind && !strcmp(g->v[i].variant, variant))
			return &g->v[i];
	return NULL;
}

size_t fsx_group_count(const struct fsx_groups *g, const char *variant, enum fsx_kind kind)
{
	const struct fsx_group *x = fsx_group_find(g, variant, kind);

	return x ? x->n : 0;
}

const struct fsa_memory *fsx_memory(const struct fsa_result *res)
{
	static const struct fsa_memory none;

	for (size_t i = 0; i < res->nforks; i++)
		if (res->forks[i].memory.size)
			return &res->forks[i].memory;
	return &none;
}

const struct fsa_memory *fsx_group_memory(const struct fsx_group *g, const struct fsa_result *res)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->forks[i]->complete && g->forks[i]->memory.size)
			return &g->forks[i]->memory;
	return fsx_memory(res);
}

const struct fsa_cohort *fsx_cohort(const struct fsa_result *res, const char *name)
{
	for (size_t i = 0; i < res->ncohorts; i++)
		if (!strcmp(res->cohorts[i].name, name))
			return &res->cohorts[i];
	return NULL;
}
