/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory files named by the user (--memfile): where the directories of recorders stand in them, and
 * reading the recorder's pages into the page cache before a fork needs them (--warm-ring).
 */
#ifndef FORKSCOPE_MEMFILE_H
#define FORKSCOPE_MEMFILE_H

#include <stddef.h>
#include <stdint.h>
#include "collect/guest/guestring.h"

/*
 * Opens @path and searches it for directories, page by page, holes left out. What is not in the
 * page cache is read past it (where the file system can), so that a cold file stays cold. Returns 0
 * or a negative errno with a sentence in @err; that none was found is not an error (f->n is 0).
 */
int fs_memfile_open(const char *path, struct fs_memfile *f, char *err, size_t len);
void fs_memfile_close(struct fs_memfile *f);

/*
 * Reads every page of the directories, lists and rings (not symbols) into the page cache. Returns
 * the number of pages, or a negative errno with a sentence: also where the file's order does not
 * fit the frame numbers in it.
 */
int fs_memfile_warm(const struct fs_memfile *f, char *err, size_t len);

#endif
