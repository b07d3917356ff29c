// SPDX-License-Identifier: BSD-2-Clause
/* Which forks a view shows, and which symbols name their addresses. */
#include "render/view.h"
#include <string.h>
#include "experiment/groups.h"
#include "guestsyms/ownsyms.h"

bool fsv_shows(const struct fsv_view *v, const struct fsa_fork *f)
{
	const struct fsa_cohort *c;

	if (v->only_fork && f->id != v->only_fork)
		return false;
	if (!v->cohort)
		return true;
	c = fsx_cohort(v->res, v->cohort);
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
