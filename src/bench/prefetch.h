/* SPDX-License-Identifier: BSD-2-Clause */
/* A prefetch variant: which bytes of the memory file, and how they come into memory. */
#ifndef FORKSCOPE_BENCH_PREFETCH_H
#define FORKSCOPE_BENCH_PREFETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/maps.h"
#include "base/ranges.h"
#include "base/vec.h"
#include "bench/cache.h"

enum fs_prefetch_kind {
	FS_PREFETCH_NONE,
	FS_PREFETCH_MAILBOX,    /* so many bytes with the mailbox in their middle */
	FS_PREFETCH_HEAD,       /* the first bytes */
	FS_PREFETCH_RANGE,      /* from an offset on */
	FS_PREFETCH_WORKINGSET, /* of a file */
	FS_PREFETCH_ALL,
};

/* X(ID, name, what it does): the ways of getting bytes into memory */
#define FS_MECHANISMS(X)                                                                   \
	X(WILLNEED, "willneed", "posix_fadvise(WILLNEED): the kernel reads in background") \
	X(READAHEAD, "readahead", "readahead(2)")                                          \
	X(READ, "read", "plain reads")                                                     \
	X(POPULATE, "populate",                                                            \
	  "one byte of each page read through the VMM's mapping (process_vm_readv)")

enum fs_mechanism {
#define X(id, name, doc) FS_MECH_##id,
	FS_MECHANISMS(X)
#undef X
		FS_MECHANISM_COUNT
};

extern const char *const fs_mechanism_names[FS_MECHANISM_COUNT];

struct fs_prefetch_spec {
	enum fs_prefetch_kind kind;
	char text[40]; /* as it was given: "mailbox:64MiB"; fit for a mark's name */
	uint64_t off, bytes;
};

/* Parses one: none, mailbox:SIZE, head:SIZE, range:OFFSET:SIZE, workingset, all. 0 or -EINVAL. */
int fs_prefetch_parse(const char *text, struct fs_prefetch_spec *s, char *err, size_t len);

/*
 * The ranges of @s in a file of @size bytes, in whole pages. @mailbox is the
 * mailbox's offset, UINT64_MAX = unknown; @workingset the ranges of `workingset`. What is larger
 * than the guest is cut, and *@clamped is set. Returns 0 or a negative errno with a sentence in
 * @err.
 */
int fs_prefetch_ranges(const struct fs_prefetch_spec *s, uint64_t size, uint64_t mailbox,
		       const struct fs_ranges *workingset, struct fs_ranges *out, bool *clamped,
		       char *err, size_t len);

/* How much of them is in the page cache. Returns 0 or a negative errno. */
int fs_ranges_resident(int fd, const struct fs_ranges *r, uint64_t *bytes);

struct fs_prefetch_run {
	enum fs_mechanism how;
	uint64_t rate;             /* bytes a second; 0 = as fast as it goes */
	int fd;                    /* the memory file */
	pid_t vmm;                 /* populate: whose mapping of it */
	const volatile bool *stop; /* looked at between the steps; may be NULL */
	uint64_t done;             /* out: bytes asked for */
	uint64_t missed; /* out: populate: of these, not mapped by the VMM or not readable */
	struct fs_map_file file; /* populate's own; zero at first */
};

/*
 * Brings the ranges into memory. Returns 0 or a negative errno with a sentence in @err:
 * populate: -ENOENT, no page of them could be read through the VMM.
 */
int fs_prefetch_do(struct fs_prefetch_run *p, const struct fs_ranges *ranges, char *err,
		   size_t len);

/* --- populate alone (src/bench/populate.c) --- */

#define FS_PREFETCH_STEP (1ull << 20) /* between two looks at the clock */

/*
 * One byte of each page of @r, at most one step, through process p->vmm's mappings of the file.
 * Adds to p->missed what no mapping has, or what could not be read.
 */
int fs_populate(struct fs_prefetch_run *p, const struct fs_range *r, char *err, size_t len);

#endif
