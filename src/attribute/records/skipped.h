/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs of the recorder's programs that the kernel skipped. */
#ifndef FORKSCOPE_ATTR_SKIPPED_H
#define FORKSCOPE_ATTR_SKIPPED_H

#include "attribute/state/at.h"

int at_missed_load(struct at *a); /* once, before the first record */
/*
 * The first stretch of [*t0, *t1) on @cpu in which something of @kind (AT_MISS_*) is missing:
 * narrows it to that. Returns false when there is none.
 */
bool at_missing(const struct at *a, int kind, uint32_t cpu, uint64_t *t0, uint64_t *t1);
/* Was anything missed in [t0, t1), on whatever CPU? */
bool at_missing_in(const struct at *a, uint64_t t0, uint64_t t1);

#endif
