/* SPDX-License-Identifier: BSD-2-Clause */
/* What this kernel has, found by looking into its BTF and by trying; never by its version. */
#ifndef FORKSCOPE_PROBE_H
#define FORKSCOPE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include "hooks/plan.h"

struct fs_probe;

/* Loads the kernel's BTF. Returns 0, or a negative errno and a sentence that says what to do. */
int fs_probe_new(struct fs_probe **out, char *err, size_t len);
void fs_probe_free(struct fs_probe *p);

/* Can programs on tracepoints be preempted (7.0 and later), so that the kernel skips others? */
bool fs_probe_tp_preempt(struct fs_probe *p);

/* Is there a function, or a struct, of that name in the kernel or a loaded module? */
bool fs_probe_has_func(struct fs_probe *p, const char *name);
bool fs_probe_has_struct(struct fs_probe *p, const char *name);
bool fs_probe_has_tracepoint(struct fs_probe *p, const char *name);

/*
 * Attaches a function probe that does nothing, and takes it away again. Returns 0, or the negative
 * errno with which the kernel refused it.
 */
int fs_probe_fentry(struct fs_probe *p);

/* Are kprobes built into this kernel? Returns 0 or -ENOENT. */
int fs_probe_kprobe(void);

/* Rules out of @plan what cannot be attached here, without loading any of its programs. */
void fs_probe_plan(struct fs_probe *p, struct fs_plan *plan);

#endif
