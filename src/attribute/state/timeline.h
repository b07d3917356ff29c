/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timelines of one host thread: arrays in the order of time, which are appended to while a VM
 * of the process has an open window and freed with it, so memory follows the forks that are open at
 * one time. A span is known when its record is emitted, at its end; a window is therefore evaluated
 * only once its vCPU threads are covered beyond its end (see at_vms_due()).
 */
#ifndef FORKSCOPE_ATTR_TIMELINE_H
#define FORKSCOPE_ATTR_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/vec.h"

/* What a kernel stack shows of a sleep. */
enum { AT_ST_UFFD = 1 << 0, AT_ST_READ = 1 << 1, AT_ST_SWAP = 1 << 2, AT_ST_FAULT = 1 << 3 };

/* One exit of a vCPU, [t0, t1): kvm_exit to kvm_entry. */
struct at_exit {
	uint64_t t0, t1;
	uint64_t rip, gpa, hva;
	uint32_t reason, hints, stack, cache_pages;
	uint32_t run_ns;  /* KVM_RUN was called again this long before t1; 0 = no or unknown */
	uint32_t halt_ns; /* a halt that polling ended lasted until t0 + halt_ns; 0 = none */
	uint32_t mm_ns;   /* inside handle_mm_fault */
	uint16_t n_bio;
	uint16_t cpu;  /* at the entry */
	uint8_t cause; /* enum fsa_cause of a fault; AT_NO_FAULT */
	uint8_t touch; /* likewise, of guest memory touched in an exit that is no fault */
	uint8_t isa;
	uint8_t clipped; /* had not ended: t1 is the end of the recording */
	uint8_t first;   /* no exit: from KVM_RUN to the vCPU's first entry */
};
#define AT_NO_FAULT 0xff

/* Off its CPU, [out, in). */
struct at_off {
	uint64_t out, in;
	uint64_t wake; /* runnable from here on; == in: not before */
	uint64_t work, throttled_ns;
	uint32_t waker_tid, waker_tgid;
	uint32_t wflags, state, stack;
	uint32_t who;       /* string: who had the CPU instead */
	uint32_t waker_who; /* string */
	uint16_t cpu;       /* at switch-in */
	uint8_t st;         /* AT_ST_* of the stack */
	uint8_t flags;      /* AT_OFF_* */
};
/*
 * A wake-up with one of these (FS_W_*) is no message of a thread to another: it comes from an
 * interrupt, or a lock or a page that the sleeper had run into became free.
 */
#define AT_W_NO_MESSAGE (FS_W_IRQ | FS_W_SOFTIRQ | FS_W_TIMER | FS_W_BIO | FS_W_LOCK | FS_W_UNINT)

enum { AT_OFF_IOWAIT = 1, AT_OFF_UNSEEN = 2, AT_OFF_PREEMPT = 4, AT_OFF_STILL = 8 };

struct at_run {          /* one KVM_RUN */
	uint64_t t0, t1; /* t0 0 = not seen */
};

struct at_span {
	uint64_t t0, t1;
	uint64_t done; /* of a wait for pages: when the last of them was there */
	uint8_t cause;
};

struct at_mm { /* a host page fault outside exits */
	uint64_t t0, t1, addr;
	uint32_t hints, stack;
	uint8_t has_end, st;
};

struct at_apf { /* asynchronous page fault, not present to ready; t1 0 = not ready yet */
	uint64_t t0, t1, token;
	uint64_t done; /* the worker had the page; 0 = not seen */
	uint8_t cause;
};

struct at_bio {
	uint64_t t0, t1, work;
	uint32_t bytes;
};

struct at_wake { /* a message to a vCPU thread before its first KVM_RUN */
	uint64_t ts;
	uint32_t by_tid;
	uint8_t signal;
};

struct at_work {
	uint64_t queue, start, end, work;
	uint32_t queuer_tid, worker_tid;
	uint32_t hints;
	uint8_t st;
};

struct at_proc;
struct at_vm;
struct at_guest;
struct fsr_guest_data;

struct at_thr {
	uint32_t tid;
	uint32_t comm; /* string */
	struct at_proc *proc;
	struct at_vm *vm; /* vCPU threads: the VM it runs */
	uint32_t vcpu_id;
	uint32_t parent_tid;
	uint64_t born;      /* its FORK; 0 = it was there before */
	uint64_t seen;      /* first record of it */
	uint64_t died;      /* 0 = lives */
	uint64_t first_run; /* first KVM_RUN seen; 0 = none */
	uint64_t cover;     /* guest or exit until here is certain */
	uint64_t last_entry;
	uint64_t next_out; /* first switch-out that was not kept, 0 = none */
	uint32_t halt_ns_pending;
	uint64_t halt_end;
	bool is_vcpu;
	bool run_unseen;  /* first_run is its first entry: the KVM_RUN before it was not seen */
	uint64_t in_user; /* until then, at least, it had not called KVM_RUN for that entry: it made
			   * other system calls, or waited for a lock of its process */
	FS_VEC(struct at_exit) exits;
	FS_VEC(struct at_off) offs;
	FS_VEC(struct at_run) runs;
	FS_VEC(struct at_mm) mms;
	FS_VEC(struct at_apf) apfs;
	FS_VEC(struct at_bio) bios;
	FS_VEC(struct at_wake) wakes;

	/* made and used while a window is evaluated (path.c) */
	FS_VEC(struct at_span) users;               /* .cause: what that time is */
	FS_VEC(struct at_span) waits;               /* asynchronous faults, disjoint */
	size_t c_exit, c_off, c_user, c_wait, c_mm; /* how many lie before the walk's moment */
	size_t touch_exit;
	uint64_t touch_left;
	size_t forced_off; /* this sleep is not to be followed: index + 1 */
	uint64_t on_path_ns;
};

#endif
