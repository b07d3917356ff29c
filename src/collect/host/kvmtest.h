/* SPDX-License-Identifier: BSD-2-Clause */
/* Is /dev/kvm fit to run VMs by hardware? Found by running a very small one. */
#ifndef FORKSCOPE_KVMTEST_H
#define FORKSCOPE_KVMTEST_H

#include <stdbool.h>
#include <stdint.h>

struct fs_kvmtest {
	int err;          /* negative errno of the first step that failed, 0 = none */
	const char *step; /* "open /dev/kvm", "KVM_RUN", ...: what failed, or the last one done */
	int api;          /* KVM_GET_API_VERSION; 12 is the only one there is */
	bool halted;      /* the guest ran through its loop and halted */
	uint32_t reason;  /* KVM_EXIT_* of the last KVM_RUN */
	uint64_t loops;   /* that the guest counted */
	uint64_t run_ns;  /* in KVM_RUN */
};

#define FS_KVMTEST_PATIENCE_MS 5000

/*
 * Runs a guest that counts down from @loops and halts, in a child process which is ended when it
 * takes longer than FS_KVMTEST_PATIENCE_MS (-ETIMEDOUT). @started(pid, arg) is called, when not
 * NULL, before the child does anything: so that it can be traced.
 */
void fs_kvmtest(uint64_t loops, void (*started)(int pid, void *arg), void *arg,
		struct fs_kvmtest *result);

#endif
