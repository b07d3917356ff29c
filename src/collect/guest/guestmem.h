/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest memory of a VMM from outside: the memory slots that KVM was given, through the VMM's
 * own mapping. Nothing is ever written.
 *
 * Only pages that are present are read out of the process: touching another one from outside could
 * hang on a userfaultfd handler, or change what the fork itself would have had to fault in. What is
 * not present is read from the file that is mapped there, where it is one.
 */
#ifndef FORKSCOPE_GUESTMEM_H
#define FORKSCOPE_GUESTMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "record/guest/ring_parse.h"

#define FS_MAX_SLOTS 1024

/* A memory slot, as in a MEMSLOT record. */
struct fs_slot {
	uint64_t gpa, size, hva; /* bytes */
	uint32_t flags;          /* KVM_MEM_* */
	uint32_t pad;
};

/* Which file is behind a page: two VMs with the same one are forks of one snapshot. */
struct fs_backing {
	uint64_t dev, ino, mtime_ns, size;
};

struct fs_guestmem;

/*
 * Opens the memory of @pid. Returns 0 or a negative errno with a sentence in @why: -ESRCH (the VMM
 * has ended), -EACCES (it may not be read), -ENXIO (its memory is not a normal mapping), -ENOMEM.
 */
int fs_guestmem_open(pid_t pid, const struct fs_slot *slots, size_t n, struct fs_guestmem **out,
		     char why[FSR_WHY]);
void fs_guestmem_close(struct fs_guestmem *g);

/* Memory as it is now: present pages, else the file behind them. Belongs to @g. */
const struct fsr_mem *fs_guestmem_now(const struct fs_guestmem *g);

/* Memory as it was in the snapshot: the file behind a private mapping, or the memory file given. */
const struct fsr_mem *fs_guestmem_snapshot(const struct fs_guestmem *g);

/*
 * The file behind frame @gfn; false when it is not mapped privately from a file, so that what the
 * snapshot held is not to be had from it.
 */
bool fs_guestmem_backing(struct fs_guestmem *g, uint64_t gfn, struct fs_backing *b);

/* How the pages of a memory file follow each other where it is not what is mapped. */
enum fs_file_order {
	FS_ORDER_GPA, /* slot after slot, in the order of guest addresses (Firecracker) */
	FS_ORDER_HVA, /* as they stand in the VMM's memory, from the lowest slot on (QEMU) */
};

/* From here on the snapshot is @fd (which stays the caller's), in that order; -1 = as it was. */
void fs_guestmem_set_file(struct fs_guestmem *g, int fd, enum fs_file_order order);

/* The frame at @offset of the memory file @fd, or UINT64_MAX. */
uint64_t fs_guestmem_frame_at(struct fs_guestmem *g, int fd, uint64_t offset,
			      enum fs_file_order order);

/*
 * Calls @fn with the first @bytes (at most FSG_PAGE) of each present page, anonymous ones
 * (@anon: copied, or written) or those of files, until it returns false. Stops at @until_ns
 * (CLOCK_MONOTONIC) too. Returns the number of pages looked at, or a negative errno.
 */
int64_t fs_guestmem_scan(struct fs_guestmem *g, bool anon, size_t bytes, uint64_t until_ns,
			 bool (*fn)(uint64_t gfn, const void *data, void *arg), void *arg);

/*
 * Has the VMM ended meanwhile, or its memory gone? Then what was read may be another process's, and
 * that nothing was found says nothing.
 */
bool fs_guestmem_ended(const struct fs_guestmem *g);

#endif
