/* SPDX-License-Identifier: BSD-2-Clause */
/* Attribution: a recording into forks with their ledgers. */
#ifndef FORKSCOPE_ATTRIBUTE_H
#define FORKSCOPE_ATTRIBUTE_H

#include "attribute/model/model.h"

/*
 * Attributes a whole recording in one pass. Returns 0 or a negative errno with a sentence in @err.
 * Memory is bounded by the forks that are open at one time, plus the segments kept for the result.
 */
int fsa_attribute(struct fsr_reader *r, const struct fsa_opts *o, struct fsa_result **out,
		  char *err, size_t err_len);

#endif
