/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums over the cells of a fork's ledger: nanoseconds and counts by cause and by stage. */
#ifndef FORKSCOPE_EXPERIMENT_CELLS_H
#define FORKSCOPE_EXPERIMENT_CELLS_H

#include "attribute/model/model.h"

/* The stage that holds most of the cause's time in @f: where the cause belongs for a bucket. */
enum fsa_stage fsx_main_stage(const struct fsa_fork *f, enum fsa_cause c);

uint64_t fsx_cause_ns(const struct fsa_fork *f, enum fsa_cause c);
uint64_t fsx_cause_count(const struct fsa_fork *f, enum fsa_cause c);
uint64_t fsx_stage_ns(const struct fsa_fork *f, enum fsa_stage s);

#endif
