/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that somebody compressed: nothing can be found in them, and no VM restored from them. */
#ifndef FORKSCOPE_PACKED_H
#define FORKSCOPE_PACKED_H

/* The program that made @fd what it is by its first bytes ("gzip", "zstd", "lz4", "xz"), or NULL.
 */
const char *fs_packed_by(int fd);

#endif
