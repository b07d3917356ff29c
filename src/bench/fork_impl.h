/* SPDX-License-Identifier: BSD-2-Clause */
/* One fork while it lives: what the files fork*.c share. */
#ifndef FORKSCOPE_BENCH_FORK_IMPL_H
#define FORKSCOPE_BENCH_FORK_IMPL_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "bench/bench.h"

#define FS_FORK_SLICE_NS (100ull * 1000 * 1000)

struct fs_barrier; /* fork.c */

struct fs_fork {
	struct fs_bench *b;
	const struct fs_variant *variant;
	struct fs_template *t;
	struct fs_fork_result *r;
	pthread_t thread;
	bool threaded;
	struct fs_barrier *barrier;
	char folder[PATH_MAX], id[32], uffd[PATH_MAX + 16], copy[PATH_MAX + 16];
	struct fs_vmm_at at;
	struct fs_vmm vmm;
	struct fs_process handler;
	struct fs_payload payload;
	struct fs_tap_want tap;
	bool has_tap, has_copy;
	uint32_t address; /* taken from the pool; 0 = none */
	int memory;       /* descriptor of the file that is mapped */
	int acks;         /* socket; -1 = none */
	/* prefetching while the fork runs */
	pthread_t helper;
	bool helping;
	volatile bool enough;
	struct fs_prefetch_run run;
	char helper_err[400];
};

/* What returns int returns 0 or a negative errno with a sentence in f->r->why. */

/* --- fork_resources.c: what it needs around its VMM --- */

/* Its namespace or address, its TAP, the socket of its acks. */
int fs_fork_make_network(struct fs_fork *f);
/* The memory file that its VMM maps: the template's, or a copy where it has an address of its own.
 */
int fs_fork_make_memory(struct fs_fork *f);
/* The user's userfaultfd handler, if there is to be one, until it listens. */
int fs_fork_start_handler(struct fs_fork *f);
/* Ends the VMM and gives all of that back. */
void fs_fork_clean_up(struct fs_fork *f);

/* --- fork_prefetch.c --- */

/* In this thread, before the resume. */
int fs_fork_prefetch_before(struct fs_fork *f);
/* In a thread of its own, if that was asked for, until fs_fork_end_helper(). */
void fs_fork_prefetch_in_parallel(struct fs_fork *f);
void fs_fork_end_helper(struct fs_fork *f);
/* Just before the resume: counts what is in the page cache, and fills what a populated VMM lacks.
 */
int fs_fork_look_and_populate(struct fs_fork *f);

/* --- fork_end.c --- */

/* Takes over the sentence of the VMM, when @ret is an error. Returns @ret. */
int fs_fork_vmm_failed(struct fs_fork *f, int ret);
/* Waits for what ends the fork: its last ack, its death, the time limit, the user. */
enum fs_fork_end fs_fork_await(struct fs_fork *f);
/* Leaves it alone until the recorder has read what it needs; takes the acks that come late. */
void fs_fork_linger(struct fs_fork *f);

#endif
