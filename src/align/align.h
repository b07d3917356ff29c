/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest time to host time, for one fork. Pure: arrays in, a mapping with a stated error out.
 *
 *	host = guest + offset + (guest - ref) * rate / 1e9
 *
 * Every constraint is an inequality on (offset, rate); all are intersected, and half of what is
 * left is the clock error (attribution.md, "The two clocks"). An empty intersection is an error.
 */
#ifndef FORKSCOPE_ALIGN_H
#define FORKSCOPE_ALIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FSL_MAX_RATE_PPB 500000 /* guest and host clocks differ by 500 ppm at most */

/*
 * A stretch of guest mode of one vCPU: [entry, exit], host ns. Ascending, disjoint; others are put
 * in order and joined. What is not known to be an exit must be in a span.
 */
struct fsl_span {
	uint64_t entry, exit;
};

struct fsl_vcpu {
	const struct fsl_span *spans;
	size_t nspans;
	const uint64_t *events; /* guest ns of what that vCPU recorded, ascending */
	size_t nevents;
	/*
	 * From here on (host ns) nothing is known of that vCPU; 0 = its spans are all there is. An
	 * event may lie there, but proves nothing: of several places the one counts that has most
	 * events in spans, and no other may have half as many.
	 */
	uint64_t open;
};

/* A cause before its effect, one of them on each side. */
struct fsl_pair {
	uint64_t guest, host;
	bool guest_first; /* true: guest happened before host; false: after it */
};

/*
 * The VM's own clock data: a mapping with an error of its own, from kvm_pvclock_update, TSC offset
 * and clock pairs. valid false = not to be had (why says what was missing).
 */
struct fsl_clock {
	bool valid;
	int64_t offset_ns; /* at guest time ref */
	uint64_t ref;
	int64_t rate_ppb;
	uint64_t error_ns;
	char why[160];
};

struct fsl_input {
	const struct fsl_vcpu *vcpus;
	size_t nvcpus;
	const struct fsl_pair *pairs;
	size_t npairs;
	struct fsl_clock clock;
};

enum fsl_limit { FSL_L_NONE, FSL_L_CONTAINMENT, FSL_L_PAIRS, FSL_L_CLOCK };

struct fsl_map {
	int64_t offset_ns; /* at ref */
	int64_t rate_ppb;
	uint64_t ref;                   /* guest ns */
	uint64_t error_ns;              /* the largest over [first, last] guest event */
	uint64_t containment_error_ns;  /* what containment and pairs alone would give; UINT64_MAX:
					   no one place */
	enum fsl_limit low_by, high_by; /* what limits each side */
	bool clock_used;
	char clock_why[160]; /* why the VM's clock data was not used, "" */
	size_t events;       /* that took part */
	size_t outside;      /* of them outside guest mode: 0, or the mapping is refused */
};

/*
 * All feasible mappings are found, exactly, and their middle is returned: the true mapping is
 * within out->error_ns of it at every guest time from the first to the last event. Nothing is
 * assumed of where the first event lies. The events of the guest may be anything.
 *
 * Returns 0, or with the sentence in @err:
 * -ENODATA	no event, or no span
 * -ERANGE	no mapping keeps every event inside guest mode and every cause before its effect;
 *		out->outside counts, and @err names, events outside at the best offset
 * -EADDRNOTAVAIL  the events fit at several places more than a millisecond apart
 * -ENOMEM
 */
int fsl_align(const struct fsl_input *in, struct fsl_map *out, char *err, size_t err_len);

/* Host time of a guest time. */
uint64_t fsl_to_host(const struct fsl_map *m, uint64_t guest_ns);

#endif
