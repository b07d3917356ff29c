/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing into a memory file, whatever file system it is of. */
#ifndef FORKSCOPE_MAILBOX_STORE_H
#define FORKSCOPE_MAILBOX_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file of huge pages: it knows no write(), its holes are shown as data, and touching one in a
 * mapping takes a huge page of the host for good. read() gives zeros for a hole and takes nothing.
 */
bool fs_mbox_is_hugetlb(int fd);

/*
 * Writes exactly these bytes at @at of @fd, which is open for reading and writing: by pwrite(), on
 * hugetlbfs through a mapping. Returns 0 or a negative errno: -EFAULT, no huge page is there.
 */
int fs_mbox_store(int fd, const void *bytes, size_t len, uint64_t at);

#endif
