/* SPDX-License-Identifier: BSD-2-Clause */
/* What a fork is made of: segments, phases, faults, pages, and its guest recording. */
#ifndef FORKSCOPE_FORK_PARTS_H
#define FORKSCOPE_FORK_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "attribute/model/causes.h"
#include "bpf/event.h"

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
 * One segment of the critical path, in time order, gapless from start to end: the ledger is their
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
	uint64_t ns, count; /* count: segments of the path */
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
 * One stage of the signal path: it lasted from the end of the one before it (or the window's
 * start) until `at_ns`. A marker that is missing or out of order gives a zero stage and says why.
 */
#define FSA_WHO        64
struct fsa_path_stage {
	enum fsa_stage stage;
	uint64_t at_ns, error_ns; /* host time; 0 error: seen on the host itself */
	bool seen;
	char who[FSA_WHO]; /* "gsi 9, vector 0x30", "kworker/0:1", "forkscope-guest (tid 71)" */
	const char *why;   /* not seen: why; seen: what is to be known of it; NULL or "": nothing */
};

#define FSA_PAGE        4096u
#define FSA_PAGE_OF(at) ((at) & ~(uint64_t)(FSA_PAGE - 1)) /* of an address or an offset */
#define FSA_NOWHERE     UINT64_MAX /* an offset that is not known, or in no file */

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

/* A range of guest memory that lies in the file in the order of its addresses. */
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

/* What is known of the guest recording. */
struct fsa_guest {
	bool read;       /* the recording has its rings */
	bool used;       /* ... and the ledger is split by them */
	const char *why; /* not read or not used: why, and what that costs; NULL or "": it is used
			  */
	uint8_t id[16];  /* of the arming: fsr_guest_symbols() */
	uint32_t flags;  /* FSG_D_* of bpf/guest_ring.h */
	uint64_t events, lost, partial;
	uint64_t probe_ns; /* events in the window x what one costs, as calibrated; 0 = not known */
	char agent[16];
	uint32_t agent_tid;
	bool agent_forkscope; /* forkscope-guest agent: it reports its stages */
	/* the timeline (src/align) */
	int64_t offset_ns, rate_ppb;
	uint64_t ref_ns, containment_error_ns;
	uint64_t outside;     /* events outside guest mode: 0 where the mapping is used */
	bool clock_used;      /* the VM's own clock data took part */
	char limited_by[224]; /* what limits the clock error, and why clock data was not used */
	uint64_t doubt_ns;    /* how far the clock error can move the lead of the largest bucket */
};

#endif
