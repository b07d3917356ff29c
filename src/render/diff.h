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
 * are left out. Stages are those of the forks whose guest part was used.
 */
#ifndef FORKSCOPE_DIFF_H
#define FORKSCOPE_DIFF_H

#include "render/view.h"
#include "stats/stats.h"

enum fsv_diff_kind { FSV_D_GAP, FSV_D_BUCKET, FSV_D_CAUSE, FSV_D_STAGE };
enum fsv_diff_finding { FSV_D_FEW, FSV_D_NONE, FSV_D_SHORTER, FSV_D_LONGER };

struct fsv_diff_row {
	enum fsv_diff_kind kind;
	int which;            /* bucket, cause or stage */
	size_t na, nb;        /* forks */
	double med_a, med_b;  /* ns; +infinity: half of them have no end. NaN: no forks */
	double avg_a, avg_b;  /* of those that have a value */
	double shift, lo, hi; /* b - a, ns. NaN: no forks on one side; lo, hi: too few */
	double p;             /* NaN likewise */
	enum fsv_diff_finding finding;
};

#define FSV_D_ROWS (1 + FSA_NBUCKETS + FSA_NCAUSES + FSA_NSTAGES)

struct fsv_diff_cohort {
	const struct fsa_cohort *a, *b;
	struct fsv_diff_row rows[FSV_D_ROWS]; /* gap, buckets, causes, stages */
};

/* A limit of --fail-on: "gap>5%", "notify>2ms". */
struct fsv_limit {
	char what[40];
	enum fsv_diff_kind kind;
	int which;
	double percent; /* of A's median; NaN: ns is given */
	double ns;      /* the limit that was used */
	char text[64];  /* as given */
	const struct fsv_diff_row *row;
	enum fss_verdict verdict; /* "it became longer by more than that" */
};
#define FSV_MAX_LIMITS 16

struct fsv_diff {
	const struct fsv_view *a, *b;
	struct fsv_diff_cohort *v; /* cohorts that both have, in A's order */
	size_t n;
	struct fsv_limit limits[FSV_MAX_LIMITS];
	size_t nlimits;
	const char *limits_of; /* name of the cohort that the limits were held against */
	uint64_t seed;
	unsigned int resamples;
};

/* Returns 0, -ENOENT (no cohort in both; @a's and @b's choice of cohort counts) or -ENOMEM. */
int fsv_diff_make(const struct fsv_view *a, const struct fsv_view *b, uint64_t seed,
		  struct fsv_diff *d);
void fsv_diff_free(struct fsv_diff *d);

/* "gap", or the name of the bucket, cause or stage. */
const char *fsv_diff_name(enum fsv_diff_kind kind, int which);
const char *fsv_diff_finding_name(enum fsv_diff_finding f); /* "longer", "shorter", "", "n<5" */

/*
 * Parses "gap>5%,fault.major>2ms" into @d->limits. Returns 0, or -EINVAL with the reason.
 */
int fsv_diff_limits(struct fsv_diff *d, const char *text, char *err, size_t err_len);

/*
 * Holds the limits against the first cohort. supported = certainly above its limit (the interval
 * begins above it), refuted = certainly not, else inconclusive. Returns the worst: SUPPORTED before
 * INCONCLUSIVE before REFUTED.
 */
enum fss_verdict fsv_diff_judge(struct fsv_diff *d);

/*
 * Whether the two recordings can be compared: calls @say for each reason why the difference may
 * come from elsewhere (another end of the window, kernel, VMM, number of vCPUs).
 */
void fsv_diff_doubts(const struct fsv_diff *d, void (*say)(void *arg, const char *sentence),
		     void *arg);

void fsv_diff_text(const struct fsv_diff *d, FILE *out);
int fsv_diff_json(const struct fsv_diff *d, FILE *out); /* 0, -ENOMEM or -EIO */
/* The difference of the two means of the first cohort as a flame graph. 0 or -ENOMEM. */
int fsv_diff_svg(const struct fsv_diff *d, FILE *out);

#endif
