/* SPDX-License-Identifier: BSD-2-Clause */
/* The pages that forks touch in their windows: which, in what order, and how alike forks are. */
#ifndef FORKSCOPE_WORKSET_H
#define FORKSCOPE_WORKSET_H

#include "attribute/model/model.h"
#include "experiment/range_lists.h"

struct fsx_page {
	uint64_t offset; /* in the memory file, bytes */
	uint32_t forks;  /* how many touched it */
	uint64_t at_ns;  /* median over them of when, since the window's start */
};

struct fsx_workset {
	struct fsx_page *pages; /* in the order of at_ns */
	size_t n;
	size_t forks; /* that were looked at: those that reached their end */
	/* by number of forks, index 1 to forks: */
	uint64_t *by_forks; /* pages that exactly so many touched */
	uint64_t *common;   /* pages that each of the first so many touched: how the set decays */
	uint64_t *any;      /* pages that any of the first so many touched */
	uint64_t nowhere;   /* pages touched that are not in the memory file, sum over forks */
	uint64_t other;     /* of these, pages that are in other files of the guest's memory */
};

/* Needs a result made with opts.keep_faults. 0 or -ENOMEM. */
int fsx_workset_make(const struct fsa_fork *const *forks, size_t n, struct fsx_workset *w);
void fsx_workset_free(struct fsx_workset *w);

/*
 * The pages that at least @min_forks touched as ranges, in the order of their first touch: pages
 * closer than @gap bytes to a range (0: adjacent ones) become part of it, with what lies between.
 * @at (may be NULL) gets the time of each range's first page, the caller frees it. 0 or -ENOMEM.
 */
int fsx_workset_ranges(const struct fsx_workset *w, size_t min_forks, uint64_t gap,
		       struct fs_ranges *out, uint64_t **at);

/* Pages that at least @min_forks touched. */
size_t fsx_workset_pages(const struct fsx_workset *w, size_t min_forks);

/* When (ns since the start) @share of the pages that at least @min_forks touched had been. */
uint64_t fsx_workset_by_then(const struct fsx_workset *w, size_t min_forks, double share);

#endif
