/* SPDX-License-Identifier: BSD-2-Clause */
/* Ranges of bytes of a file. */
#ifndef FORKSCOPE_BASE_RANGES_H
#define FORKSCOPE_BASE_RANGES_H

#include <stddef.h>
#include <stdint.h>

/* The kernel's struct cachestat_range is the same. */
struct fs_range {
	uint64_t offset, size; /* bytes */
};

struct fs_ranges { /* an FS_VEC; {0} is empty */
	struct fs_range *v;
	size_t n, cap;
};

uint64_t fs_ranges_bytes(const struct fs_ranges *r);
void fs_ranges_free(struct fs_ranges *r);

#endif
