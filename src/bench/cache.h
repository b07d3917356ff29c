/* SPDX-License-Identifier: BSD-2-Clause */
/* The page cache of a file: emptied, filled, counted. */
#ifndef FORKSCOPE_BENCH_CACHE_H
#define FORKSCOPE_BENCH_CACHE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include "base/ranges.h"

/*
 * Writes back and drops what the page cache has of this file. Pages that a process maps stay.
 * Returns 0 or a negative errno.
 */
int fs_cache_drop(int fd);

/*
 * Why pages of the file may stay when they are dropped, as the end of a sentence: they are in use;
 * of a file of an overlay also those that are not written back yet, for fdatasync() does not get to
 * the lower file.
 */
const char *fs_cache_why_kept(int fd);

/*
 * Bytes of this range that are in the page cache, counted by cachestat() where that was seen to
 * count this file's pages (its first page is read once for that, and dropped again if it was not
 * there), else by mincore(); of a file on hugetlbfs by what is allocated. Returns 0 and @bytes, or
 * a negative errno: -EPERM where the kernel answers only the owner, or who may write the file.
 */
int fs_cache_resident(int fd, const struct fs_range *r, uint64_t *bytes);

/*
 * The same of a file on hugetlbfs, by its stat(2): what is allocated there is in memory, and
 * mincore() sees only what a mapping of its own touched. -EOPNOTSUPP for a part of a file that has
 * holes.
 */
int fs_cache_of_hugetlb(const struct stat *st, const struct fs_range *r, uint64_t *bytes);

#endif
