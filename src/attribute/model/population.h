/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which forks may stand together in statistics: those of one variant and of one population. Cohorts
 * (attribution) and groups (experiments) are both made of this.
 */
#ifndef FORKSCOPE_POPULATION_H
#define FORKSCOPE_POPULATION_H

#include "attribute/model/model.h"

/* X(ENUM, "name"): in the order in which they are shown */
#define FSA_POPULATIONS(X)                      \
	X(STEADY, "steady")                     \
	X(FIRST, "first")                       \
	X(ACK_LOST, "mailbox ack lost")         \
	X(DECODED, "mailbox ack lost, decoded") \
	X(ACK_LATE, "mailbox ack late")         \
	X(LATE_DECODED, "mailbox ack late, decoded")

enum fsa_population {
#define X(e, name) FSA_P_##e,
	FSA_POPULATIONS(X)
#undef X
		FSA_NPOPULATIONS
};
const char *fsa_population_name(enum fsa_population p);
enum fsa_population fsa_population_of(const struct fsa_fork *f);

/*
 * The first fork, from @i on, with which a variant begins: its index, or @res->nforks. So that
 * for (i = fsa_next_variant(res, 0); i < res->nforks; i = fsa_next_variant(res, i + 1)) meets each
 * variant once, in order of their first forks.
 */
size_t fsa_next_variant(const struct fsa_result *res, size_t i);
size_t fsa_count_variants(const struct fsa_result *res);

struct fsa_set {
	const struct fsa_fork **forks; /* in order of resume; NULL = none */
	size_t n;
};

/*
 * The forks of @variant for which @belongs says yes, which the caller frees (set->forks). 0 or
 * -ENOMEM.
 */
int fsa_choose(const struct fsa_result *res, const char *variant,
	       bool (*belongs)(const struct fsa_fork *f, const void *arg), const void *arg,
	       struct fsa_set *set);

/* "vmgenid:none, steady" of a variant and what is chosen of it; without a variant "steady". */
void fsa_set_name(char *buf, size_t len, const char *variant, const char *what);

#endif
