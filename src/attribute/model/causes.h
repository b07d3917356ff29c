/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger's rows and columns: buckets, stages, causes.
 * The meaning of each is docs/attribution.md.
 */
#ifndef FORKSCOPE_CAUSES_H
#define FORKSCOPE_CAUSES_H

/* X(ENUM, "name", "json key", "title") */
#define FSA_BUCKETS(X)                                                        \
	X(MEMORY, "memory_faults", "memory_faults_ns", "memory faults")       \
	X(VCPU, "vcpu_progress", "vcpu_progress_ns", "vCPU progress")         \
	X(SIGNAL, "signal_delivery", "signal_delivery_ns", "signal delivery") \
	X(GUEST, "guest_unsplit", "guest_unsplit_ns", "guest (not split)")    \
	X(TRACER, "tracer", "tracer_ns", "tracer")                            \
	X(UNKNOWN, "unknown", "unknown_ns", "unknown")

enum fsa_bucket {
#define X(e, name, key, title) FSA_B_##e,
	FSA_BUCKETS(X)
#undef X
		FSA_NBUCKETS
};

/* In the order of the signal path. Host-only there is the one stage `guest`. */
#define FSA_STAGES(X)         \
	X(RAISE, "raise")     \
	X(INJECT, "inject")   \
	X(NOTIFY, "notify")   \
	X(WAKEUP, "wakeup")   \
	X(MAILBOX, "mailbox") \
	X(APPLY, "apply")     \
	X(ACK, "ack")         \
	X(GUEST, "guest")

enum fsa_stage {
#define X(e, name) FSA_S_##e,
	FSA_STAGES(X)
#undef X
		FSA_NSTAGES
};

/*
 * X(ENUM, "name", bucket, "meaning"): in the order in which a fault's class is decided.
 * guest.idle belongs to SIGNAL in the stages raise to wakeup, to VCPU after them, and (host-only)
 * to GUEST in the stage guest: see fsa_bucket_of().
 */
#define FSA_CAUSES(X)                                                                           \
	X(SCHED_DELAY, "sched.delay", VCPU, "runnable, not on a CPU")                           \
	X(SCHED_THROTTLE, "sched.throttle", VCPU, "a cgroup's CPU quota was used up")           \
	X(SCHED_BLOCKED, "sched.blocked", VCPU, "blocked: a VMM lock, stopped, traced")         \
	X(EXIT_KERNEL, "exit.kernel", VCPU, "KVM handled an exit that is no memory fault")      \
	X(EXIT_VMM, "exit.vmm", VCPU, "the exit went to the VMM in user space")                 \
	X(VMM_IO, "vmm.io", VCPU, "the path ran through another VMM thread or a kernel worker") \
	X(FAULT_UFFD, "fault.uffd", MEMORY, "waited for a userfaultfd handler")                 \
	X(FAULT_MAJOR, "fault.major", MEMORY, "had to read from disk")                          \
	X(FAULT_COW, "fault.cow", MEMORY, "copy on write of a private mapping")                 \
	X(FAULT_ZERO, "fault.zero", MEMORY, "zero page")                                        \
	X(FAULT_CACHED, "fault.cached", MEMORY, "served from the page cache")                   \
	X(FAULT_MAPPED, "fault.mapped", MEMORY, "only the EPT/NPT entry was missing")           \
	X(FAULT_WP, "fault.wp", MEMORY, "write protection or dirty logging")                    \
	X(FAULT_RETRY, "fault.retry", MEMORY, "refault, MMU lock, spurious")                    \
	X(GUEST_FAULT, "guest.fault", MEMORY, "the guest's own page-fault handling")            \
	X(GUEST_SIGNAL, "guest.signal", SIGNAL, "guest code of the signal path")                \
	X(GUEST_OTHER, "guest.other", VCPU, "guest code of anything else")                      \
	X(GUEST_IDLE, "guest.idle", SIGNAL, "halted (halt-polling included)")                   \
	X(GUEST_RUN, "guest.run", GUEST, "guest mode that cannot be split")                     \
	X(TRACER, "tracer", TRACER, "the tracer's own faults and probes")                       \
	X(UNKNOWN, "unknown", UNKNOWN, "not covered by events, or events were lost")

enum fsa_cause {
#define X(e, name, bucket, doc) FSA_C_##e,
	FSA_CAUSES(X)
#undef X
		FSA_NCAUSES
};

const char *fsa_cause_name(enum fsa_cause c);    /* "fault.major" */
const char *fsa_cause_doc(enum fsa_cause c);     /* its meaning, in the table above */
const char *fsa_stage_name(enum fsa_stage s);    /* "inject" */
const char *fsa_bucket_name(enum fsa_bucket b);  /* "memory_faults" */
const char *fsa_bucket_key(enum fsa_bucket b);   /* "memory_faults_ns" */
const char *fsa_bucket_title(enum fsa_bucket b); /* "memory faults" */
/* The bucket of that cell: the cause's, but for guest.idle, whose bucket the stage decides. */
enum fsa_bucket fsa_bucket_of(enum fsa_stage s, enum fsa_cause c);

#endif
