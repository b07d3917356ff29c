/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A path that is free for one process: a mount namespace in which it does not exist, and all that
 * lies next to it does. For VMMs that bind a socket at a path that is baked into their snapshot.
 */
#ifndef FORKSCOPE_VMM_COVER_H
#define FORKSCOPE_VMM_COVER_H

#include <stddef.h>

struct fs_cover {
	int ns, root, cwd; /* where the thread was */
};

/*
 * Moves the calling thread into a mount namespace of its own, in which @path does not exist: its
 * folder is a new one that holds whatever else the folder has, as bind mounts. What is made in it
 * is seen there alone. The thread's other look-ups find the same files as before. Returns 0 or a
 * negative errno with a sentence in @err; then the thread is where it was.
 */
int fs_cover_enter(struct fs_cover *c, const char *path, char *err, size_t len);

/*
 * Moves the thread back; what it has started stays there. Returns 0 or a negative errno with a
 * sentence in @err.
 */
int fs_cover_leave(struct fs_cover *c, char *err, size_t len);

#endif
