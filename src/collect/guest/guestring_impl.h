/* SPDX-License-Identifier: BSD-2-Clause */
/* Between guestring_find.c (where a recorder is, and where its rings stood) and guestring.c. */
#ifndef FORKSCOPE_GUESTRING_IMPL_H
#define FORKSCOPE_GUESTRING_IMPL_H

#include <stdio.h>
#include "base/vec.h"
#include "collect/guest/guestring.h"

#define FS_MAX_KNOWN 16 /* places of directories that are remembered */

/* What the rings of a recorder held when a snapshot was made. */
struct fs_ring_snapshot {
	struct fs_backing file;
	uint8_t id[16];
	struct fsr_ring_pos pos[FSG_MAX_PARTS];
};

struct fs_ring_vm {
	uint32_t vm;
	uint64_t gfn; /* of its directory */
	uint8_t id[16];
	bool begun;                             /* a reading of it was READ */
	struct fsr_ring_pos pos[FSG_MAX_PARTS]; /* how far its rings have been read */
	uint64_t waited_ns;                     /* for programs that had begun a record */
	bool blobs_tried;                       /* META and SYMBOLS: once in each VM */
};

/* Which blobs of an arming were handed on: 1 << enum fsg_part_kind. */
struct fs_ring_blobs {
	uint8_t id[16];
	uint32_t kinds;
};

struct fs_guestring {
	const struct fs_memfile *files;
	size_t nfiles;
	uint64_t known[FS_MAX_KNOWN]; /* frames, the latest first */
	size_t nknown;
	FS_VEC(struct fs_ring_vm) vms;
	FS_VEC(struct fs_ring_snapshot) snapshots;
	FS_VEC(struct fs_backing) without; /* snapshots in whose forks no recorder was found */
	FS_VEC(struct fs_ring_blobs) blobs;
};

/* One reading on its way. */
struct fs_reading {
	struct fs_guestring *r;
	struct fs_guestmem *mem;
	const struct fs_guest_req *req;
	struct fs_ring_vm *vm;
	struct fsr_layout l;
	bool found;
	struct fsr_guest head;
	struct fsr_bytes payload;
	struct fs_guest_result *res;
};

/* The state of the reading, and why. */
#define fs_reading_state(g, s, ...)                                          \
	do {                                                                 \
		(g)->head.state = (s);                                       \
		snprintf((g)->head.why, sizeof((g)->head.why), __VA_ARGS__); \
	} while (0)

/*
 * Finds the directory of the recorder and loads it (@g->found, @g->l), or reports why there is
 * none. Returns 0 or an error of the memory.
 */
int fs_guestring_find(struct fs_reading *g);

/* Remembers that a directory was found at @gfn. */
void fs_guestring_remember(struct fs_guestring *r, uint64_t gfn);

/* Where the rings stood in the snapshot: @g->vm->pos; or reports why that is not known. */
void fs_guestring_find_heads(struct fs_reading *g);

#endif
