/* SPDX-License-Identifier: BSD-2-Clause */
/* The making of a recorder, from the options to the published directory. */
#ifndef FORKSCOPE_GUEST_ARMING_H
#define FORKSCOPE_GUEST_ARMING_H

#include <stdbool.h>
#include <stdint.h>
#include "guest/recorder/guest_symbols.h"
#include "guest/recorder/layout.h"
#include "guest/recorder/recorder.h"

#define FSG_ARMING_SENTENCE 480

struct fsg_arm_opts {
	uint64_t ring_bytes; /* 0 = by the guest's memory */
	const char *without, *run_dir;
	bool no_symbols, no_bpf, foreground;
};

struct fsg_arming {
	const struct fsg_arm_opts *o;
	unsigned int cpus;     /* with a ring */
	unsigned int cpus_out; /* beyond them: not recorded */
	bool other;            /* another process has armed; nothing here is ours to remove */
	uint64_t ring_bytes;
	struct fsg_recorder rec;
	struct fsg_symbols symbols;
	struct fsg_layout layout;
	char why_no_bpf[FSG_ARMING_SENTENCE], why_no_symbols[FSG_ARMING_SENTENCE];
	char clocksource[32];
};

/*
 * Arms: from a return of 0 on all is recorded, and the directory can be found. Else a negative
 * errno and a sentence in @err (FSG_ARMING_SENTENCE bytes); fsg_arming_disarm() is still needed,
 * unless @a->other.
 */
int fsg_arming_arm(struct fsg_arming *a, char *err);

/* Gives back what only arming needed, and locks all that is left into memory. */
void fsg_arming_settle(struct fsg_arming *a);

void fsg_arming_disarm(struct fsg_arming *a);

#endif
