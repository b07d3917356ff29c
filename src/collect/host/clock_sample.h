/* SPDX-License-Identifier: BSD-2-Clause */
/* Samples of this host's clocks against its TSC, for the mapping of guests' time. */
#ifndef FORKSCOPE_CLOCKS_H
#define FORKSCOPE_CLOCKS_H

#include <stdbool.h>
#include "bpf/event.h"

/*
 * Reads CLOCK_MONOTONIC and CLOCK_MONOTONIC_RAW between two reads of the TSC, many times on
 * whatever CPU this runs on, and fills the body of @ev from the try with the narrowest bracket.
 * False: the machine has no TSC, or no try stayed on one CPU.
 */
bool fs_clock_sample(struct fs_ev_clock *ev);

#endif
