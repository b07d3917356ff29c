/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One VMM process and the VM in it, whatever VMM it is: a table of operations for each.
 *
 *	struct fs_vmm v;
 *	fs_vmm_init(&v, plan, at);
 *	if (!v.ops->start(&v) && !v.ops->load(&v, &load) && !v.ops->resume(&v)) ...
 *	fs_vmm_end(&v);
 *
 * Every operation returns 0 or a negative errno with a sentence in v->err, which holds what the VMM
 * answered. -ECHILD: the VMM has ended; -ETIMEDOUT: it did not answer in time; -EPROTO: what it
 * answered is no answer; -EREMOTEIO: it refused. Whatever came of it, fs_vmm_end() ends the process
 * that start() began, and no other. What a VMM answers is hostile input: bounded in time, in length
 * and in depth.
 */
#ifndef FORKSCOPE_VMM_H
#define FORKSCOPE_VMM_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "vmm/process.h"

#define FS_VMM_ERR 2048

struct fs_vmm;
struct fs_jail;

struct fs_vmm_version {
	bool known; /* the text had one number of the form N.N, and no other */
	unsigned int major, minor;
};

/* What all VMMs of a run share; borrowed. */
struct fs_vmm_plan {
	const struct fs_vmm_ops *ops;
	const char *program;  /* NULL = ops->program, looked up in PATH */
	char *const *command; /* qemu, attach: the command; else more arguments; may be NULL */
	const char *socket;   /* use the VMM that listens there, start none; may be NULL */
	const struct fs_jail *jail; /* Firecracker: start it by its jailer; may be NULL */
	const char *version;        /* which it is like, whatever it says of itself; may be NULL */
	struct fs_vmm_version is; /* what an earlier one was found to be, before this one answers */
	const json_t *load_json;  /* more fields of its load request; may be NULL */
	/* Firecracker: the path of the vsock device's socket in the state: every VM gets a socket
	 * of its own there. NULL = it has none, or whatever is saved is right. */
	const char *vsock;
	uint64_t call_ns; /* how long to wait for one answer */
};

/* Where this VMM lives; borrowed. */
struct fs_vmm_at {
	const char *folder;   /* of its own: socket, log */
	const char *id;       /* letters, digits, "-" */
	const char *tap;      /* of its network; may be NULL */
	const char *state;    /* the snapshot's state: a file; Cloud Hypervisor: its folder */
	const char *memory;   /* the snapshot's memory file, or this VM's copy of it */
	const char *original; /* the file that `memory` stands for; may be NULL: itself */
	const char *snapshot; /* the folder that was given for it; may be NULL */
	const char *signal;   /* that its guest waits for; may be NULL */
	const char *uffd; /* socket of a userfaultfd handler; NULL = the memory file is mapped */
	const char *override; /* the guest's interface whose TAP is to be `tap`; NULL = as saved */
};

struct fs_vmm_load {
	bool resume; /* inside of the load, where the VMM can; else right after it */
	/* Cloud Hypervisor: how memory is restored */
	const char *mode; /* "OnDemand", "CopyOnWrite"; NULL = as it does by itself */
	bool prefault;
};

struct fs_vmm_ops {
	const char *name;    /* "firecracker" */
	const char *program; /* by default; NULL = the command is needed */
	/* The fields of its load request that are set here, NULL-terminated; NULL = it has none. */
	const char *const *load_fields;
	/*
	 * Why this VMM cannot give the resume signal ("vmclock", "vmgenid", ...) to a VM of the
	 * snapshot at->state, or NULL when it can. Only after start(), for it depends on the VMM's
	 * version.
	 */
	const char *(*no_signal)(const struct fs_vmm *v, const char *signal);
	int (*start)(struct fs_vmm *v); /* until its API answers */
	/* Pauses the VM and writes at->state and at->memory. */
	int (*create)(struct fs_vmm *v);
	int (*load)(struct fs_vmm *v, const struct fs_vmm_load *l);
	int (*resume)(struct fs_vmm *v);
	int (*pause)(struct fs_vmm *v);
	/* What the VMM itself measured, as its own JSON object; NULL = it measures nothing. */
	int (*metrics)(struct fs_vmm *v, json_t **out);
	void (*close)(struct fs_vmm *v); /* what start() opened; the process is ended already */
};

struct fs_vmm {
	const struct fs_vmm_ops *ops;
	const struct fs_vmm_plan *plan;
	const struct fs_vmm_at *at;
	struct fs_process process;
	void *driver;             /* connection and the like */
	char socket[PATH_MAX];    /* of its API */
	char log[PATH_MAX];       /* what it says: console or log; empty = unknown */
	char version[64];         /* as it reports; empty = it does not */
	struct fs_vmm_version is; /* read from it, or as plan->version says */
	char err[FS_VMM_ERR];
};

extern const struct fs_vmm_ops fs_vmm_firecracker, fs_vmm_cloud_hypervisor, fs_vmm_qemu,
	fs_vmm_attach;

/* The driver of this name, or NULL. */
const struct fs_vmm_ops *fs_vmm_find(const char *name);
/* "firecracker, cloud-hypervisor, qemu, attach" */
const char *fs_vmm_names(void);

void fs_vmm_init(struct fs_vmm *v, const struct fs_vmm_plan *plan, const struct fs_vmm_at *at);
/* Ends the VMM if it was started here, closes what is open, removes its socket. Safe at any time.
 */
void fs_vmm_end(struct fs_vmm *v);

/* Has its process ended (and we did not end it)? Then the sentence of how is in v->err. */
bool fs_vmm_died(struct fs_vmm *v);

/*
 * The version in @text: "1.15.1", "v53.0.0", "fork-1.10.1-dirty". Where none is to be read, or more
 * than one, it is unknown.
 */
struct fs_vmm_version fs_vmm_read_version(const char *text);

#endif
