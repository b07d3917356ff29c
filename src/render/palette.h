/* SPDX-License-Identifier: BSD-2-Clause */
/* The fixed colours of causes and buckets: a cause has one colour in every graph of every run. */
#ifndef FORKSCOPE_PALETTE_H
#define FORKSCOPE_PALETTE_H

#include "attribute/model/model.h"

/* "#rrggbb", light enough for black text. */
const char *fsv_cause_colour(enum fsa_cause c);
const char *fsv_bucket_colour(enum fsa_bucket b);
const char *fsv_stage_colour(enum fsa_stage s);
/* Of the frames inside a cause: the cause's colour, lighter. */
const char *fsv_detail_colour(enum fsa_cause c);

#endif
