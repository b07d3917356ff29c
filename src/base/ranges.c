// SPDX-License-Identifier: BSD-2-Clause
/* Ranges of bytes of a file: their sum, their end. */
#include "base/ranges.h"
#include "base/vec.h"

uint64_t fs_ranges_bytes(const struct fs_ranges *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->n; i++)
		sum += r->v[i].size;
	return sum;
}

void fs_ranges_free(struct fs_ranges *r)
{
	fs_vec_free(r);
}
