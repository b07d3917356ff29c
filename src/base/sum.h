/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums of what recordings and users give: where one does not fit, it is the largest number. */
#ifndef FORKSCOPE_SUM_H
#define FORKSCOPE_SUM_H

#include <stdint.h>

/* @a + @b, or UINT64_MAX. Of a time and a duration (ns): never a moment before that time. */
static inline uint64_t fs_sum(uint64_t a, uint64_t b)
{
	return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

#endif
