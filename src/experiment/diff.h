/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two recordings against each other, cohort by cohort: how much longer the gap and each of its
 * parts are in B than in A, and whether that is more than chance.
 *
 * A difference is b - a, positive where B is longer: the Hodges-Lehmann shift (the median of all
 * differences of a fork of B and a fork of A), its 95 % bootstrap interval and the two-sided
 * Mann-Whitney test (stats/stats.h). It is a finding ("longer", "shorter") when the interval leaves
 * out 0 and p < 0.05, with at least FSS_MIN_N forks on each side.
 *
 * Of the gap, forks without an end are +infinity; of its parts nothing is known of them, so they
 * are left out. Stages are those of the forks whose guest recording was used.
 */
#ifndef FORKSCOPE_EXPERIMENT_DIFF_H
#define FORKSCOPE_EXPERIMENT_DIFF_H

#include "attribute/model/model.h"
#include "stats/stats.h"

enum fsx_diff_kind { FSX_D_GAP, FSX_D_BUCKET, FSX_D_CAUSE, FSX_D_STAGE };
enum fsx_diff_finding { FSX_D_FEW, FSX_D_NONE, FSX_D_SHORTER, FSX_D_LONGER };

struct fsx_diff_row {
	enum fsx_diff_kind kind;
	int which;            /* bucket, cause or stage */
	size_t na, nb;        /* forks */
	double med_a, med_b;  /* ns; +infinity: half of them have no end. NaN: no forks */
	double avg_a, avg_b;  /* of those that have a value */
	double shift, lo, hi; /* b - a, ns. NaN: no forks on one side; lo, hi: too few */
	double p;             /* NaN likewise */
	enum fsx_diff_finding finding;
};

#define FSX_D_ROWS (1 + FSA_NBUCKETS + FSA_NCAUSES + FSA_NSTAGES)

struct fsx_diff_cohort {
	const struct fsa_cohort *a, *b;
	struct fsx_diff_row rows[FSX_D_ROWS]; /* gap, buckets, causes, stages */
};

/* A limit of --fail-on: "gap>5%", "notify>2ms". */
struct fsx_limit {
	char what[40];
	enum fsx_diff_kind kind;
	int which;
	double percent; /* of A's median; NaN: ns is given */
	double ns;      /* the limit that was used */
	char text[64];  /* as given */
	const struct fsx_diff_row *row;
	enum fss_verdict verdict; /* "it became longer by more than that" */
};
#define FSX_MAX_LIMITS 16

struct fsx_diff {
	struct fsx_diff_cohort *v; /* cohorts that both have, in A's order */
	size_t n;
	struct fsx_limit limits[FSX_MAX_LIMITS];
	size_t nlimits;
	const char *limits_of; /* name of the cohort that the limits were held against */
	uint64_t seed;
	unsigned int resamples;
};

/*
 * Compares the cohort of that name (NULL: each) of two recordings, which must outlive @d. Returns
 * 0, -ENOENT (no such cohort is in both) or -ENOMEM; but for 0 nothing is left to be freed.
 */
int fsx_diff_make(const struct fsa_result *a, const struct fsa_result *b, const char *cohort,
		  uint64_t seed, struct fsx_diff *d);
void fsx_diff_free(struct fsx_diff *d);

/* "gap", or the name of the bucket, cause or stage. */
const char *fsx_diff_name(enum fsx_diff_kind kind, int which);
const char *fsx_diff_finding_name(enum fsx_diff_finding f); /* "longer", "shorter", "", "n<5" */

/*
 * Parses "gap>5%,fault.major>2ms" into @d->limits. Returns 0, or -EINVAL with the reason.
 */
int fsx_diff_limits(struct fsx_diff *d, const char *text, char *err, size_t err_len);

/*
 * Holds the limits against the first cohort. supported = certainly above its limit (the interval
 * begins above it), refuted = certainly not, else inconclusive. Returns the worst: SUPPORTED before
 * INCONCLUSIVE before REFUTED.
 */
enum fss_verdict fsx_diff_judge(struct fsx_diff *d);

#endif
