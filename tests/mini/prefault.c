// SPDX-License-Identifier: BSD-2-Clause
/*
 * The VM's page tables filled before it runs: KVM_PRE_FAULT_MEMORY (Linux 6.11,
 * Documentation/virt/kvm/api.rst 4.143). Only a VMM can do that: it is an ioctl on a vCPU.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "mini.h"

/* Headers of older systems lack it. */
#ifndef KVM_CAP_PRE_FAULT_MEMORY
#define KVM_CAP_PRE_FAULT_MEMORY 236
struct kvm_pre_fault_memory {
	__u64 gpa, size, flags, padding[5];
};
#define KVM_PRE_FAULT_MEMORY _IOWR(KVMIO, 0xd5, struct kvm_pre_fault_memory)
#endif

void mini_pre_fault(struct mini_vm *vm)
{
	struct kvm_pre_fault_memory range = {.size = vm->bytes};

	if (ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_PRE_FAULT_MEMORY) <= 0) {
		fprintf(stderr, "mini: this kernel's KVM has no KVM_PRE_FAULT_MEMORY\n");
		_exit(MINI_NO_PRE_FAULT);
	}
	/* The kernel moves the range on as far as it came: after a signal it goes on there. */
	while (range.size)
		if (ioctl(vm->vcpu[0].fd, KVM_PRE_FAULT_MEMORY, &range) && errno != EINTR &&
		    errno != EAGAIN)
			mini_die("KVM_PRE_FAULT_MEMORY");
}
