/* SPDX-License-Identifier: BSD-2-Clause */
/* Statistics over all forks, made once all of them are known. */
#ifndef FORKSCOPE_ATTR_COHORTS_H
#define FORKSCOPE_ATTR_COHORTS_H

#include "attribute/state/at.h"

/* Records and spans that the recorder lost, by its STATS: of each VM (0 = of whom is not known). */
struct at_losses {
	FS_VEC(struct at_lost {
		json_int_t vm;
		uint64_t lost;
	})
	v; /* by VM; fs_vec_free() it */
};
int at_lost_load(const json_t *stats, struct at_losses *l); /* 0 or -ENOMEM */
uint64_t at_lost_of(const struct at_losses *l, uint32_t vm);
int at_cohorts(struct fsa_result *res);
/* Statistics of @n values; UINT64_MAX = never reached. Sorts @v. */
struct fsa_dist at_dist(uint64_t *v, size_t n);

/* Notes FSA_N_FIRST: of each snapshot the first fork. 0 or -ENOMEM. */
int at_mark_first(struct at *a);

#endif
