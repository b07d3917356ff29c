/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The owner of all BPF objects: decides with the plan what to load, loads and attaches it, and
 * gives out descriptors. Nothing is pinned: when this process is gone, so are its programs.
 */
#ifndef FORKSCOPE_LOAD_H
#define FORKSCOPE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bpf/event.h"
#include "bpf/knobs.h"
#include "hooks/plan.h"

struct fs_bpf;

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
 * or attach is ruled out and the next rank taken. Returns 0, -EINTR when told to stop, or another
 * negative errno and a sentence in @err.
 */
int fs_bpf_load(const struct fs_load_opts *o, struct fs_bpf **out, char *err, size_t len);

/*
 * What fs_bpf_load() asks before it loads anything (ready.h, the kernel's types, KVM). Returns 0,
 * or a negative errno and a sentence in @err.
 */
int fs_bpf_check(char *err, size_t len);

/* From this instant on the programs record nothing and leave their maps as they are. */
void fs_bpf_stop(struct fs_bpf *b);

/* Detaches every program; what they collected stays readable. */
void fs_bpf_detach(struct fs_bpf *b);
void fs_bpf_free(struct fs_bpf *b);

const struct fs_plan *fs_bpf_plan(const struct fs_bpf *b);
uint64_t fs_bpf_ring_bytes(const struct fs_bpf *b);
/* All possible CPUs, as the values of per-CPU maps stand. */
size_t fs_bpf_cpus(const struct fs_bpf *b, const unsigned int **cpus);
size_t fs_bpf_rings(const struct fs_bpf *b, const unsigned int **cpus, const int **fds);
int fs_bpf_map(const struct fs_bpf *b, const char *name); /* descriptor, or -ENOENT */

/* Adds a process to those that are traced. Returns 0, -EEXIST when it is, or a negative errno. */
int fs_bpf_trace(struct fs_bpf *b, uint32_t tgid, enum fs_why why);

/* Descriptor of the attached program of hook @hook of the table, -1 = it is not attached. */
int fs_bpf_prog(const struct fs_bpf *b, size_t hook);

/* Of the program that reads how often the kernel skipped the others; -1 = none loads here. */
int fs_bpf_misses(const struct fs_bpf *b);

/* Run time of all programs so far, where they count it themselves; else false. */
bool fs_bpf_run_time(const struct fs_bpf *b, uint64_t *ns, uint64_t *cnt);

/* Run time of one program so far, 0 where the kernel does not count. */
struct fs_prog_cost {
	const char *name;
	uint64_t run_ns, run_cnt, misses;
};

/* Of the @i-th attached program; false when there is no such. */
bool fs_bpf_cost(const struct fs_bpf *b, size_t i, struct fs_prog_cost *c);

/* Do maps and programs still answer this process? For the dropping of privileges. */
bool fs_bpf_works(struct fs_bpf *b);

#endif
