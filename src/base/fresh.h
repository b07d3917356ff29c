/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that are written anew: never into what stands under their name. */
#ifndef FORKSCOPE_FRESH_H
#define FORKSCOPE_FRESH_H

/*
 * Makes the file @path with mode 0600 and opens it with @flags (O_WRONLY, O_APPEND ...; close on
 * exec). Where a regular file stands it is replaced by a new one, not written into: whoever maps
 * that file (a VM whose memory file was named by mistake), holds it open, or owns it in a shared
 * folder, neither gets to see the new content nor loses the old. A symbolic link is not followed,
 * and devices and pipes are refused. Returns the descriptor or a negative errno: -ELOOP, -EISDIR,
 * -EEXIST (there is something else than a file), or what the kernel says.
 */
int fs_fresh_file(const char *path, int flags);

#endif
