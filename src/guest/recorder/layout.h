/* SPDX-License-Identifier: BSD-2-Clause */
/* Lays out what the host reads (bpf/guest_ring.h): directory, lists of frames, parts. */
#ifndef FORKSCOPE_GUEST_LAYOUT_H
#define FORKSCOPE_GUEST_LAYOUT_H

#include "bpf/guest_ring.h"
#include "guest/recorder/block.h"
#include "guest/recorder/guest_symbols.h"

#define GUEST_AGENT_PAGES 2 /* head and 128 records: a fork writes some 20 */

struct guest_layout {
	struct guest_block dir;    /* a page, of the recorder's or of its own */
	struct guest_block *rings; /* of all CPUs, NULL = none */
	unsigned int cpus;
	size_t ring_pages; /* of each, its head included */
	const char *meta;
	size_t meta_bytes;
	const struct guest_symbols *symbols; /* none if its z is NULL */
	/* made by guest_layout_make() */
	struct guest_block store; /* lists, agent's ring, meta, symbols */
	size_t agent_page, meta_page;
	uint64_t dir_gfn;
};

/*
 * Makes the store and fills directory (all but magic, clocks, and what the caller knows alone),
 * lists and heads. Returns 0, or a negative errno and a sentence.
 */
int guest_layout_make(struct guest_layout *l, bool bpf, char *err, size_t len);

/* From here on a host finds it. */
void guest_layout_publish(struct guest_layout *l);

#endif
