// SPDX-License-Identifier: BSD-2-Clause
/* Sums over the cells of a fork's ledger, which are by stage and cause. */
#include "experiment/cells.h"

enum fsa_stage fsx_main_stage(const struct fsa_fork *f, enum fsa_cause c)
{
	unsigned int best = FSA_S_GUEST;

	for (unsigned int s = 0; s < FSA_NSTAGES; s++)
		if (f->cells[s][c].ns > f->cells[best][c].ns)
			best = s;
	return (enum fsa_stage)best;
}

uint64_t fsx_cause_ns(const struct fsa_fork *f, enum fsa_cause c)
{
	uint64_t ns = 0;

	for (unsigned int s = 0; s < FSA_NSTAGES; s++)
		ns += f->cells[s][c].ns;
	return ns;
}

uint64_t fsx_cause_count(const struct fsa_fork *f, enum fsa_cause c)
{
	uint64_t n = 0;

	for (unsigned int s = 0; s < FSA_NSTAGES; s++)
		n += f->cells[s][c].count;
	return n;
}

uint64_t fsx_stage_ns(const struct fsa_fork *f, enum fsa_stage s)
{
	uint64_t ns = 0;

	for (unsigned int c = 0; c < FSA_NCAUSES; c++)
		ns += f->cells[s][c].ns;
	return ns;
}
