/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMs of a recording: what each is taken for, and why. */
#ifndef FORKSCOPE_RENDER_VMS_H
#define FORKSCOPE_RENDER_VMS_H

#include <jansson.h>
#include "render/view.h"

/* Those that are no restored ones, with the registers that decided; nothing when there are none. */
void fsv_text_vms(const struct fsv_view *v, FILE *out);

/* All of them, as docs/json.md describes `vms`. */
json_t *fsj_vms(const struct fsv_view *v);

#endif
