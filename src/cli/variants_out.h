/* SPDX-License-Identifier: BSD-2-Clause */
/* The variants of an experiment side by side, on stdout: for report and bench. */
#ifndef FORKSCOPE_CLI_VARIANTS_H
#define FORKSCOPE_CLI_VARIANTS_H

#include <stdint.h>
#include "render/view.h"

enum variants_form { VARIANTS_TEXT, VARIANTS_JSON, VARIANTS_CSV };

/* Compares and prints; @seed is of the resampling. Returns an enum fs_exit. */
int variants_to_stdout(const struct fsv_view *v, enum variants_form form, uint64_t seed);

#endif
