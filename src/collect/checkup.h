/* SPDX-License-Identifier: BSD-2-Clause */
/* What `forkscope doctor` finds out: everything is tried, and taken away again. */
#ifndef FORKSCOPE_CHECKUP_H
#define FORKSCOPE_CHECKUP_H

#include <stdbool.h>
#include <stdint.h>
#include "collect/bpf/load.h"
#include "collect/host/host.h"
#include "collect/host/kvmtest.h"

/* X(ENUM, "key", "sentence") */
#define FS_KVM_VERDICTS(X)                                                                       \
	X(HARDWARE, "hardware", "it enters guests by hardware, and kvm_entry shows when")        \
	X(SOFTWARE, "emulated",                                                                  \
	  "paravirtual or emulating: its ioctls are real but kvm_entry never fires; guests run " \
	  "very slowly, and their time is not separable from the kernel's")                      \
	X(UNTRACED, "untraced",                                                                  \
	  "a VM runs, but no event of it could be seen, so how it is run is not known")          \
	X(UNTRIED, "untried",                                                                    \
	  "whether VMs run is not known: this user may not open /dev/kvm (be root, or of its "   \
	  "group)")                                                                              \
	X(BROKEN, "broken", "no VM runs")

enum fs_kvm_verdict {
#define X(e, key, text) FS_KVM_IS_##e,
	FS_KVM_VERDICTS(X)
#undef X
};

struct fs_checkup {
	struct fs_host host;
	int bpf_err; /* of loading and attaching, 0 = all went well */
	char bpf_why[512];
	struct fs_bpf *bpf; /* detached, for its plan; NULL when bpf_err */
	struct fs_kvmtest kvm;
	enum fs_kvm_verdict verdict;
	uint64_t events; /* that the tiny VM caused */
	uint64_t runs;   /* KVM_RUN of it that were seen */
	uint64_t exits;  /* exit-to-entry segments of it that were seen: hardware entries */
	unsigned int needed_missing; /* wants that the verdict needs and nothing serves */
	bool may_load;               /* programs */
	bool all_rights;             /* and read the types of modules, which KVM's are */
	bool kept_works;             /* maps and programs answer without any capability */
	uint64_t memlock;            /* soft limit of locked memory, UINT64_MAX = none */
	bool fit;                    /* forkscope record works here: ready.h */
};

/* Runs all of it. Needs some seconds. */
void fs_checkup(struct fs_checkup *c);
void fs_checkup_free(struct fs_checkup *c);

#endif
