/* SPDX-License-Identifier: BSD-2-Clause */
/* Names in the guest. */
#ifndef FORKSCOPE_ATTR_GUEST_NAMES_H
#define FORKSCOPE_ATTR_GUEST_NAMES_H

#include "attribute/guest/timelines.h"

struct at;

#define AT_G_NAME 8 /* bytes of a name that a record holds; "..." marks what may be cut */
/* Up to 8 bytes of a name that a guest wrote, as a string. */
uint32_t at_guest_name(struct at *a, uint64_t bytes);
/* Names the task, of whose name a record holds @bytes; @armed: as in struct at_gb. */
void at_guest_name_task(struct at *a, const struct at_guest *g, const json_t *armed,
			struct at_gtask *t, uint64_t bytes);
const char *at_guest_task_name(const struct at *a, const struct at_gtask *t, char *buf, size_t len);
const char *at_guest_frame_name(const struct at *a, const struct at_gframe *f, char *buf,
				size_t len);
/* Strings: the task; what the guest ran. */
uint32_t at_guest_task_label(struct at *a, const struct at_gtask *t);
uint32_t at_guest_label(struct at *a, const struct at_guest *g, const struct at_gseg *s);

#endif
