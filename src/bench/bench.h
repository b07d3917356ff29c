/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The experiment: forks of snapshots, in variants (a resume signal and a prefetch), interleaved in
 * random order, each with a network of its own, its acks waited for as the platform does.
 */
#ifndef FORKSCOPE_BENCH_H
#define FORKSCOPE_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "bench/prefetch.h"
#include "bench/template.h"
#include "net/acks.h"
#include "net/tap.h"
#include "vmm/vmm.h"

#define FS_BENCH_ACKS   16 /* acks of a fork that are kept, see fork_acks.h */
#define FS_VARIANT_NAME 60 /* with its NUL; "arm:" before it is a mark's name */

enum fs_cache_state { FS_CACHE_COLD, FS_CACHE_WARM, FS_CACHE_AS_IS };
extern const char *const fs_cache_names[];

/* Where the forks' networks are. */
enum fs_network {
	FS_NETWORK_OWN,  /* a namespace for each fork, all with the same addresses */
	FS_NETWORK_HOST, /* this namespace: an address, and so a copy of the memory file, for each
			  */
	FS_NETWORK_NONE, /* none is made, no acks are waited for */
};
extern const char *const fs_network_names[];

struct fs_bench_opts {
	struct fs_vmm_plan plan;
	const char *const *signals;     /* of the variants, and */
	const char *const *folders;     /* the snapshot of each */
	struct fs_template_files files; /* names in them; is_folder is set here */
	size_t nsignals;
	struct fs_prefetch_spec *prefetch;
	size_t nprefetch;
	unsigned int iters;       /* forks of each variant */
	unsigned int concurrency; /* at once, all of one variant */
	enum fs_cache_state cache;
	bool wait_for_network; /* a fork is there when its network is; else when it is resumed */
	uint64_t seed;
	const char *token;
	bool unseen_ok; /* the user knows that no VM runs on the memory files: see fs_guard_open()
			 */
	struct fs_payload payload;
	uint64_t timeout_ns, linger_ns;
	const char *last_ack; /* "applied" */
	enum fs_network network;
	const char *addresses; /* FS_NETWORK_HOST: "172.16.0.0/24" */
	char tap[IFNAMSIZ];
	uint8_t tap_mac[6];
	const char *override; /* the guest's interface, see struct fs_vmm_at */
	struct fs_vmm_load load;
	enum fs_mechanism how;
	bool in_parallel;            /* prefetch while the fork runs, not before it */
	uint64_t rate;               /* bytes a second; 0 = unlimited */
	struct fs_ranges workingset; /* of --prefetch workingset; the caller's */
	const char *uffd;            /* program: SOCKET MEMFILE */
	const char *work; /* a folder for sockets and logs; made and removed by the caller */
	/* Puts a mark into the recording that runs; NULL = there is none. */
	void (*mark)(const char *name, pid_t pid);
	/* The page cache of this memory file was just dropped; NULL = nobody wants to know. */
	void (*dropped)(int memory);
	/* Has the recorder read the guest of this fork, so that its VMM may end? NULL = none reads
	 * it. */
	bool (*guest_was_read)(pid_t pid);
	const volatile bool *stop; /* set when the user wants to end */
	int stop_fd;               /* readable then */
};

struct fs_variant {
	char name[FS_VARIANT_NAME]; /* "vmgenid:mailbox:64MiB" */
	size_t template;
	const struct fs_prefetch_spec *spec;
	struct fs_ranges ranges;
	bool clamped;
};

/* X(ID, name): what became of a fork */
#define FS_FORK_ENDS(X)           \
	X(DONE, "done")           \
	X(FELL_BACK, "fell-back") \
	X(FAILED, "failed")       \
	X(STOPPED, "stopped")

enum fs_fork_end {
#define X(id, name) FS_FORK_##id,
	FS_FORK_ENDS(X)
#undef X
		FS_FORK_END_COUNT
};
extern const char *const fs_fork_end_names[FS_FORK_END_COUNT];

/* All times are CLOCK_MONOTONIC, 0 = it did not come to that. */
struct fs_fork_result {
	size_t number; /* from 1, in the order in which they were made */
	size_t variant;
	bool first; /* of its variant */
	pid_t pid;
	enum fs_fork_end end;
	char why[FS_VMM_ERR]; /* FAILED: the sentence */
	uint64_t spawn_ns, spawned_ns, load_ns, loaded_ns, resume_ns, resumed_ns, end_ns;
	uint64_t between_ns; /* what the bench itself did between load and resume: no part of a
				total */
	uint64_t prefetch_ns, prefetched_ns, prefetched; /* began, ended, bytes */
	uint64_t missed;                                 /* bytes that populate could not reach */
	uint64_t resident, resident_ranges; /* bytes of the memory file, of the variant's ranges, in
					     * the page cache just before the resume */
	struct fs_ack acks[FS_BENCH_ACKS];
	unsigned int nacks;
	uint64_t refused_acks, acks_not_kept;
	json_t *metrics; /* the VMM's own, or NULL */
};

struct fs_bench {
	struct fs_bench_opts o;
	struct fs_template *templates; /* nsignals of them */
	struct fs_variant *variants;
	size_t nvariants;
	FS_VEC(struct fs_fork_result) forks;
	char version[64]; /* of the VMM */
	struct fs_pool pool;
	char err[FS_VMM_ERR];
};

/*
 * Opens the snapshots, asks the VMM for its version and what it cannot do, makes the variants,
 * fills the mailboxes. Returns 0 or a negative errno with a sentence in b->err.
 */
int fs_bench_open(struct fs_bench *b, const struct fs_bench_opts *o);

/*
 * Makes the forks. Returns 0, also when some have failed or fallen back (see b->forks) or when
 * it was stopped; a negative errno with a sentence in b->err when it could not go on.
 */
int fs_bench_run(struct fs_bench *b);

/* Empties the mailboxes again. */
void fs_bench_close(struct fs_bench *b);

/* How many forks ended so; @variant SIZE_MAX = of all variants. */
size_t fs_bench_count(const struct fs_bench *b, size_t variant, enum fs_fork_end end);

/* When the fork's ack of this stage was read; 0 = never. */
uint64_t fs_fork_ack(const struct fs_fork_result *r, const char *stage);
/* How long the bench loaded it, ns; UINT64_MAX: it did not (an attached command loads by itself).
 */
uint64_t fs_fork_load_ns(const struct fs_bench *b, const struct fs_fork_result *r);

/* --- src/bench/fork.c: each fork in a thread of its own --- */

/* Runs @n forks (results @r) of @variant at once. */
int fs_batch_run(struct fs_bench *b, const struct fs_variant *variant, struct fs_fork_result *r,
		 size_t n);

/* --- src/bench/condition.c --- */

/* Cold or warm, as asked, for a memory file and the snapshot's state. */
int fs_bench_condition(struct fs_bench *b, int memory, const char *state, char *err, size_t len);

#endif
