/* SPDX-License-Identifier: BSD-2-Clause */
/* The agent's own ring of the recorder: opened before the snapshot, written in hot code. */
#ifndef FORKSCOPE_GUEST_STAGE_H
#define FORKSCOPE_GUEST_STAGE_H

#include <stddef.h>
#include <stdint.h>
#include "bpf/guest_ring.h"

struct guest_ring {
	struct fsg_ring_head *head; /* NULL = nothing is armed: stages go nowhere */
	struct fsg_rec *rec;
	uint32_t mask; /* records - 1 */
	uint32_t tid;
	struct fsg_watcher *self; /* our entry of the directory, NULL = none */
};

/*
 * Takes the ring of what is armed in @run_dir over and enters this process into the directory as
 * one that waits by @how (FSG_STEP_NONE: by nothing that is watched). Returns 0, -ENOENT when
 * nothing is armed, -EBUSY when another agent has the ring, or another negative errno; with a
 * sentence in @err.
 */
int guest_ring_open(struct guest_ring *r, const char *run_dir, enum fsg_step how, char *err,
		    size_t len);
void guest_ring_close(struct guest_ring *r);

/* Writes one record. Hot: touches the ring's two pages, no table, no allocation. */
void guest_stage_at(struct guest_ring *r, uint64_t ns, enum fsg_stage stage, uint64_t a);
void guest_stage(struct guest_ring *r, enum fsg_stage stage, uint64_t a);

#endif
