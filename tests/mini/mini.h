/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mini VMM for tests: real KVM ioctls, exits, memory faults and wake-ups without a Linux guest.
 * It behaves like a VMM that restores a snapshot: the vCPU threads are made and wait, then the main
 * thread resumes them. It writes down what it did and when, for a test to compare with.
 */
#ifndef MINI_H
#define MINI_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define MINI_MAX_VCPUS 16

enum mini_backing { MINI_ANON, MINI_FILE, MINI_UFFD };

struct mini_opts {
	unsigned int vms, vcpus;
	unsigned int pages;   /* touched, per vCPU */
	unsigned int writes;  /* 1: the touches are writes */
	unsigned int spin;    /* loop turns between two touches */
	unsigned int ports;   /* port writes per vCPU */
	unsigned int halts;   /* halts per vCPU, each ended by an MSI of the main thread */
	unsigned int hold_ms; /* the process stays that long after its end */
	enum mini_backing backing;
	const char *file; /* MINI_FILE: the memory file; made when missing or too short */
	uint64_t uffd_delay_ns;
	int cold;               /* MINI_FILE: drop the file from the page cache first */
	int copy;               /* MINI_FILE: the file is read into memory instead of mapped */
	unsigned int recorder;  /* MINI_FILE: a recorder is in it, which gets so many records */
	unsigned int recorders; /* that many of them are in it */
	unsigned int late_ms;   /* the first record is written that long after the end */
	const char *again;      /* each time this file is there: the records once more */
	int vary;               /* VM n (from 0) touches n more pages, writes to n more ports */
	int huge;               /* MINI_ANON: of huge pages (hugetlb) */
	int pre_fault;          /* the memory is mapped into the VM before it is resumed */
	int one_by_one;         /* VMs run one after the other instead of at once */
	int die;                /* the VMM kills itself before its end */
	unsigned int lock_ms;   /* the VMM's lock, which the vCPU threads want before they run, is
				 * held for that long after the resume */
	unsigned int unseen; /* MINI_UNSEEN_*: these calls are made so that no tracer sees them */
	const char *log;     /* JSON lines, one per VM; 0 = standard output */
};

struct mini_vm;

struct mini_vcpu {
	struct mini_vm *vm;
	pthread_t thread;
	int fd, id, tid;
	int go; /* futex: 0 = paused, 1 = run */
	struct kvm_run *run;
	uint64_t t_run, t_end; /* just before the first KVM_RUN; when the end port was written */
	uint64_t ports;        /* port exits seen in user space, the end included */
	uint64_t exits;        /* all of them */
	int failed;
};

/* Calls that can go unseen: those that make what they name, and each vCPU's first KVM_RUN. */
enum {
	MINI_UNSEEN_VM = 1,
	MINI_UNSEEN_SLOT = 2,
	MINI_UNSEEN_VCPU = 4,
	MINI_UNSEEN_RUN = 8,
};

struct mini_vm {
	const struct mini_opts *o;
	int kvm, fd;
	uint8_t *mem; /* guest-physical 0 */
	size_t bytes;
	uint64_t t_create, t_created, t_resume, t_resumed; /* around KVM_CREATE_VM and the futex */
	struct mini_vcpu vcpu[MINI_MAX_VCPUS];
	int uffd;
	pthread_t uffd_thread;
	uint64_t uffd_served;
	pthread_mutex_t lock;
	int irqchip;
};

#define MINI_END_PORT 0xf4

uint64_t mini_now(void); /* CLOCK_MONOTONIC, ns */
void mini_die(const char *what) __attribute__((noreturn));

/* vm.c: makes the VM with its memory and paused vCPU threads; runs it; ends are in vm->vcpu[]. */
void mini_vm_make(struct mini_vm *vm, const struct mini_opts *o);
void mini_vm_resume(struct mini_vm *vm);
void mini_vm_wait(struct mini_vm *vm);

/* unseen.c: MINI_UNSEEN_* of "vm,slot,vcpu,run", 0 = something else stands there too. */
unsigned int mini_unseen(const char *names);
/*
 * ioctl(); where @what is among those that are to go unseen, by the kernel's gate for 32-bit
 * programs, which numbers system calls otherwise: to a tracer it is as if its probes had not run at
 * all. @arg is then a number, or points to what lies below 4 GiB.
 */
int mini_ioctl(const struct mini_opts *o, unsigned int what, int fd, unsigned int cmd,
	       unsigned long arg);
void *mini_low_memory(size_t bytes); /* zeroed, below 4 GiB */

/* memory.c */
size_t mini_memory_bytes(const struct mini_opts *o);
void mini_memory_file(const struct mini_opts *o); /* makes it, or makes it cold */
void mini_memory_map(struct mini_vm *vm);

/* prefault.c: KVM_PRE_FAULT_MEMORY over all of the memory; ends the process where there is none. */
#define MINI_NO_PRE_FAULT 77 /* its exit status then */
void mini_pre_fault(struct mini_vm *vm);

/* recorder.c: into the memory file, with MINI_BEFORE records; then those of a resumed VM. */
#define MINI_BEFORE         10
#define MINI_MOST_RECORDERS 2
void mini_recorder_lay(const struct mini_opts *o);
void mini_recorder_write(struct mini_vm *vm);
/*
 * Stays for hold_ms; whenever the file `again` is there, writes once more and removes the file.
 * After late_ms writes what mini_recorder_write() left out of the first record.
 */
void mini_recorder_hold(struct mini_vm *vm);

#endif
