/* SPDX-License-Identifier: BSD-2-Clause */
/* Facts of this host that the recording and the doctor state. */
#ifndef FORKSCOPE_HOST_H
#define FORKSCOPE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

enum fs_kvm_kind {
	FS_KVM_NONE,     /* no /dev/kvm */
	FS_KVM_SVM,      /* kvm_amd on a processor with SVM */
	FS_KVM_VMX,      /* kvm_intel on a processor with VMX */
	FS_KVM_EMULATED, /* /dev/kvm without either: it cannot enter guests by hardware */
};

struct fs_host {
	char kernel[65];     /* uname -r */
	char version[65];    /* uname -v */
	char machine[65];    /* uname -m */
	char cpu_vendor[32]; /* "AuthenticAMD" */
	char cpu_model[96];
	bool cpu_svm, cpu_vmx; /* processor flags */
	char modules[128];     /* of kvm that are present, "kvm kvm_amd" */
	enum fs_kvm_kind kvm;
	unsigned int cpus; /* online */
	size_t page_size;
	uint64_t memory;      /* bytes */
	bool btf;             /* the kernel describes its types */
	bool kptr_restricted; /* /proc/kallsyms shows this process no addresses */
};

/* Pairs of clocks, read inside one bracket of CLOCK_MONOTONIC. All ns. */
struct fs_clocks {
	uint64_t mono, real, raw, boot;
	uint64_t bracket; /* width of the bracket: the error of a pair is at most half of it */
};

void fs_host_read(struct fs_host *h);
const char *fs_kvm_text(enum fs_kvm_kind k); /* "hardware svm" */

/*
 * Up to @max numbers of the CPUs that are online, or that may ever be; returns how many there are.
 * The numbers ascend and may have holes. What the kernel gives out for each possible CPU (the
 * values of per-CPU maps) stands in the order of fs_host_possible(), without the holes.
 */
size_t fs_host_cpus(unsigned int *cpus, size_t max);
size_t fs_host_possible(unsigned int *cpus, size_t max);

/* The same of a list as the kernel writes it, "0-3,8,10-11". */
size_t fs_host_list(const char *list, unsigned int *cpus, size_t max);

/* The narrowest of several bracketed reads. */
void fs_clocks_read(struct fs_clocks *c);

/* As META wants it; NULL = no memory. */
json_t *fs_host_json(const struct fs_host *h);
json_t *fs_clocks_json(const struct fs_clocks *c);

#endif
