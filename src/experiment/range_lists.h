/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Byte ranges of a memory file: what a prefetch brings, in the order in which it does. Files and
 * arguments are the user's: every length is bounded, at most FSX_MAX_RANGES are taken.
 */
#ifndef FORKSCOPE_EXPERIMENT_RANGES_H
#define FORKSCOPE_EXPERIMENT_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/ranges.h"

#define FSX_MAX_RANGES (1u << 22)
#define FSX_MAX_FILE   (64u << 20) /* bytes of a file of ranges */
#define FSX_PAGE       4096u

/*
 * Appends what the text says: ranges "OFFSET LENGTH" or "OFFSET+LENGTH", one on a line or divided
 * by commas; numbers are bytes in decimal or 0x..., or sizes as 64MiB; # begins a comment. Returns
 * 0, -EINVAL, -E2BIG or -ENOMEM with a sentence in @err.
 */
int fsx_ranges_text(const char *text, size_t len, struct fs_ranges *r, char *err, size_t err_len);

/*
 * The same of a hot-page list: "HPL1", then as unsigned LEB128 (Go's uvarint) the number of pages
 * and for each the index of its memory region and the offset of the page in it. Regions are the
 * mappings that a VMM gives its userfaultfd handler; only region 0, which begins where the memory
 * file does, is taken: -ENOTSUP for others.
 */
#define FSX_HPL_MAGIC "HPL1"
int fsx_ranges_hpl(const void *data, size_t len, struct fs_ranges *r, char *err, size_t err_len);

/* What --ranges says: the path of a file in either format, or the text itself. */
int fsx_ranges_load(const char *arg, struct fs_ranges *r, char *err, size_t err_len);

/* Whole pages, sorted, disjoint: for fsx_ranges_have(), and so that fs_ranges_bytes() counts each
 * once. */
void fsx_ranges_tidy(struct fs_ranges *r);
bool fsx_ranges_have(const struct fs_ranges *tidy, uint64_t offset);
/* Leaves out what lies at or beyond @size bytes, which are those of the memory file; 0: not known.
 */
void fsx_ranges_cut(struct fs_ranges *r, uint64_t size);

/* Writers of the two formats, in the order of @r; errors are the stream's. */
void fsx_ranges_write(const struct fs_ranges *r, FILE *out);
/*
 * @regions[@n]: the memory regions as ranges of the file, in the order of their indices; n 0: the
 * file is region 0. Returns 0, or -ERANGE and *@bad, the offset of a page that lies in none: then
 * nothing was written. @out NULL: it only looks.
 */
int fsx_ranges_write_hpl(const struct fs_ranges *r, const struct fs_range *regions, size_t n,
			 FILE *out, uint64_t *bad);

#endif
