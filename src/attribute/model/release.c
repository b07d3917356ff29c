// SPDX-License-Identifier: BSD-2-Clause
/* Frees a result, and the forks in it. */
#include <stdlib.h>
#include "attribute/model/model.h"

void fsa_fork_free(struct fsa_fork *f)
{
	for (size_t i = 1; i < f->nlabels; i++)
		free(f->labels[i]);
	free(f->labels);
	free(f->segs);
	free(f->phases);
	free(f->acks);
	free(f->milestones);
	free(f->top_faults);
	free(f->top_exits);
	free(f->path_faults);
	free(f->touches);
	free(f->top_tasks);
	free(f->places);
}

void fsa_free(struct fsa_result *res)
{
	if (!res)
		return;
	for (size_t i = 0; i < res->nforks; i++)
		fsa_fork_free(&res->forks[i]);
	for (size_t i = 0; i < res->ncohorts; i++)
		free(res->cohorts[i].forks);
	for (size_t i = 0; i < res->ntexts; i++)
		free(res->texts[i]);
	free(res->texts);
	free(res->forks);
	free(res->cohorts);
	free(res->vms);
	free(res);
}
