/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the recorders out of guests' memory, VM after VM, and puts it into GUEST and
 * GUEST_BLOB chunks. Remembers where recorders were found, what the rings held at a snapshot, and
 * how far each VM has been read; every place is verified again before it is used.
 *
 * How a directory is found: where one was found before (in this VM, or in any other, as forks of
 * one snapshot have it in one place); where the memory file that was given has it; else by the
 * heads of its rings, which name it, among the pages that the fork has written or that are present.
 */
#ifndef FORKSCOPE_GUESTRING_H
#define FORKSCOPE_GUESTRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "collect/guest/guestmem.h"
#include "record/format.h"

/* A memory file that was named by the user, and where directories stand in it. */
struct fs_memfile {
	int fd;
	uint64_t *offsets;
	size_t n;
};

struct fs_guest_req {
	uint32_t vm, tgid;
	uint32_t last;   /* the last reading of this VM */
	uint32_t behind; /* its end was read already: what follows is taken if it has no gap */
	uint32_t nslots; /* struct fs_slot that follow */
	uint32_t pad;
};

/* What a reading came to, for those who asked. */
struct fs_guest_result {
	uint32_t vm, state; /* enum fsr_guest_state */
	uint64_t records, lost, partial;
	uint64_t ns;           /* that it took */
	uint64_t blobs_failed; /* META or SYMBOLS that were wanted and could not be read */
	char why[FSR_WHY];
};

struct fs_guestring;

/* @files are kept by reference; NULL without memory. */
struct fs_guestring *fs_guestring_new(const struct fs_memfile *files, size_t nfiles);

/*
 * Reads one VM; hands the payload of each chunk that comes of it to @put, which returns 0 or a
 * negative errno. Returns what @put returned, or -ENOMEM; whatever is wrong with the VM is in
 * @res and in the chunk.
 */
int fs_guestring_read(struct fs_guestring *r, const struct fs_guest_req *req,
		      const struct fs_slot *slots,
		      int (*put)(enum fsr_chunk_type type, const void *data, size_t bytes,
				 void *arg),
		      void *arg, struct fs_guest_result *res);
void fs_guestring_free(struct fs_guestring *r);

#endif
