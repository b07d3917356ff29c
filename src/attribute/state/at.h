/* SPDX-License-Identifier: BSD-2-Clause */
/* All that attribution knows while it reads. */
#ifndef FORKSCOPE_ATTR_AT_H
#define FORKSCOPE_ATTR_AT_H

#include "base/hashmap.h"
#include "attribute/model/model.h"
#include "attribute/state/objects.h"
#include "attribute/state/path.h"
#include "attribute/state/strings.h"

struct at_hole { /* records of a CPU were lost in [t0, t1] */
	uint64_t t0, t1;
	uint32_t cpu;
	uint32_t missing;
};

/* Runs of programs that the kernel skipped: what happened on @cpu in [t0, t1] may not be known. */
struct at_miss {
	uint64_t t0, t1;
	uint32_t cpu; /* FS_ANY_CPU = which is not known */
};
/* Of any program, on whatever CPU; of those that the ledger is made from; of those that record
 * guest mode. */
enum { AT_MISS_ANY, AT_MISS_SOME, AT_MISS_ALL, AT_MISSES };

struct at_cpu {
	uint32_t max_seq;
	uint64_t last_ts;
	size_t hole; /* index + 1 of its last hole */
	bool seen;
	struct at_thr *thr; /* thread of its last VM exit: saves a lookup */
	struct at_vm *irq_vm;
	size_t irq_index;
	uint64_t irq_ts;
	uint32_t irq_tid;
};
#define AT_CPUS 4096

struct at {
	struct fsr_reader *r;
	struct fsa_opts o;
	uint64_t timeout;
	uint64_t now; /* time of the record at hand */
	uint64_t next_due;
	struct at_path path; /* of the fork at hand; its memory is used again */
	uint64_t events, vms_seen;
	struct fs_hashmap procs, thrs, vms, stacks;
	FS_VEC(struct at_proc *) all_procs;
	FS_VEC(struct at_vm *) all_vms;
	FS_VEC(struct fsa_vm) listed; /* every VM of the recording */
	FS_VEC(struct at_hole) holes;
	FS_VEC(struct at_miss) misses[AT_MISSES]; /* by CPU and time, disjoint */
	FS_VEC(struct fsl_host_clock) clocks;     /* the host's, the latest of them */
	FS_VEC(struct at_made {
		struct fsa_fork *f;
		uint64_t keys[AT_SNAPSHOT_KEYS];
	})
	forks;
	struct at_cpu *cpus;
	struct at_strings str;
	FS_VEC(char *) texts;      /* for the result */
	struct at_marks marks;     /* of the last marks for every VM */
	FS_VEC(uint32_t) variants; /* strings: names that marks gave, each once */
	bool no_memory;            /* met where it could not be returned: at_feed() returns it */
	uint64_t odd;              /* records that at_odd() left out */
	bool has_hmm;              /* handle_mm_fault was seen: classes are not guesses */
	bool has_huge; /* exits show what the host did for hugetlb memory; not up to 6.5 */
	uint64_t hmm_faults, faults;
	char *err;
	size_t err_len;
};

#endif
