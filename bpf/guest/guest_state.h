/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest's programs keep in the map of the rings. An element is a page: `pages` of them
 * for each CPU, the first of which holds the ring's head and, behind it, the CPU's state: a record
 * touches two pages of memory and no table.
 */
#ifndef FS_GUEST_STATE_H
#define FS_GUEST_STATE_H

#include "../guest_ring.h"

#define FSG_PAGE_RECS (FSG_PAGE / 32)
#define FSG_SEEN      4

struct fsg_cpu {
	__u32 irq;     /* in an interrupt handler or system vector */
	__u32 softirq; /* in a softirq */
	__u64 seen_at;
	__u64 seen[FSG_SEEN]; /* watchers known to be in the directory: how << 32 | tgid */
};

struct fsg_page {
	union {
		struct {
			struct fsg_ring_head head;
			struct fsg_cpu cpu;
		};
		struct fsg_rec rec[FSG_PAGE_RECS];
	};
};

struct fsg_dir_page {
	union {
		struct fsg_dir dir;
		__u8 bytes[FSG_PAGE];
	};
};

#define FSG_TRIALS 128 /* records that fsg_calibrate writes: more, and the verifier gives up */

/* Constants of the programs, set before they are loaded. */
struct fsg_knobs {
	__u32 cpus;  /* that have a ring */
	__u32 pages; /* of a ring, its head included */
	__u32 mask;  /* records of a ring - 1 */
};

#endif
