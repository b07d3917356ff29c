/* SPDX-License-Identifier: BSD-2-Clause */
/* What this program knows of each event kind, all of it from FS_EVENT_KINDS of bpf/event.h. */
#ifndef FORKSCOPE_KINDS_H
#define FORKSCOPE_KINDS_H

#include <stdint.h>
#include "bpf/event.h"

#define FSR_KIND_MAX 255 /* numbers above it are of a newer minor */

const char *fsr_kind_name(uint16_t kind); /* "VMEXIT", or NULL for a kind of a newer minor */
const char *fsr_kind_doc(uint16_t kind);
uint16_t fsr_kind_bytes(uint16_t kind);      /* of its struct here; 0 for an unknown kind */
uint16_t fsr_kind_by_name(const char *name); /* FS_EV_NONE when there is none */

#endif
