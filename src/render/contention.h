/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the forks competed for the host's CPUs, in words and as JSON. */
#ifndef FORKSCOPE_RENDER_CONTENTION_H
#define FORKSCOPE_RENDER_CONTENTION_H

#include <jansson.h>
#include "render/view.h"

/* A paragraph, when they did; else nothing. */
void fsv_contention_text(const struct fsv_view *v, FILE *out);
/* Always an object; NULL without memory. */
json_t *fsj_contention(const struct fsv_view *v);

#endif
