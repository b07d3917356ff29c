/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What attribution yields and rendering consumes: forks, their ledgers, their cohorts.
 * Every renderer sees only this. All times are nanoseconds of the host's CLOCK_MONOTONIC.
 * The meaning of each cause, stage and bucket is docs/attribution.md.
 */
#ifndef FORKSCOPE_MODEL_H
#define FORKSCOPE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "record/reader.h"

/* X(ENUM, "name", "json key", "title") */
#define FSA_BUCKETS(X)                                                        \
	X(MEMORY, "memory_faults", "memory_faults_ns", "memory faults")       \
	X(VCPU, "vcpu_progress", "vcpu_progress_ns", "vCPU progress")         \
	X(SIGNAL, "signal_delivery", "signal_delivery_ns", "signal delivery") \
	X(GUEST, "guest_unsplit", "guest_unsplit_ns", "guest (not split)")    \
	X(TRACER, "tracer", "tracer_ns", "tracer")                            \
	X(UNKNOWN, "unknown", "unknown_ns", "unknown")

enum fsa_bucket {
#define X(e, name, key, title) FSA_B_##e,
	FSA_BUCKETS(X)
#undef X
		FSA_NBUCKETS
};

/* In the order of a signal's way. Host-only there is the one stage `guest`. */
#define FSA_STAGES(X)         \
	X(RAISE, "raise")     \
	X(INJECT, "inject")   \
	X(NOTIFY, "notify")   \
	X(WAKEUP, "wakeup")   \
	X(MAILBOX, "mailbox") \
	X(APPLY, "apply")     \
	X(ACK, "ack")         \
	X(GUEST, "guest")

enum fsa_stage {
#define X(e, name) FSA_S_##e,
	FSA_STAGES(X)
#undef X
		FSA_NSTAGES
};

/*
 * X(ENUM, "name", bucket, "meaning"): in the order in which a fault's class is decided.
 * guest.idle belongs to SIGNAL in the stages raise to wakeup, to VCPU after them, and (host-only)
 * to GUEST in the stage guest: see fsa_bucket_of().
 */
#define FSA_CAUSES(X)                                                                           \
	X(SCHED_DELAY, "sched.delay", VCPU, "runnable, not on a CPU")                           \
	X(SCHED_THROTTLE, "sched.throttle", VCPU, "a cgroup's CPU quota was used up")           \
	X(SCHED_BLOCKED, "sched.blocked", VCPU, "blocked: a VMM lock, stopped, traced")         \
	X(EXIT_KERNEL, "exit.kernel", VCPU, "KVM handled an exit that is no memory fault")      \
	X(EXIT_VMM, "exit.vmm", VCPU, "the exit went to the VMM in user space")                 \
	X(VMM_IO, "vmm.io", VCPU, "the path ran through another VMM thread or a kernel worker") \
	X(FAULT_UFFD, "fault.uffd", MEMORY, "waited for a userfaultfd handler")                 \
	X(FAULT_MAJOR, "fault.major", MEMORY, "had to read from disk")                          \
	X(FAULT_COW, "fault.cow", MEMORY, "copy on write of a private mapping")                 \
	X(FAULT_ZERO, "fault.zero", MEMORY, "zero page")                                        \
	X(FAULT_CACHED, "fault.cached", MEMORY, "served from the page cache")                   \
	X(FAULT_MAPPED, "fault.mapped", MEMORY, "only the EPT/NPT entry was missing")           \
	X(FAULT_WP, "fault.wp", MEMORY, "write protection or dirty logging")                    \
	X(FAULT_RETRY, "fault.retry", MEMORY, "refault, MMU lock, spurious")                    \
	X(GUEST_FAULT, "guest.fault", MEMORY, "the guest's own page-fault handling")            \
	X(GUEST_SIGNAL, "guest.signal", SIGNAL, "guest code of the signal path")                \
	X(GUEST_OTHER, "guest.other", VCPU, "guest code of anything else")                      \
	X(GUEST_IDLE, "guest.idle", SIGNAL, "halted (halt-polling included)")                   \
	X(GUEST_RUN, "guest.run", GUEST, "guest mode that cannot be split")                     \
	X(TRACER, "tracer", TRACER, "the tracer's own faults and probes")                       \
	X(UNKNOWN, "unknown", UNKNOWN, "not covered by events, or events were lost")

enum fsa_cause {
#define X(e, name, bucket, doc) FSA_C_##e,
	FSA_CAUSES(X)
#undef X
		FSA_NCAUSES
};

const char *fsa_cause_name(enum fsa_cause c);
const char *fsa_cause_doc(enum fsa_cause c);
const char *fsa_stage_name(enum fsa_stage s);
const char *fsa_bucket_name(enum fsa_bucket b);  /* "memory_faults" */
const char *fsa_bucket_key(enum fsa_bucket b);   /* "memory_faults_ns" */
const char *fsa_bucket_title(enum fsa_bucket b); /* "memory faults" */
enum fsa_bucket fsa_bucket_of(enum fsa_stage s, enum fsa_cause c);

/* What the user asked: where the window begins and ends. */
enum fsa_start_kind { FSA_START_RESUME, FSA_START_LOAD, FSA_START_SPAWN };
enum fsa_end_kind {
	FSA_END_ACK,
	FSA_END_FIRST_TX,
	FSA_END_TCP,
	FSA_END_PIO,
	FSA_END_MARK,
	FSA_END_AFTER
};

/* What a VM is: a restored one, one that boots, or nothing that can have a window. */
enum fsa_vm_kind { FSA_K_NONE, FSA_K_RESTORE, FSA_K_BOOT };

/* X(ENUM, kind, "what was seen"): why a VM is taken for what it is */
#define FSA_VM_WHYS(X)                                                                             \
	X(UNSEEN, NONE, "none of its vCPUs was seen to enter the guest")                           \
	X(LATE, NONE, "it ran before the recording saw it")                                        \
	X(OTHER_VCPU, NONE, "its first vCPU was not seen to enter the guest")                      \
	X(UNPAGED, BOOT, "its first entry is without paging (CR0.PG is 0)")                        \
	X(KERNEL, RESTORE, "its first entry is with paging, in the half of addresses of kernels")  \
	X(SYSCALLS, RESTORE, "its first entry is with paging and system calls (EFER.SCE is 1)")    \
	X(LEGACY, RESTORE, "its first entry is with paging outside of long mode (a 32-bit guest)") \
	X(SET_UP, RESTORE, "its first entry is with paging and CR4.PGE or CR4.OSFXSR")             \
	X(IDENTITY, BOOT,                                                                          \
	  "its first entry is with paging at a low address, but without EFER.SCE, CR4.PGE and "    \
	  "CR4.OSFXSR, as a VMM starts a 64-bit kernel")                                           \
	X(LOW, BOOT, "its first entry is at a low address, and no other register could be read")   \
	X(UNREAD, RESTORE, "no register could be read at its first entry")                         \
	X(TOLD_RESTORE, RESTORE, "as was asked (--kind restore)")                                  \
	X(TOLD_BOOT, BOOT, "as was asked (--kind boot)")

enum fsa_vm_why {
#define X(e, kind, text) FSA_W_##e,
	FSA_VM_WHYS(X)
#undef X
		FSA_NWHYS
};

/* Bits of `valid`, as in a FIRST_RUN record: which registers could be read. */
enum { FSA_V_RIP = 1, FSA_V_CR0 = 2, FSA_V_CR4 = 4, FSA_V_EFER = 8 };

/* One VM of the recording, whether it is a fork or not. */
struct fsa_vm {
	uint32_t vm, pid;
	char comm[FS_COMM_LEN];
	enum fsa_vm_why why;
	uint64_t first_run_ns; /* the first KVM_RUN of a vCPU; 0 = not seen */
	uint64_t rip, cr0, cr4, efer;
	uint32_t valid;
};
enum fsa_vm_kind fsa_vm_kind(const struct fsa_vm *vm);
const char *fsa_vm_why(const struct fsa_vm *vm); /* a sentence without a full stop */

struct fsa_opts {
	enum fsa_vm_kind kind; /* NONE: as seen; else all whose beginning was seen are that */
	enum fsa_start_kind start;
	enum fsa_end_kind end;
	char end_name[64];     /* ack stage or mark name */
	uint32_t end_port;     /* tcp, pio */
	uint64_t end_after_ns; /* after:<duration> */
	uint64_t timeout_ns; /* a fork with no end by then is timed out; 0 = as recorded, else 60 s
			      */
	int only_fork;       /* 1-based fork number, 0 = all */
	bool drop_segs;      /* segs are not kept: memory does not grow with the recording */
	bool no_guest;       /* as if the recording had no guest parts: the host-only ledger */
	bool one_snapshot; /* all forks (of an arm) are of one snapshot, whatever their files are */
	bool keep_faults;  /* forks get their path_faults and touches, as many as there are */
};

/*
 * Parses "ack:mailbox", "first-tx", "tcp:22", "pio:0xf4", "mark:ready", "after:250ms" into @o.
 * Returns 0, or -EINVAL with the reason in @err.
 */
int fsa_parse_end(const char *text, struct fsa_opts *o, char *err, size_t err_len);
int fsa_parse_start(const char *text, struct fsa_opts *o, char *err, size_t err_len);
/* Writes the end in the same words. Returns @buf. */
const char *fsa_end_text(const struct fsa_opts *o, char *buf, size_t len);

struct fsa_cell {
	uint64_t ns;
	uint64_t count; /* segments; for faults, faults */
};

struct fsa_phase {
	const char *name; /* "spawn", "create-vm", "snapshot-read", "memory-map", ... */
	uint64_t start_ns, ns;
};

struct fsa_ack {
	char stage[32];
	/* what follows its address, hostile: "reason=netlink what=route errno=22"; "..." at the end
	 * of it: the recording has no more */
	char words[100];
	uint64_t at_ns;
};

struct fsa_milestone {
	const char *name; /* "first-entry", "raise", "inject", "first-tx", ... */
	uint64_t at_ns;
	char note[48]; /* "gsi 24", "vector 0x2f, injected 11 times" */
};

/* X(ENUM, size in bytes, hint of the records): of huge pages. 0 = not seen. */
#define FSA_HUGE_SIZES(X)                      \
	X(2M, (uint64_t)2 << 20, FS_H_HUGE_2M) \
	X(1G, (uint64_t)1 << 30, FS_H_HUGE_1G) \
	X(UNSEEN, 0, FS_H_HUGETLB)

enum fsa_huge {
#define X(e, bytes, hint) FSA_HUGE_##e,
	FSA_HUGE_SIZES(X)
#undef X
		FSA_NHUGE
};

/* The size of such pages in bytes, 0 = not seen. */
uint64_t fsa_huge_bytes(enum fsa_huge h);

struct fsa_fault_class {
	uint64_t count, ns, p50_ns, p99_ns; /* on the critical path */
	uint64_t huge[FSA_NHUGE];           /* those of count that were seen to be of huge pages */
};

struct fsa_top_fault {
	uint64_t gpa, rip, hva, ns; /* one fault */
	uint64_t at_ns;             /* start - window start */
	enum fsa_cause cause;
	enum fsa_huge huge; /* FSA_NHUGE = not seen to be of huge pages */
	uint32_t io_bytes;  /* of the I/O that it waited for or submitted */
	uint32_t io_count;
};

struct fsa_top_exit {
	uint32_t reason;
	uint16_t isa;
	uint64_t rip; /* the most frequent guest RIP of it */
	uint64_t count, ns;
};

/*
 * One piece of the critical path, in time order, gapless from start to end: the ledger is their
 * sum and the flame is drawn from them. Bounded strings are interned in the fork.
 */
struct fsa_seg {
	uint64_t t0, t1; /* [t0, t1) */
	uint8_t stage, cause;
	uint16_t isa;
	uint32_t reason; /* exit reason of the segment, ~0u = none */
	uint32_t stack;  /* host stack id, FS_NO_STACK */
	uint32_t label; /* index into fork->labels: who, what ("qemu-system-x86 [main]", "irq"), 0 =
			   none */
	uint64_t rip;   /* guest RIP of the exit that closed the segment, 0 */
	uint64_t gpa;   /* of a fault, else 0 */
	uint32_t guest; /* index into fork->labels: what the guest ran ("kworker/0:1", "irq 9
			   acpi"), 0 = not known */
};

/* What the guest ran on the critical path: one task (or interrupt) in one stage, by one cause. */
struct fsa_top_task {
	uint32_t guest; /* index into fork->labels */
	uint8_t stage, cause;
	uint64_t ns, count; /* count: pieces of the path */
};

/*
 * A kernel address at which the guest left, once for each reason: what guest symbols are proven by.
 * fetch: the exit was the memory fault of fetching that very instruction (the fault's address and
 * the RIP have the same place in their pages: one is physical, one virtual).
 */
struct fsa_place {
	uint64_t rip;
	uint32_t reason;
	uint16_t isa;
	bool fetch;
};
#define FSA_MAX_PLACES 1024

/*
 * One stage of the signal's way: it lasted from the end of the one before it (or the window's
 * start) until `at_ns`. A marker that is missing or out of order gives a zero stage and says why.
 */
#define FSA_WHO        64
struct fsa_link {
	enum fsa_stage stage;
	uint64_t at_ns, error_ns; /* host time; 0 error: seen on the host itself */
	bool seen;
	char who[FSA_WHO]; /* "gsi 9, vector 0x30", "kworker/0:1", "forkscope-guest (tid 71)" */
	const char *why;   /* not seen: why; seen: what is to be known of it; NULL or "": nothing */
};

#define FSA_PAGE    4096u
#define FSA_NOWHERE UINT64_MAX /* an offset that is not known, or in no file */

/* A fault on the critical path. */
struct fsa_fault {
	uint64_t gpa;      /* bytes; 0 = not known */
	uint64_t offset;   /* of its page in the memory file, bytes; FSA_NOWHERE */
	uint64_t at_ns;    /* since the window's start */
	uint64_t ns;       /* its time on the path: what the ledger has as fault.* */
	uint64_t sched_ns; /* the ledger's sched.* inside it: it would not be without it either */
	enum fsa_cause cause;
};

/* A page of guest memory that a vCPU or the VMM faulted on, the first time since the resume. */
struct fsa_touch {
	uint64_t gpa, offset; /* of the page; offset FSA_NOWHERE: not in the memory file */
	bool other_file;      /* ... but in another file that guest memory is mapped from */
	uint64_t at_ns;       /* CLOCK_MONOTONIC; may be after the window's end */
	enum fsa_cause cause; /* class of the fault; UNKNOWN after the window's end */
};

/* A piece of guest memory that lies in the file in the order of its addresses. */
struct fsa_region {
	uint64_t gpa, offset, size; /* bytes */
};
#define FSA_MAX_REGIONS 32

/* The file that the guest's memory was mapped from; of several the one that most of it is from. */
struct fsa_memory {
	uint64_t ino;
	uint32_t dev;
	uint64_t size; /* of what is mapped, bytes */
	/*
	 * The mapping was not seen (made before the process was known as a VMM) or is of no file
	 * (userfaultfd): offsets are the guest's memory slots one behind the other.
	 */
	bool assumed;
	struct fsa_region regions[FSA_MAX_REGIONS]; /* ascending */
	size_t nregions;                            /* 0: more than there is room for */
	uint64_t other_files, other_bytes;          /* what is mapped from other files */
};

/* What is known of the guest's own half. */
struct fsa_guest {
	bool read;       /* the recording has its rings */
	bool used;       /* ... and the ledger is split by them */
	const char *why; /* not read or not used: why, and what that costs; NULL or "": it is used
			  */
	uint8_t id[16];  /* of the arming: fsr_guest_symbols() */
	uint32_t flags;  /* FSG_D_* of bpf/guest_ring.h */
	uint64_t events, lost, torn;
	uint64_t probe_ns; /* events in the window x what one costs, as calibrated; 0 = not known */
	char agent[16];
	uint32_t agent_tid;
	bool agent_own; /* forkscope-guest agent: it tells its stages */
	/* the timeline (src/align) */
	int64_t offset_ns, rate_ppb;
	uint64_t ref_ns, containment_error_ns;
	uint64_t outside;     /* events outside guest mode: 0 where the mapping is used */
	bool clock_used;      /* the VM's own clock data took part */
	char limited_by[224]; /* what limits the clock error, and why clock data was not used */
	uint64_t doubt_ns;    /* how far the clock error can move the lead of the largest bucket */
};

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
	X(NO_GUEST, "the guest's own half is missing: its time is not split")                     \
	X(GUEST_LOST, "records of the guest were lost: its tasks may be told wrongly")            \
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
	uint64_t
		off_path_ns; /* work of other threads that overlapped the path: beside the ledger */
	char signal_kind[24]; /* "vmgenid", "vmclock", "vmclock-spin", "" = not known */
	struct fsa_guest guest;
	struct fsa_link links[FSA_NSTAGES]; /* in order; nlinks 0 = host-only */
	size_t nlinks;
	/* what an experiment told by marks for its VMM: arm:, prefetch:, resident: */
	char arm[64];         /* "" = none */
	uint64_t prefetch_ns; /* how long its prefetch took; UINT64_MAX = not told */
	uint64_t resident;    /* pages that were resident at its resume; UINT64_MAX = not told */
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
	 * that lack the guest part which others of the same population have. Before it the arm of
	 * an experiment, if the forks are of one: "vmgenid:none, steady".
	 */
	char name[128];
	const char *arm; /* its forks' own; "" = none */
	size_t n, timed_out;
	struct fsa_dist gap;
	struct fsa_dist bucket[FSA_NBUCKETS];
	struct fsa_dist cause[FSA_NCAUSES];
	struct fsa_dist stage[FSA_NSTAGES]; /* over the forks whose guest part was used */
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

/*
 * Attributes a whole recording in one pass. Returns 0 or a negative errno with a sentence in @err.
 * Memory is bounded by the forks that are open at one time, plus the segments kept for the result.
 */
int fsa_attribute(struct fsr_reader *r, const struct fsa_opts *o, struct fsa_result **out,
		  char *err, size_t err_len);
void fsa_free(struct fsa_result *res);
void fsa_fork_free(struct fsa_fork *f); /* what it holds, not itself */

#endif
