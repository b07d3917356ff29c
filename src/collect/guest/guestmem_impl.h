/* SPDX-License-Identifier: BSD-2-Clause */
/* Between guestmem_open.c (what is mapped where) and guestmem.c (reading it). */
#ifndef FORKSCOPE_GUESTMEM_IMPL_H
#define FORKSCOPE_GUESTMEM_IMPL_H

#include <sys/stat.h>
#include "base/maps.h"
#include "base/vec.h"
#include "collect/guest/guestmem.h"

/* A mapping of the process that holds memory of a slot. */
struct fs_guest_vma {
	struct fs_map map; /* its path is `path` */
	bool tried;
	int fd; /* of its file, -1 */
	struct stat st;
	char *path;
};

struct fs_guestmem {
	pid_t pid;
	int pidfd, pagemap;
	struct fs_slot *slots; /* in the order of gpa */
	size_t nslots;
	FS_VEC(struct fs_guest_vma) vmas;
	struct fsr_mem now, snapshot;
	int file; /* the memory file, where it was given; -1 */
	enum fs_file_order order;
};

/* Sets @g->now and @g->snapshot. */
void fs_guestmem_readers(struct fs_guestmem *g);

#endif
