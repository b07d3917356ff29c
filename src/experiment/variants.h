/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The variants of an experiment side by side, from a recording: the experiment's columns, the
 * ledger, and what signals and prefetches change. A variant is named SIGNAL or SIGNAL:PREFETCH.
 */
#ifndef FORKSCOPE_EXPERIMENT_BENCH_H
#define FORKSCOPE_EXPERIMENT_BENCH_H

#include "experiment/contention.h"
#include "experiment/groups.h"
#include "stats/stats.h"

/*
 * X(ENUM, "name", "json key", "title"). fork total: the VMM's start to ack:applied. mailbox ack:
 * resume to ack:mailbox. apply after mailbox: ack:mailbox to ack:applied. reconfigure: their sum.
 */
#define FSX_COLUMNS(X)                                                 \
	X(TOTAL, "total", "total_ns", "fork total")                    \
	X(RECONFIGURE, "reconfigure", "reconfigure_ns", "reconfigure") \
	X(MAILBOX, "mailbox", "mailbox_ns", "mailbox ack")             \
	X(APPLY, "apply", "apply_ns", "apply after mailbox")

enum fsx_column {
#define X(e, name, key, title) FSX_COL_##e,
	FSX_COLUMNS(X)
#undef X
		FSX_NCOLUMNS
};
const char *fsx_column_key(enum fsx_column c);
const char *fsx_column_title(enum fsx_column c);

#define FSX_ENDLESS (UINT64_MAX - 1) /* it never came to that */

/* ns, FSX_ENDLESS, or UINT64_MAX: not known (an ack was lost, the VMM's start was not seen). */
uint64_t fsx_column_of(const struct fsa_fork *f, enum fsx_column c);

struct fsx_dist {
	size_t n, endless; /* forks with a value, or without an end; they rank as endless */
	double avg;        /* ns, of those with an end; NaN: none */
	double p50, max;   /* ns; +infinity: endless; NaN: n is 0 */
	double p95;        /* the same; NaN below FSX_P95_NEEDS forks */
};

struct fsx_variant {
	char name[64];                  /* "" = the recording has no variants */
	char prefetch[64];              /* behind the first colon of the name; "" = none is named */
	size_t signal_len;              /* of the name: before it */
	const struct fsx_group *steady; /* NULL: none */
	const struct fsx_group *first;  /* NULL: none */
	size_t ack_lost, ack_late, cut; /* forks left out */
	size_t fell_back;               /* steady forks whose applied ack never came */
	struct fsx_dist column[FSX_NCOLUMNS]; /* of the steady forks */
	struct fsx_dist gap;
	double bucket[FSA_NBUCKETS]; /* means of the steady forks that reached the end, ns */
	double cause[FSA_NCAUSES];
	double signal_path; /* of it all in the stages raise to wakeup, whatever its cause */
	size_t complete;    /* how many these are */
	size_t split;       /* of them with a ledger split by the guest recording */
};

enum fsx_pair_kind { FSX_SIGNALS, FSX_PREFETCHES };
/* X(ENUM, "name"): what a comparison found; a second variant is compared with a first */
#define FSX_FINDINGS(X)       \
	X(SHORTER, "shorter") \
	X(LONGER, "longer")   \
	X(ALIKE, "alike")     \
	X(UNDECIDED, "undecided")
enum fsx_finding {
#define X(e, name) FSX_F_##e,
	FSX_FINDINGS(X)
#undef X
};
const char *fsx_finding_name(enum fsx_finding f);

/* Two variants that differ in one thing only, by their gaps. */
struct fsx_pair {
	enum fsx_pair_kind kind;
	const struct fsx_variant *a, *b;
	struct fss_test test; /* its gain is a - b */
	double p;             /* of the rank test, for as many comparisons of this kind (Holm) */
	/*
	 * shorter, longer: b's gap, p < 0.05 and the interval leaves out 0. alike: the interval
	 * lies within delta, 5 % of a's median, on both sides of 0. undecided: neither.
	 */
	enum fsx_finding finding;
};

struct fsx_variants {
	const struct fsx_groups *groups; /* what it was made of */
	struct fsx_variant *variants;    /* by prefetch, none of it first, and for each by signal */
	size_t nvariants;
	struct fsx_pair *pairs; /* signals of each prefetch, then prefetches of each signal */
	size_t npairs;
};

/* @g must outlive it. 0 or -ENOMEM. */
int fsx_variants_make(const struct fsx_groups *g, uint64_t seed, struct fsx_variants *b);
void fsx_variants_free(struct fsx_variants *b);

/* The mean gap of the forks that reached the end, ns: the sum of the means of its buckets. */
double fsx_mean_gap(const struct fsx_variant *a);

#endif
