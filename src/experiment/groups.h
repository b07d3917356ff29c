/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forks that may stand together in statistics: of one variant (mark arm:NAME), and either steady,
 * or the first of its population, or with a window that another moment ends.
 */
#ifndef FORKSCOPE_GROUPS_H
#define FORKSCOPE_GROUPS_H

#include "attribute/model/model.h"

enum fsx_kind { FSX_STEADY, FSX_FIRST, FSX_ACK_LOST, FSX_ACK_LATE, FSX_CUT };
#define FSX_NKINDS (FSX_CUT + 1)
/* "steady", "first", "mailbox ack lost", "mailbox ack late", "cut" */
const char *fsx_kind_name(enum fsx_kind k);

struct fsx_group {
	char name[96]; /* "vmgenid:none, steady"; without variants "steady" */
	char variant[64];
	enum fsx_kind kind;
	const struct fsa_fork **forks; /* in order of resume */
	size_t n;
};

struct fsx_groups {
	struct fsx_group *v; /* variants in order of their first forks; kinds in their order */
	size_t n;
};

/*
 * Groups the forks of @res (borrowed: it must outlive them). First is the first fork of each
 * snapshot and variant; where every fork has a snapshot of its own (private copies of the memory
 * file), the first of the variant alone. A fork that the end of the recording cut is of its own
 * kind: it is neither endless nor has it a gap. 0 or -ENOMEM.
 */
int fsx_groups_make(const struct fsa_result *res, struct fsx_groups *g);
void fsx_groups_free(struct fsx_groups *g);

/* The group of @variant and @kind, or NULL. */
const struct fsx_group *fsx_group_find(const struct fsx_groups *g, const char *variant,
				       enum fsx_kind kind);
/* How many forks are in it. */
size_t fsx_group_count(const struct fsx_groups *g, const char *variant, enum fsx_kind kind);

/* The memory file of the forks: of the first that has one; all zeroes where none has. */
const struct fsa_memory *fsx_memory(const struct fsa_result *res);
/* The same of a group: of its first complete fork that has one, else of any fork. */
const struct fsa_memory *fsx_group_memory(const struct fsx_group *g, const struct fsa_result *res);

/* The cohort of that name, or NULL. */
const struct fsa_cohort *fsx_cohort(const struct fsa_result *res, const char *name);

#endif
