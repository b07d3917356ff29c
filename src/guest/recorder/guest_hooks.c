// SPDX-License-Identifier: BSD-2-Clause
#include "guest/recorder/guest_hooks.h"

enum { SHARPENS, NEEDED };

static const struct fs_want wants[] = {
#define FS_WANT(want, need, purpose, lost) {#want, need, purpose, lost},
#include "guest/recorder/guest_hooks.def"
};

static const struct fs_hook hooks[] = {
#define FS_HOOK(want, rank, kind, prog, target, cond, knob) \
	{FSG_WANT_##want, rank, FS_HOOK_##kind, #prog, target, FS_COND_##cond, -1},
#include "guest/recorder/guest_hooks.def"
};

const struct fs_hooks fsg_hooks = {
	.wants = wants,
	.nwants = FSG_WANTS,
	.hooks = hooks,
	.nhooks = sizeof(hooks) / sizeof(hooks[0]),
};

const char *const fsg_vectors[] = {
	"reschedule",       "call_function",       "call_function_single", "irq_work",
	"x86_platform_ipi", "spurious_apic",       "error_apic",           "thermal_apic",
	"threshold_apic",   "deferred_error_apic",
};
const unsigned int fsg_nvectors = sizeof(fsg_vectors) / sizeof(fsg_vectors[0]);
