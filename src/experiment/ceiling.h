/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The most that a prefetch could gain, from a recording alone: the gap if every fault that it is
 * about had cost what its mechanism leaves of it. docs/prefetch.md has the reasons.
 */
#ifndef FORKSCOPE_CEILING_H
#define FORKSCOPE_CEILING_H

#include "attribute/model/model.h"
#include "experiment/range_lists.h"

/* X(ENUM, "name", "what it leaves") */
#define FSX_MECHANISMS(X)                                                                      \
	X(PAGE_CACHE, "page-cache",                                                            \
	  "a fault that had to fetch its page costs what one served from the page cache does") \
	X(POPULATE, "populate",                                                                \
	  "a fault on a page of the file costs what one that only lacks the EPT entry does")   \
	X(PRE_FAULT, "pre-fault", "nothing is left of any fault")

enum fsx_mechanism {
#define X(e, name, doc) FSX_##e,
	FSX_MECHANISMS(X)
#undef X
		FSX_NMECHANISMS
};
const char *fsx_mechanism_name(enum fsx_mechanism m);
const char *fsx_mechanism_doc(enum fsx_mechanism m);
int fsx_mechanism_parse(const char *text, enum fsx_mechanism *m); /* 0 or -EINVAL */

enum fsx_which {
	FSX_ALL,     /* every fault, wherever it is */
	FSX_MAJOR,   /* those that had to fetch their page */
	FSX_PERFECT, /* every fault, and nothing is left of it, whatever the mechanism */
	FSX_RANGES,  /* those in some ranges of the memory file */
};

struct fsx_hypothesis {
	char name[64]; /* "all faults", "mailbox:64MiB" */
	enum fsx_which which;
	struct fs_ranges set; /* FSX_RANGES: tidy */
	char why[128];        /* it cannot be asked of this recording: why; "" */
};

/*
 * Reads "all", "major", "perfect", "workingset", "mailbox:SIZE" (SIZE bytes around @mailbox;
 * UINT64_MAX = not known), "head:SIZE", "range:OFFSET:SIZE". Ranges are cut at the end of the
 * memory, @memory bytes (0 = not known). Of "workingset" only the name is set: its ranges are the
 * caller's. Returns 0, -EINVAL or -ENOMEM with a sentence in @err.
 */
int fsx_hypothesis_parse(const char *text, uint64_t mailbox, uint64_t memory,
			 struct fsx_hypothesis *h, char *err, size_t err_len);
void fsx_hypothesis_free(struct fsx_hypothesis *h);

/* Medians over all faults of all forks' paths, ns; n 0 = there was none of that class. */
struct fsx_left {
	struct {
		size_t n;
		uint64_t p50_ns;
	} cached, mapped, cow;
};
/* 0 or -ENOMEM. */
int fsx_left_of(const struct fsa_result *res, struct fsx_left *left);

/* Of the gap: the least gain that matters, unless another is given. */
#define FSX_UNKNOWN_SHARE 0.05

enum fsx_none {
	FSX_HAS,       /* there is a ceiling */
	FSX_NO_END,    /* the fork never reached its end */
	FSX_NO_SAMPLE, /* no fault in the run shows what the mechanism leaves */
	FSX_TIMEOUT, /* a time-out is in the fork's wake-up chain: its mailbox ack was lost or late
		      */
	FSX_UNKNOWN, /* what is unknown of the fork's gap could hide a gain that matters */
};
const char *fsx_none_text(enum fsx_none n); /* "no end", ... */

struct fsx_faults {
	uint64_t count, ns;
};

struct fsx_ceiling {
	enum fsx_none none;
	struct fsx_faults helped; /* it is about them, and its mechanism takes something away */
	struct fsx_faults
		unhelped;          /* it is about them, but the mechanism leaves them as they are */
	struct fsx_faults outside; /* it is not about them */
	uint64_t gain_ns;          /* the ceiling; at most the gap */
};

/* Needs a result made with opts.keep_faults. */
struct fsx_ceiling fsx_ceiling_of(const struct fsa_fork *f, const struct fsx_hypothesis *h,
				  enum fsx_mechanism m, const struct fsx_left *left);

/* Over a group of forks: those that have a ceiling. */
struct fsx_group_ceiling {
	size_t n, none;
	enum fsx_none why; /* of the first that has none */
	uint64_t gap_p50;  /* ns */
	uint64_t best_p50; /* median of the gaps, each less its ceiling */
	uint64_t gain_min, gain_p50, gain_max;
	double gain_mean;
	double helped, helped_ns, unhelped, outside; /* means */
};
/* 0 or -ENOMEM. */
int fsx_ceiling_group(const struct fsa_fork *const *forks, size_t n, const struct fsx_hypothesis *h,
		      enum fsx_mechanism m, const struct fsx_left *left,
		      struct fsx_group_ceiling *g);

#endif
