// SPDX-License-Identifier: BSD-2-Clause
/* The guest's table of wants and hooks, made of guest_hooks.def. */
#include "guest/recorder/guest_hooks.h"

enum { SHARPENS, NEEDED };

static const struct fs_want wants[] = {
#define FS_WANT(want, need, purpose, lost) {#want, need, purpose, lost},
#include "guest/recorder/guest_hooks.def"
};

static const struct fs_hook hooks[] = {
#define FS_HOOK(want, rank, kind, prog, target, cond, knob) \
	{GUEST_WANT_##want, rank, FS_HOOK_##kind, #prog, target, FS_COND_##cond, -1},
#include "guest/recorder/guest_hooks.def"
};

const struct fs_hooks guest_hooks = {
	.wants = wants,
	.nwants = GUEST_WANTS,
	.hooks = hooks,
	.nhooks = sizeof(hooks) / sizeof(hooks[0]),
};

const char *const guest_vectors[] = {
	"reschedule",       "call_function",       "call_function_single", "irq_work",
	"x86_platform_ipi", "spurious_apic",       "error_apic",           "thermal_apic",
	"threshold_apic",   "deferred_error_apic",
};
const unsigned int guest_nvectors = sizeof(guest_vectors) / sizeof(guest_vectors[0]);
