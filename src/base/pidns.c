// SPDX-License-Identifier: BSD-2-Clause
/* Finds out whether this process is in the first PID namespace. */
#include "base/pidns.h"
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define FIRST_INODE 0xEFFFFFFCu /* the kernel's PROC_PID_INIT_INO */

int fs_pidns_is_first(const char *proc)
{
	struct stat st;
	char path[300];

	snprintf(path, sizeof(path), "%s/self/ns/pid", proc);
	return stat(path, &st) ? -errno : st.st_ino == FIRST_INODE;
}
