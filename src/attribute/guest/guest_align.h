/* SPDX-License-Identifier: BSD-2-Clause */
/* One fork's guest time to host time, from its vCPUs' timelines and its guest's rings. */
#ifndef FORKSCOPE_ATTR_GUEST_ALIGN_H
#define FORKSCOPE_ATTR_GUEST_ALIGN_H

#include "align/align.h"
#include "attribute/state/objects.h"
#include "record/guest/guest_data.h"

/*
 * To be called when the window of @vm is evaluated, while its threads' exits are kept. All records
 * of all rings of @g take part, and @map holds with map->error_ns from the first of them to the
 * window's end.
 *
 * Returns 0; -ENOMEM; or, with a sentence in @why that says what the fork's guest recording fails
 * on, what fsl_align() returns: -ENODATA, -ERANGE, -EADDRNOTAVAIL (@map then has `events` and, for
 * -ERANGE, `outside` of the best offset).
 */
int at_guest_align(struct at *a, struct at_vm *vm, const struct fsr_guest_data *g,
		   struct fsl_map *map, char *why, size_t len);

/* "when its vCPU was in guest mode below, the VM's clock above; ..." for fsa_guest.limited_by.
 * Returns @buf. */
const char *at_guest_limits(const struct fsl_map *map, char *buf, size_t len);

#endif
