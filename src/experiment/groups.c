// SPDX-License-Identifier: BSD-2-Clause
#include "experiment/groups.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NKINDS (FSX_CUT + 1)

const char *fsx_kind_name(enum fsx_kind k)
{
	static const char *const names[] = {[FSX_STEADY] = "steady",
					    [FSX_FIRST] = "first",
					    [FSX_ACK_LOST] = "mailbox ack lost",
					    [FSX_CUT] = "cut"};

	return k <= FSX_CUT ? names[k] : "?";
}

static bool noted(const struct fsa_fork *f, enum fsa_note n)
{
	return f->notes & 1u << n;
}

static enum fsx_kind kind_of(const struct fsa_fork *f)
{
	if (!f->complete && noted(f, FSA_N_CUT))
		return FSX_CUT;
	if (noted(f, FSA_N_MAILBOX_ACK_LOST))
		return FSX_ACK_LOST;
	return noted(f, FSA_N_FIRST) ? FSX_FIRST : FSX_STEADY;
}

/* Whether each fork of @arm is the first of its snapshot. */
static bool all_first(const struct fsa_result *res, const char *arm)
{
	for (size_t i = 0; i < res->nforks; i++)
		if (!strcmp(res->forks[i].arm, arm) && !noted(&res->forks[i], FSA_N_FIRST))
			return false;
	return true;
}

static int add_group(const struct fsa_result *res, const char *arm, enum fsx_kind kind,
		     struct fsx_groups *g)
{
	struct fsx_group *x = &g->v[g->n];
	bool own_copies = all_first(res, arm), seen = false;

	*x = (struct fsx_group){.kind = kind};
	x->forks = calloc(res->nforks + 1, sizeof(*x->forks));
	if (!x->forks)
		return -ENOMEM;
	for (size_t i = 0; i < res->nforks; i++) {
		const struct fsa_fork *f = &res->forks[i];
		enum fsx_kind k = kind_of(f);

		if (strcmp(f->arm, arm))
			continue;
		if (own_copies && k == FSX_FIRST && seen)
			k = FSX_STEADY;
		seen = true;
		if (k == kind)
			x->forks[x->n++] = f;
	}
	if (!x->n) {
		free(x->forks);
		return 0;
	}
	snprintf(x->arm, sizeof(x->arm), "%s", arm);
	snprintf(x->name, sizeof(x->name), "%s%s%s", arm, *arm ? ", " : "", fsx_kind_name(kind));
	g->n++;
	return 0;
}

static bool first_of_arm(const struct fsa_result *res, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(res->forks[k].arm, res->forks[i].arm))
			return false;
	return true;
}

int fsx_groups_make(const struct fsa_result *res, struct fsx_groups *g)
{
	size_t arms = 0;
	int ret = 0;

	for (size_t i = 0; i < res->nforks; i++)
		arms += first_of_arm(res, i);
	*g = (struct fsx_groups){.v = calloc(arms * NKINDS + 1, sizeof(*g->v))};
	if (!g->v)
		return -ENOMEM;
	for (size_t i = 0; i < res->nforks && !ret; i++)
		for (unsigned int k = 0; first_of_arm(res, i) && k < NKINDS && !ret; k++)
			ret = add_group(res, res->forks[i].arm, (enum fsx_kind)k, g);
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

const struct fsx_group *fsx_group_find(const struct fsx_groups *g, const char *arm,
				       enum fsx_kind kind)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->v[i].kind == kind && !strcmp(g->v[i].arm, arm))
			return &g->v[i];
	return NULL;
}
