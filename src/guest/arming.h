/* SPDX-License-Identifier: BSD-2-Clause */
/* The making of a recorder, from the options to the published directory. */
#ifndef FORKSCOPE_GUEST_ARMING_H
#define FORKSCOPE_GUEST_ARMING_H

#include <stdbool.h>
#include <stdint.h>
#include "guest/recorder/guest_programs.h"
#include "guest/recorder/guest_symbols.h"
#include "guest/recorder/layout.h"

#define GUEST_ARMING_SENTENCE 480

struct guest_arm_opts {
	uint64_t ring_bytes; /* 0 = by the guest's memory */
	const char *without, *run_dir;
	bool no_symbols, no_bpf, foreground;
};

struct guest_arming {
	const struct guest_arm_opts *o;
	unsigned int cpus;     /* with a ring */
	unsigned int cpus_out; /* beyond them: not recorded */
	bool other;            /* another process has armed; nothing here is ours to remove */
	uint64_t ring_bytes;
	struct guest_recorder rec;
	struct guest_symbols symbols;
	struct guest_layout layout;
	char why_no_bpf[GUEST_ARMING_SENTENCE], why_no_symbols[GUEST_ARMING_SENTENCE];
	char clocksource[32];
};

/*
 * Arms: from a return of 0 on all is recorded, and the directory can be found. Else a negative
 * errno and a sentence in @err (GUEST_ARMING_SENTENCE bytes); guest_arming_stop() is still needed,
 * unless @a->other.
 */
int guest_arming_start(struct guest_arming *a, char *err);

/* Gives back what only arming needed, and locks all that is left into memory. */
void guest_arming_finalize(struct guest_arming *a);

void guest_arming_stop(struct guest_arming *a);

#endif
