/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "With this prefetch the gap is shorter": forks without it (a, the baseline) against forks with
 * it (b). Whether that is so, whether it could have been seen, where the time went, and where else
 * it may have gone.
 */
#ifndef FORKSCOPE_ABTEST_H
#define FORKSCOPE_ABTEST_H

#include "experiment/ceiling.h"
#include "stats/stats.h"

/* One variant: its steady forks, and how many of it are left out of the test. */
struct fsx_test_variant {
	char name[96];
	const struct fsa_fork *const *forks;
	size_t n;
	size_t first, ack_lost, ack_late, cut; /* left out */
};

/* A number of the two variants next to the gap. */
struct fsx_compared {
	size_t na, nb; /* forks that have it */
	double median_a, median_b;
	double more; /* shift b - a; NaN: one side has none */
	double p;    /* rank test; 1: one side has none */
};

/* Means over the forks that reached their end. */
struct fsx_part {
	double a, b; /* ns */
};

/* Of the pages that were prefetched for a fork of b, means over those that reached their end. */
struct fsx_pages {
	size_t forks;
	uint64_t pages;  /* in the ranges */
	double used;     /* touched in the window, and had not to be fetched */
	double too_late; /* touched in the window, and had to be fetched all the same */
	double later;    /* touched after the window, while the fork was watched */
	double never;
};

struct fsx_abtest {
	struct fsx_test_variant a, b;
	struct fss_test test;
	struct fsx_part bucket[FSA_NBUCKETS], cause[FSA_NCAUSES];
	/* did the variants differ? */
	struct fsx_compared resident; /* pages resident at the resume, where that was reported */
	struct fsx_compared fetched;  /* faults of the path that had to fetch a page */
	struct fsx_compared served;   /* faults of the path that the page cache served */
	/* moved work, ns */
	struct fsx_compared before;   /* from the VMM's start to the resume */
	struct fsx_compared after;    /* from the window's end to the last ack */
	struct fsx_compared prefetch; /* how long the prefetch took, where that was reported */
	/* of a hypothesis; has_set false: none was given */
	bool has_set;
	enum fsx_mechanism mechanism;
	struct fsx_pages pages;
	struct fsx_group_ceiling ceiling; /* of the variant a */
};

/*
 * Tests @a against @b. @h (FSX_RANGES, or NULL) is what was prefetched, by @m; @left is of a's
 * recording. @delta ns, < 0: 5 % of a's median. 0, -EINVAL (a variant without forks) or -ENOMEM.
 */
int fsx_abtest_make(const struct fsx_test_variant *a, const struct fsx_test_variant *b,
		    const struct fsx_hypothesis *h, enum fsx_mechanism m,
		    const struct fsx_left *left, double delta, uint64_t seed, struct fsx_abtest *t);

/*
 * Whether what was resident at the resume, or what had to be fetched, differs (p < 0.05): a
 * prefetch in parallel with the fork shows in the latter alone. For a mechanism that fills page
 * tables also whether what the page cache served does.
 */
bool fsx_abtest_differ(const struct fsx_abtest *t);
/* Whether the variant b spends more time outside the window, or is reported to have prefetched. */
bool fsx_abtest_moved(const struct fsx_abtest *t);
/* Whether the gain's interval lies above the ceiling: then one of the two is wrong. */
bool fsx_abtest_above_ceiling(const struct fsx_abtest *t);

/* The verdict's reason, a sentence without an end. Returns @buf. */
char *fsx_abtest_reason(const struct fsx_abtest *t, char *buf, size_t len);

#endif
