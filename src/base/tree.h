/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FORKSCOPE_TREE_H
#define FORKSCOPE_TREE_H

/*
 * Removes the folder @path with all that is in it. Links are removed, not followed, and nothing
 * behind a mount point is touched.
 */
void fs_remove_tree(const char *path);

#endif
