/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which BPF program serves what we want to know. A pure function of the table in hooks.def and of
 * what was found to work on this kernel; no libbpf in here, so all of it is tested without one.
 */
#ifndef FORKSCOPE_PLAN_H
#define FORKSCOPE_PLAN_H

#include <stdbool.h>
#include <stddef.h>

/* One thing to know. */
struct fs_want {
	const char *name;
	bool needed;       /* without it there is no ledger at all */
	const char *gives; /* what it is good for */
	const char *lost;  /* what is lost without it, a sentence */
};

/* One program of one way to know it. All programs of the same want and rank are needed together. */
struct fs_way {
	unsigned int want; /* index into the wants */
	unsigned int rank; /* from 1, the best, without holes */
	const char *prog;
};

struct fs_hooks {
	const struct fs_want *wants;
	size_t nwants;
	const struct fs_way *ways;
	size_t nways;
};

extern const struct fs_hooks fs_hooks_host; /* hooks.def */

/* What is known of one program on this kernel. Programs are shared between wants. */
struct fs_prog {
	const char *name;
	char hook[64]; /* where it attaches, "tp_btf/kvm_exit" (from its section) */
	int err;       /* 0 = nothing speaks against it, else a negative errno */
	char why[160]; /* reason of err, "EPERM (this kernel refuses function probes)" */
	bool on;       /* the plan uses it */
};

struct fs_choice {
	const struct fs_want *want;
	unsigned int rank; /* of the way that serves it; 0 = none does */
	char got[160];     /* its hooks, "tp_btf/kvm_exit + fexit/kvm_mmu_page_fault"; "" */
	char why[400];     /* why no better one does, "" when it is the best */
};

struct fs_plan {
	struct fs_prog *progs; /* each program of the table once */
	size_t nprogs;
	struct fs_choice *choices; /* one for each want, in the order of the table */
	size_t nchoices;
};

/* A plan with every program of @hooks and nothing against any of them. NULL = no memory. */
struct fs_plan *fs_plan_new(const struct fs_hooks *hooks);
void fs_plan_free(struct fs_plan *p);

struct fs_prog *fs_plan_prog(struct fs_plan *p, const char *name); /* NULL = not in the table */

/*
 * Notes that @name does not work: @err is a negative errno, @why the rest of the reason or NULL.
 * The first reason stays. Returns false when that was known already or the program is not there.
 */
bool fs_plan_rule_out(struct fs_plan *p, const char *name, int err, const char *why);

/*
 * Chooses for each want the way of the lowest rank whose programs all stand, and switches on the
 * programs that are used. Returns how many needed wants nothing serves.
 */
size_t fs_plan_choose(const struct fs_hooks *hooks, struct fs_plan *p);

#endif
