/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes the critical path of a window, and changes it by what else is known. */
#ifndef FORKSCOPE_ATTR_WALK_H
#define FORKSCOPE_ATTR_WALK_H

#include "attribute/state/objects.h"
#include "attribute/state/path.h"

/* The critical path of @vm's window. Returns 0, -ENOMEM, or -EPROTO (an error of this program). */
int at_path_walk(struct at *a, struct at_vm *vm, struct at_path *path);

/* Gives each segment of the path its stage, and guest time its cause. 0 or -ENOMEM. */
int at_guest_split(struct at *a, struct at_vm *vm, struct at_path *path);

/* What the path cannot know for skipped programs becomes unknown. 0 or -ENOMEM. */
int at_missed_widen(struct at *a, struct at_vm *vm, struct at_path *path);

/* The exit in which the asynchronous page fault @wait of @t began, or NULL. */
const struct at_exit *at_exit_of_wait(const struct at_thr *t, const struct at_span *wait);

/* Time in which another vCPU was in guest mode while the path was in guest mode, ns. */
uint64_t at_guest_overlap(const struct at_vm *vm, const struct at_path *path);

/* Time in the window that threads of the VMM were on a CPU outside of the path, ns. */
uint64_t at_off_path(const struct at_vm *vm);

#endif
