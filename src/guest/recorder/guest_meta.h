/* SPDX-License-Identifier: BSD-2-Clause */
/* The part META: what was armed, in words. */
#ifndef FORKSCOPE_GUEST_META_H
#define FORKSCOPE_GUEST_META_H

#include "hooks/plan.h"

struct guest_meta {
	const struct fs_plan *plan;
	const char *clocksource;
	const char *without; /* options as given, NULL = not */
	const char *symbols; /* why there are none, "" = there are */
	const char *bpf;     /* likewise for programs */
	uint64_t ring_bytes;
	unsigned int cpus;
	unsigned int cpus_out; /* that have no ring */
	uint32_t probe_ns_x16;
};

/* A JSON text to be freed, NULL = out of memory. */
char *guest_meta_text(const struct guest_meta *m);

#endif
