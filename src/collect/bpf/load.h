/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decides with the plan what BPF programs to load, loads and attaches them. Nothing is pinned: when
 * this process is gone, so are its programs. What to do with them then: programs.h.
 */
#ifndef FORKSCOPE_LOAD_H
#define FORKSCOPE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bpf/knobs.h"
#include "collect/bpf/programs.h"

/* Is each name in @list (divided by commas) a want or a program of host_hooks.def? */
bool fs_bpf_known(const char *list);

struct fs_load_opts {
	struct fs_knobs knobs; /* the has_* fields are set by the plan */
	uint64_t ring_bytes; /* of each CPU's ring, a power of two; 0 = the default for this host */
	const char *without; /* wants or programs to leave out, "SWAPIN,fs_hmm_exit"; NULL = none */
	bool probe_stats;    /* let the kernel count the run time of each program */
	bool (*stop)(void *arg); /* asked between the steps: true = give up; may be NULL */
	void *arg;
};

#define FS_RING_DEFAULT (16u << 20)
#define FS_RING_MIN     (64u << 10)

/*
 * Probes, plans, loads and attaches: the programs record from now on. A program that does not load
 * or attach is ruled out and the next rank taken. Returns 0, -EINTR when @o->stop said so, or
 * another negative errno and a sentence in @err.
 */
int fs_bpf_load(const struct fs_load_opts *o, struct fs_bpf **out, char *err, size_t len);

/*
 * What fs_bpf_load() asks before it loads anything (ready.h, the kernel's types, KVM). Returns 0,
 * or a negative errno and a sentence in @err.
 */
int fs_bpf_check(char *err, size_t len);

#endif
