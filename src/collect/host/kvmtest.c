// SPDX-License-Identifier: BSD-2-Clause
/* A tiny VM that shows whether KVM enters guests here. */
#include "collect/host/kvmtest.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"

#define MEM_BYTES 0x1000u

/* 16-bit code at address 0: count ecx down to zero, halt. */
static const uint8_t code[] = {
	0x66, 0x49, /* 1: dec ecx */
	0x75, 0xfc, /* jnz 1b */
	0xf4,       /* hlt */
};

/* Calls ioctl and notes the step when it fails. */
#define STEP(r, fd, req, arg)                   \
	({                                      \
		int ret_ = ioctl(fd, req, arg); \
		(r)->step = #req;               \
		if (ret_ < 0)                   \
			(r)->err = -errno;      \
		ret_;                           \
	})

static int set_up(int vm, int vcpu, uint64_t loops, struct fs_kvmtest *r)
{
	struct kvm_userspace_memory_region mem = {.memory_size = MEM_BYTES};
	struct kvm_regs regs = {.rcx = loops, .rflags = 2};
	struct kvm_sregs sregs;
	void *page =
		mmap(NULL, MEM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return r->err = -errno;
	memcpy(page, code, sizeof(code));
	mem.userspace_addr = (uintptr_t)page;
	if (STEP(r, vm, KVM_SET_USER_MEMORY_REGION, &mem) < 0 ||
	    STEP(r, vcpu, KVM_GET_SREGS, &sregs) < 0)
		return r->err;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (STEP(r, vcpu, KVM_SET_SREGS, &sregs) < 0 || STEP(r, vcpu, KVM_SET_REGS, &regs) < 0)
		return r->err;
	return 0;
}

static void run_vm(uint64_t loops, struct fs_kvmtest *r)
{
	int kvm, vm, vcpu, size;
	struct kvm_run *run;
	uint64_t began;

	r->step = "open /dev/kvm";
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0) {
		r->err = -errno;
		return;
	}
	r->api = STEP(r, kvm, KVM_GET_API_VERSION, 0);
	if (r->api < 0 || (vm = STEP(r, kvm, KVM_CREATE_VM, 0)) < 0 ||
	    (vcpu = STEP(r, vm, KVM_CREATE_VCPU, 0)) < 0 ||
	    (size = STEP(r, kvm, KVM_GET_VCPU_MMAP_SIZE, 0)) < 0 || set_up(vm, vcpu, loops, r))
		return;
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED) {
		r->err = -errno;
		return;
	}
	began = fs_mono_ns();
	if (STEP(r, vcpu, KVM_RUN, 0) >= 0)
		r->reason = run->exit_reason;
	r->run_ns = fs_mono_ns() - began;
	r->halted = !r->err && r->reason == KVM_EXIT_HLT;
}

/* The step is a pointer into this very program: it means the same in parent and child. */
static void child(int go, int out, uint64_t loops)
{
	struct fs_kvmtest r = {.loops = loops};
	char c;

	if (read(go, &c, 1) == 1) {
		run_vm(loops, &r);
		if (write(out, &r, sizeof(r)) != sizeof(r))
			_exit(1);
	}
	_exit(0);
}

void fs_kvmtest(uint64_t loops, void (*started)(int pid, void *arg), void *arg,
		struct fs_kvmtest *r)
{
	int go[2] = {-1, -1}, out[2] = {-1, -1};
	struct pollfd p = {.events = POLLIN};
	pid_t pid = -1;

	memset(r, 0, sizeof(*r));
	r->step = "fork";
	if (!pipe2(go, O_CLOEXEC) && !pipe2(out, O_CLOEXEC))
		pid = fork();
	if (!pid) {
		close(go[1]);
		child(go[0], out[1], loops);
	}
	if (pid < 0) {
		r->err = -errno;
	} else {
		close(out[1]);
		out[1] = -1;
		if (started)
			started(pid, arg);
		p.fd = out[0];
		if (write(go[1], "g", 1) == 1 && poll(&p, 1, FS_KVMTEST_PATIENCE_MS) > 0 &&
		    read(out[0], r, sizeof(*r)) == sizeof(*r))
			;
		else
			*r = (struct fs_kvmtest){
				.err = -ETIMEDOUT, .step = "KVM_RUN", .loops = loops};
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	for (int i = 0; i < 2; i++) {
		if (go[i] >= 0)
			close(go[i]);
		if (out[i] >= 0)
			close(out[i]);
	}
}
