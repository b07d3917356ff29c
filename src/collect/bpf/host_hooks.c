// SPDX-License-Identifier: BSD-2-Clause
/* The host's table of wants and hooks, made of host_hooks.def. */
#include "collect/bpf/host_hooks.h"
#include "bpf/knobs.h"

enum {
#define FS_WANT(want, need, purpose, lost) WANT_##want,
#include "collect/bpf/host_hooks.def"
	NWANTS
};

enum { SHARPENS, NEEDED };

static const struct fs_want wants[] = {
#define FS_WANT(want, need, purpose, lost) {#want, need, purpose, lost},
#include "collect/bpf/host_hooks.def"
};

/* KNOB(none) is -1, KNOB(field) the field's offset: NONE_none alone brings an argument more. */
#define NONE_none                  ~, -1
#define SECOND(first, second, ...) second
#define PICK(...)                  SECOND(__VA_ARGS__)
#define KNOB(knob)                 PICK(NONE_##knob, offsetof(struct fs_knobs, knob), 0)

static const struct fs_hook hooks[] = {
#define FS_HOOK(want, rank, kind, prog, target, cond, knob) \
	{WANT_##want, rank, FS_HOOK_##kind, #prog, target, FS_COND_##cond, KNOB(knob)},
#include "collect/bpf/host_hooks.def"
};

const struct fs_hooks fs_hooks_host = {
	.wants = wants,
	.nwants = NWANTS,
	.hooks = hooks,
	.nhooks = sizeof(hooks) / sizeof(hooks[0]),
};
