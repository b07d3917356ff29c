// SPDX-License-Identifier: BSD-2-Clause
/* The median of whole numbers. */
#include "experiment/numbers.h"
#include <stdlib.h>

static int ascending(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return a < b ? -1 : a > b;
}

uint64_t fsx_median(uint64_t *v, size_t n)
{
	if (!n)
		return 0;
	qsort(v, n, sizeof(*v), ascending);
	return v[(n + 1) / 2 - 1];
}
