// SPDX-License-Identifier: BSD-2-Clause
/* Which forks may stand together in statistics. */
#include "attribute/model/population.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *fsa_population_name(enum fsa_population p)
{
	static const char *const names[] = {
#define X(e, name) [FSA_P_##e] = name,
		FSA_POPULATIONS(X)
#undef X
	};

	return p < FSA_NPOPULATIONS ? names[p] : "?";
}

enum fsa_population fsa_population_of(const struct fsa_fork *f)
{
	bool decoded = f->notes & 1u << FSA_N_END_DECODED;

	if (f->notes & 1u << FSA_N_MAILBOX_ACK_LATE)
		return decoded ? FSA_P_LATE_DECODED : FSA_P_ACK_LATE;
	if (decoded)
		return FSA_P_DECODED;
	if (f->notes & 1u << FSA_N_MAILBOX_ACK_LOST)
		return FSA_P_ACK_LOST;
	return f->notes & 1u << FSA_N_FIRST ? FSA_P_FIRST : FSA_P_STEADY;
}

size_t fsa_next_variant(const struct fsa_result *res, size_t i)
{
	for (; i < res->nforks; i++) {
		size_t k = 0;

		while (strcmp(res->forks[k].variant, res->forks[i].variant))
			k++;
		if (k == i)
			break;
	}
	return i;
}

size_t fsa_count_variants(const struct fsa_result *res)
{
	size_t n = 0;

	for (size_t i = fsa_next_variant(res, 0); i < res->nforks; i = fsa_next_variant(res, i + 1))
		n++;
	return n;
}

int fsa_choose(const struct fsa_result *res, const char *variant,
	       bool (*belongs)(const struct fsa_fork *f, const void *arg), const void *arg,
	       struct fsa_set *set)
{
	*set = (struct fsa_set){.forks = calloc(res->nforks + 1, sizeof(*set->forks))};
	if (!set->forks)
		return -ENOMEM;
	for (size_t i = 0; i < res->nforks; i++) {
		const struct fsa_fork *f = &res->forks[i];

		if (!strcmp(f->variant, variant) && belongs(f, arg))
			set->forks[set->n++] = f;
	}
	if (!set->n) {
		free(set->forks);
		set->forks = NULL;
	}
	return 0;
}

void fsa_set_name(char *buf, size_t len, const char *variant, const char *what)
{
	snprintf(buf, len, "%s%s%s", variant, *variant ? ", " : "", what);
}
