/* SPDX-License-Identifier: BSD-2-Clause */
/* The BPF programs once they are loaded (load.h), and their maps: all that others do with them. */
#ifndef FORKSCOPE_PROGRAMS_H
#define FORKSCOPE_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bpf/event.h"
#include "hooks/plan.h"

struct fs_bpf;

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
