/* SPDX-License-Identifier: BSD-2-Clause */
/* The arms of an experiment beside each other, on stdout: for report and bench. */
#ifndef FORKSCOPE_CLI_ARMS_H
#define FORKSCOPE_CLI_ARMS_H

#include <stdint.h>
#include "render/view.h"

enum arms_form { ARMS_TEXT, ARMS_JSON, ARMS_CSV };

/* Compares and prints; @seed is of the resampling. Returns an enum fs_exit. */
int arms_to_stdout(const struct fsv_view *v, enum arms_form form, uint64_t seed);

#endif
