/* SPDX-License-Identifier: BSD-2-Clause */
/* What is kept of a fork's segments when the segments themselves are not: bounded. */
#ifndef FORKSCOPE_DIGEST_H
#define FORKSCOPE_DIGEST_H

#include "attribute/model/model.h"

/*
 * Fills top_tasks and places of @f from its segs (and frees what they held before). Returns 0 or
 * -ENOMEM.
 */
int fsa_digest(struct fsa_fork *f);

#endif
