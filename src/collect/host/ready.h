/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Would forkscope record work here, and if not, why? One answer: doctor prints it, record, bench
 * and prefetch test refuse by it. fs_bpf_load() asks all of it.
 */
#ifndef FORKSCOPE_READY_H
#define FORKSCOPE_READY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What can be known without loading anything: rights, namespaces, lockdown. Returns 0, or a
 * negative errno with the sentence to print in @err: what is missing, and what to do.
 */
int fs_ready_check(char *err, size_t len);

/*
 * Is KVM there: its device, and (@types) its tracepoints among the kernel's types? Returns 0, or
 * -ENOENT and the sentence.
 */
int fs_ready_kvm(bool types, char *err, size_t len);

/* Puts before @err, why loading failed, what this process lacks for it; nothing if it lacks none.
 */
void fs_ready_explain(char *err, size_t len);

#endif
