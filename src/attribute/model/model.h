/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What attribution yields and rendering consumes: forks, their ledgers, their cohorts.
 * Every renderer sees only this. All times are nanoseconds of the host's CLOCK_MONOTONIC.
 */
#ifndef FORKSCOPE_MODEL_H
#define FORKSCOPE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "attribute/model/causes.h"
#include "attribute/model/fork_parts.h"
#include "attribute/model/options.h"
#include "record/reader.h"

enum fsa_resume_kind { FSA_R_NONE, FSA_R_WAKE, FSA_R_SIGNAL, FSA_R_CREATION, FSA_R_FIRST_RUN };
enum fsa_verdict {
	FSA_V_MEMORY,
	FSA_V_VCPU,
	FSA_V_SIGNAL,
	FSA_V_GUEST,
	FSA_V_MIXED,
	FSA_V_UNKNOWN
};

/* X(ENUM, "text"): notes on a fork that a reader must see */
#define FSA_NOTES(X)                                                                              \
	X(TIMED_OUT, "never reached its end within the time-out")                                 \
	X(VMM_DIED, "the VMM ended before the end was reached")                                   \
	X(MAILBOX_ACK_LOST, "the mailbox ack was never seen: another moment ends the window")     \
	X(PATH_AMBIGUOUS, "several vCPUs ran with no wake-up linking them")                       \
	X(LOST_EVENTS, "events of this fork were lost: its unknown time is larger")               \
	X(SEEN_LATE, "the VM existed before the recording saw it")                                \
	X(NO_EXITS, "no kvm_entry/kvm_exit was seen: this KVM does not enter guests by hardware") \
	X(CUT, "the recording ended before the fork did")                                         \
	X(FIRST, "first fork of its snapshot")                                                    \
	X(NO_FAULT_CLASS, "fault classes are guesses of lesser rank (no function probes)")        \
	X(NO_GUEST, "the guest recording is missing: guest time is not split")                    \
	X(GUEST_LOST, "records of the guest were lost: its tasks may be wrong")                   \
	X(END_DECODED, "the window ends at the guest's own record of the mailbox's decoding")     \
	X(MAILBOX_ACK_LATE, "the mailbox ack came too late: another moment ends the window")      \
	X(NO_START, "the start asked for was not seen: the window begins at the resume")          \
	X(HUGETLB, "memory is hugetlb: what a fault did is known only where page copies are seen")

enum fsa_note {
#define X(e, text) FSA_N_##e,
	FSA_NOTES(X)
#undef X
		FSA_NNOTES
};
const char *fsa_note_text(enum fsa_note n);
/* The window was to end at the mailbox ack, and something else ended it. */
#define FSA_OTHER_END (1u << FSA_N_MAILBOX_ACK_LOST | 1u << FSA_N_MAILBOX_ACK_LATE)

struct fsa_fork {
	unsigned int id; /* from 1, in order of resume */
	uint32_t vmm_pid, vm;
	uint64_t vmm_start_ns;
	char comm[FS_COMM_LEN];
	unsigned int vcpus;
	bool restore;   /* false: a boot */
	bool hugetlb;   /* its memory was seen to be of huge pages (hugetlbfs) */
	bool complete;  /* the end was reached */
	uint32_t notes; /* 1 << enum fsa_note */
	char end[80];   /* the end that was used, in words */
	enum fsa_start_kind start_kind;
	enum fsa_resume_kind resume_kind;
	uint32_t resume_by_tid; /* the VMM thread that resumed it */
	char resume_by_comm[FS_COMM_LEN];
	uint64_t start_ns, resume_ns, end_ns, gap_ns;
	uint64_t clock_error_ns; /* 0 host-only */
	uint64_t lost;           /* records of this VM that were lost */
	uint64_t events;         /* records of this VM in the window */

	struct fsa_cell cells[FSA_NSTAGES][FSA_NCAUSES]; /* ns sums to gap_ns, exactly */
	uint64_t bucket_ns[FSA_NBUCKETS];
	enum fsa_verdict verdict;
	enum fsa_bucket verdict_top[2];

	struct fsa_seg *segs;
	size_t nsegs;
	char **labels; /* labels[0] is "" */
	size_t nlabels;
	struct fsa_phase *phases;
	size_t nphases;
	struct fsa_ack *acks;
	size_t nacks;
	struct fsa_milestone *milestones;
	size_t nmilestones;
	struct fsa_fault_class fault_class[FSA_NCAUSES]; /* FAULT_* only */
	struct fsa_top_fault *top_faults;                /* longest first, at most 20 */
	size_t ntop_faults;
	struct fsa_top_exit *top_exits; /* most time first, at most 20 */
	size_t ntop_exits;
	struct fsa_top_task *top_tasks; /* of guest.* causes, most time first, at most 32 */
	size_t ntop_tasks;
	struct fsa_place *places; /* ascending, at most FSA_MAX_PLACES, fetches before others */
	size_t nplaces;
	uint64_t off_path_ns; /* work of other threads that overlapped the path: in no cell of the
				 ledger */
	char signal_kind[24]; /* "vmgenid", "vmclock", "vmclock-spin", "" = not known */
	struct fsa_guest guest;
	struct fsa_path_stage stages[FSA_NSTAGES]; /* in order; nstages 0 = host-only */
	size_t nstages;
	/* what an experiment reported by marks for its VMM: arm:, prefetch:, resident: */
	char variant[64];     /* "" = none */
	uint64_t prefetch_ns; /* how long its prefetch took; UINT64_MAX = not reported */
	uint64_t resident; /* pages that were resident at its resume; UINT64_MAX = not reported */
	/* with opts.keep_faults only: */
	struct fsa_memory memory;
	struct fsa_fault *path_faults; /* in the order of time */
	size_t npath_faults;
	struct fsa_touch *touches; /* one for each page, in the order of time */
	size_t ntouches;
};

/* Statistics of one number over the forks of a cohort. NAN/UINT64_MAX = not defined. */
struct fsa_dist {
	size_t n;               /* forks, timed-out ones included (they rank as +infinity) */
	double avg;             /* over those that have a value */
	uint64_t p50, p95, max; /* UINT64_MAX = infinite; p95 needs n >= 20, else 0 */
};

struct fsa_cohort {
	/*
	 * "steady", "first", "mailbox ack lost"; with ", guest not split" behind it: those of them
	 * that lack the guest recording which others of the same population have. Before it the
	 * variant of an experiment, if the forks are of one: "vmgenid:none, steady".
	 */
	char name[128];
	const char *variant; /* its forks' own; "" = none */
	size_t n, timed_out;
	struct fsa_dist gap;
	struct fsa_dist bucket[FSA_NBUCKETS];
	struct fsa_dist cause[FSA_NCAUSES];
	struct fsa_dist stage[FSA_NSTAGES]; /* over the forks whose guest recording was used */
	size_t verdicts[FSA_V_UNKNOWN + 1];
	const struct fsa_fork **forks;
};

struct fsa_result {
	struct fsa_opts opts;
	struct fsa_fork *forks;
	size_t nforks;
	struct fsa_cohort *cohorts;
	size_t ncohorts;
	struct fsa_vm *vms; /* in the order of sight; at most 65536 */
	size_t nvms;
	uint64_t vms_seen; /* VMs that are no fork in the window (templates, boots) included */
	uint64_t unknown_ns;
	uint64_t events;
	char **texts; /* sentences that the forks refer to, however long */
	size_t ntexts;
	uint64_t odd_events; /* left out: they contradict others, name what cannot be, or are too
				many */
};

void fsa_free(struct fsa_result *res);
void fsa_fork_free(struct fsa_fork *f); /* what it holds, not itself */

#endif
