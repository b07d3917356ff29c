// SPDX-License-Identifier: BSD-2-Clause
/* The sums over the forks of one graph. */
#include "experiment/cells.h"
#include "render/format_values.h"
#include "render/svg/svg_parts.h"

const struct fsa_fork *svg_member(const struct svg *g, size_t i)
{
	size_t k = 0;

	if (g->fork)
		return i ? NULL : g->fork;
	for (size_t j = 0; j < g->cohort->n; j++)
		if (g->cohort->forks[j]->complete && k++ == i)
			return g->cohort->forks[j];
	return NULL;
}

uint64_t svg_bucket_ns(const struct svg *g, enum fsa_bucket b)
{
	uint64_t ns = 0;

	for (size_t i = 0; i < g->n; i++)
		ns += svg_member(g, i)->bucket_ns[b];
	return ns;
}

uint64_t svg_cause_ns(const struct svg *g, enum fsa_cause c)
{
	uint64_t ns = 0;

	for (size_t i = 0; i < g->n; i++)
		ns += fsx_cause_ns(svg_member(g, i), c);
	return ns;
}

uint64_t svg_cause_count(const struct svg *g, enum fsa_cause c)
{
	uint64_t n = 0;

	for (size_t i = 0; i < g->n; i++)
		n += fsx_cause_count(svg_member(g, i), c);
	return n;
}

uint64_t svg_total_ns(const struct svg *g)
{
	uint64_t ns = 0;

	for (size_t i = 0; i < g->n; i++)
		ns += svg_member(g, i)->gap_ns;
	return ns;
}
