// SPDX-License-Identifier: BSD-2-Clause
#include "render/view.h"
#include <string.h>
#include "guestsyms/ownsyms.h"

const struct fsa_cohort *fsv_cohort(const struct fsv_view *v, const char *name)
{
	for (size_t i = 0; i < v->res->ncohorts; i++)
		if (!strcmp(v->res->cohorts[i].name, name))
			return &v->res->cohorts[i];
	return NULL;
}

bool fsv_shows(const struct fsv_view *v, const struct fsa_fork *f)
{
	const struct fsa_cohort *c;

	if (v->only_fork && f->id != v->only_fork)
		return false;
	if (!v->cohort)
		return true;
	c = fsv_cohort(v, v->cohort);
	for (size_t i = 0; c && i < c->n; i++)
		if (c->forks[i] == f)
			return true;
	return false;
}

const struct fsy_syms *fsv_guest_syms(const struct fsv_view *v, const struct fsa_fork *f)
{
	const struct fsy_own_table *t;

	if (v->guest)
		return v->guest;
	t = fsy_own_of(v->own, f);
	return t ? t->syms : NULL;
}
