/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which BPF program serves what we want to know. A pure function of a table of wants and hooks and
 * of what was found to work on this kernel; no libbpf in here, so all of it is tested without one.
 */
#ifndef FORKSCOPE_PLAN_H
#define FORKSCOPE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* the tables (host_hooks.def, guest_hooks.def) say what these are */
enum fs_hook_kind {
	FS_HOOK_TP_BTF,
	FS_HOOK_FENTRY,
	FS_HOOK_FEXIT,
	FS_HOOK_KPROBE,
	FS_HOOK_KRETPROBE,
	FS_HOOK_TRACEPOINT,
	FS_HOOK_RAW_TP,
	FS_HOOK_KPROBE_MULTI,
	FS_HOOK_KRETPROBE_MULTI,
	FS_HOOK_KINDS
};
enum fs_hook_cond {
	FS_COND_ALWAYS,
	FS_COND_SVM,
	FS_COND_VMX,
	FS_COND_NOT_VMX,
	FS_COND_TP_PREEMPT,
	FS_HOOK_CONDS
};

/* One thing to know. */
struct fs_want {
	const char *name;
	bool needed;       /* the verdict needs it; else it sharpens it */
	const char *gives; /* what it is for */
	const char *lost;  /* what is lost without it */
};

/* One program of one way to know it. */
struct fs_hook {
	unsigned int want; /* index into the wants */
	unsigned int rank; /* from 1, the best, without holes */
	enum fs_hook_kind kind;
	const char *prog;
	const char *target;
	enum fs_hook_cond cond;
	int knob; /* offset of a __u32 in struct fs_knobs that is set when the rank is taken, or -1
		   */
};

struct fs_hooks {
	const struct fs_want *wants;
	size_t nwants;
	const struct fs_hook *hooks;
	size_t nhooks;
};

/* Do two hooks of a rank stand on the same thing, one as the other's stand-in? */
bool fs_hooks_twins(const struct fs_hook *a, const struct fs_hook *b);

const char *fs_hook_kind_name(enum fs_hook_kind k); /* "tp_btf", as a section name begins */

/* What is known of one hook on this kernel; same index as in the table. */
struct fs_prog {
	int err;       /* 0 = nothing speaks against it, else a negative errno */
	char why[160]; /* reason of err, "EPERM (this kernel refuses function probes)" */
	bool on;       /* the plan uses it */
};

struct fs_choice {
	unsigned int rank; /* of the way that serves the want, from 1 among those whose condition
			    * holds here; 0 = none does */
	char got[200];     /* its hooks, "tp_btf/sys_enter + tp_btf/sys_exit"; "" = none.
			    * "tp_btf/x (twice)": by two programs */
	char why[400];     /* why no better one does, "" when it is the best */
};

struct fs_plan {
	const struct fs_hooks *table;
	bool cond[FS_HOOK_CONDS];  /* which conditions hold here */
	struct fs_prog *progs;     /* one for each hook */
	struct fs_choice *choices; /* one for each want */
};

/*
 * A plan in which nothing speaks against any hook, for a kernel that has (or has not) the types of
 * SVM and VMX. NULL = no memory.
 */
struct fs_plan *fs_plan_new(const struct fs_hooks *table, bool svm, bool vmx);
void fs_plan_free(struct fs_plan *p);

/* For a kernel on which programs on tracepoints can be preempted. */
void fs_plan_tp_preempt(struct fs_plan *p);

/* Index of the hook whose program is @name, or -1. */
int fs_plan_find(const struct fs_plan *p, const char *name);

/* Is each name in @list (divided by commas) a want or a program of the table? */
bool fs_plan_known(const struct fs_hooks *table, const char *list);

/* Rules out the wants and programs that @list names (NULL = none). */
void fs_plan_leave_out(struct fs_plan *p, const char *list);

/*
 * Notes that hook @i does not work: @err is a negative errno, @why the rest of the reason or NULL.
 * The first reason stays. Returns whether that was new.
 */
bool fs_plan_rule_out(struct fs_plan *p, size_t i, int err, const char *why);

/*
 * Chooses for each want the lowest rank whose hooks all stand (of those whose condition holds; a
 * rank without any is skipped), and switches on the programs of these. Returns how many needed
 * wants nothing serves.
 */
size_t fs_plan_choose(struct fs_plan *p);

#endif
