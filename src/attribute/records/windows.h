/* SPDX-License-Identifier: BSD-2-Clause */
/* When the windows of forks begin and end. */
#ifndef FORKSCOPE_ATTR_WINDOWS_H
#define FORKSCOPE_ATTR_WINDOWS_H

#include "attribute/state/objects.h"

/* Finds where the window begins, with what is known by now. */
void at_window_set(struct at *a, struct at_vm *vm);
/* The window ends at @ts in thread @tid (0 = in none); @reached: that is the end asked for. */
void at_window_end(struct at *a, struct at_vm *vm, uint64_t ts, uint32_t tid, bool reached);
void at_due_at(struct at *a, uint64_t ts); /* at_vms_due() is to be called by then */
/* A write to a port, which may be the end that was asked for. */
int at_on_port(struct at *a, struct at_vm *vm, uint32_t port, uint64_t ts, uint32_t tid);

/* Sets vm->resume, and who did it. */
void at_find_resume(struct at *a, struct at_vm *vm);

/*
 * What a VM is taken for, by the first entry @e of one of its vCPUs; NONE: it says nothing of the
 * VM.
 */
enum fsa_vm_kind at_vm_kind(struct at *a, const struct at_vm *vm, const struct fs_ev_first_run *e);

#endif
