/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's wants and hooks: the table that hooks/plan.h plans from. */
#ifndef FORKSCOPE_GUEST_HOOKS_H
#define FORKSCOPE_GUEST_HOOKS_H

#include "hooks/plan.h"

enum guest_want {
#define FS_WANT(want, need, purpose, lost) GUEST_WANT_##want,
#include "guest/recorder/guest_hooks.def"
	GUEST_WANTS
};

extern const struct fs_hooks guest_hooks;

/* System vectors beside the local timer: their tracepoints are NAME_entry and NAME_exit. */
extern const char *const guest_vectors[];
extern const unsigned int guest_nvectors;

#endif
