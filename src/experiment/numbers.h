/* SPDX-License-Identifier: BSD-2-Clause */
/* Medians of whole numbers. */
#ifndef FORKSCOPE_NUMBERS_H
#define FORKSCOPE_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

/* Sorts @v and returns its median by nearest rank, as the report's p50; 0 when @n is 0. */
uint64_t fsx_median(uint64_t *v, size_t n);

#endif
