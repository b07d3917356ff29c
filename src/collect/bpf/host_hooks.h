/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's wants and hooks: the table that hooks/plan.h plans from, made of host_hooks.def. */
#ifndef FORKSCOPE_HOST_HOOKS_H
#define FORKSCOPE_HOST_HOOKS_H

#include "hooks/plan.h"

extern const struct fs_hooks fs_hooks_host;

#endif
