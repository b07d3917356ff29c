/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that are written anew: never into what stands under their name. */
#ifndef FORKSCOPE_FRESH_H
#define FORKSCOPE_FRESH_H

/*
 * Makes the file @path with mode 0600 and opens it with @flags (O_WRONLY, O_APPEND ...; close on
 * exec). Where a regular file stands it is replaced by a new one, not written into: whoever maps
 * that file, holds it open, or owns it in a shared folder, neither gets to see the new content nor
 * loses the old. It is replaced only if it is empty or begins as one that was written here before:
 * with one of the texts @begins (NULL-terminated); no list: with text, of any kind. So the memory
 * or the state of a snapshot is not lost when it is named by mistake. A symbolic link is not
 * followed, and devices and pipes are refused.
 *
 * Returns the descriptor or a negative errno: -ELOOP, -EISDIR, -EEXIST (there is something else
 * than a file), -EMEDIUMTYPE (a file that begins otherwise), or what the kernel says.
 */
int fs_fresh_file(const char *path, int flags, const char *const *begins);

/* Would it be refused because of what is there? Returns 0 or the errno of fs_fresh_file(). */
int fs_fresh_check(const char *path, const char *const *begins);

/* The reason of such an errno, for people. */
const char *fs_fresh_why(int err);

#endif
