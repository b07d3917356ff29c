/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FORKSCOPE_TREE_H
#define FORKSCOPE_TREE_H

#include <stdbool.h>

/*
 * Removes the folder @path with all that is in it. Links are removed, not followed, and nothing
 * behind a mount point is touched.
 */
void fs_remove_tree(const char *path);

/* Are these two names of one file, links followed? False also where one of them leads nowhere. */
bool fs_names_one_file(const char *a, const char *b);

#endif
