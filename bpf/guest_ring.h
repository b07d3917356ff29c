/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recorder in guest memory: what forkscope-guest arm lays out before the snapshot, what its BPF
 * programs and the agent write, and what the host reads out of the fork's memory. Little endian.
 *
 * A directory page (struct fsg_dir, page-aligned in guest-physical memory, found by its magic)
 * names everything else by guest frame numbers. Parts: one ring for each CPU written by BPF, one
 * ring written by the agent, the symbols of the guest's kernel, a JSON text of what was armed.
 *
 * All of it is hostile input to the host: a guest may write anything here.
 *
 * Times are the guest's CLOCK_MONOTONIC in ns (bpf_ktime_get_ns() and clock_gettime() agree).
 */
#ifndef FORKSCOPE_GUEST_RING_H
#define FORKSCOPE_GUEST_RING_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define FSG_PAGE      4096u
#define FSG_MAGIC     "FORKSCOPE_GUEST_DIRECTORY_V1" /* NUL-padded to 32 bytes */
#define FSG_RING_MARK 0x474e495253463147ull          /* first word of every ring's head page */
#define FSG_MAJOR     1
#define FSG_MINOR     0
#define FSG_MAX_PARTS 72 /* 64 CPUs and the others */
#define FSG_MAX_LISTS 64 /* pages of frame numbers: 512 each, so 128 MiB of parts at most */
#define FSG_MAX_CPUS  64
#define FSG_CLOCKS    4
#define FSG_WATCHERS  8

enum fsg_part_kind {
	FSG_PART_NONE = 0,
	FSG_PART_RING = 1,  /* head page, then records; index = the guest's CPU number */
	FSG_PART_AGENT = 2, /* the same, written by the agent (one writer at a time) */
	FSG_PART_SYMBOLS =
		3,         /* zlib: lines of /proc/kallsyms ("addr type name [module]") of text */
	FSG_PART_META = 4, /* JSON: kernel, hooks [{want, got, why}], tasks {tid: comm}, ... */
};

struct fsg_part {
	__u16 kind; /* enum fsg_part_kind */
	__u16 index;
	__u32 first; /* its first frame in the list of frames */
	__u32 pages; /* consecutive entries of the list; the frames themselves are anywhere */
	__u32 pad;
	__u64 bytes; /* that count: of a ring its records' bytes (a power of two), without head */
	__u64 raw_bytes; /* of SYMBOLS: inflated; else 0 */
};

/*
 * A moment at which several clocks of the guest were read between two reads of the TSC; the
 * tightest of many tries. pv_*: the guest CPU's pvclock page at that moment, version 0 = not
 * readable.
 */
struct fsg_clock {
	__u64 tsc;       /* middle of the two reads */
	__u64 tsc_width; /* between them, in cycles: the uncertainty */
	__u64 mono_ns, raw_ns, boot_ns;
	__u64 pv_tsc_timestamp, pv_system_time;
	__u32 pv_version, pv_mul;
	__s32 pv_shift;
	__u32 cpu;
};

/* A process that waits for a resume signal, as seen before the snapshot (or our agent by itself).
 */
struct fsg_watcher {
	__u32 tgid, tid;
	__u32 how; /* enum fsg_step: VMCLOCK_POLL, VMCLOCK_READ, VMCLOCK_MMAP, KMSG_READ; 0 = free
		    */
	__u32 own; /* 1 = forkscope-guest agent, which writes stages */
	__u64 ts;
	char comm[16];
};

/* struct fsg_dir.flags */
enum {
	FSG_D_BPF = 1 << 0,    /* the rings of the CPUs are written by BPF programs */
	FSG_D_SPLIT = 1 << 1,  /* switches are recorded: tasks are separable */
	FSG_D_SIGNAL = 1 << 2, /* the signal's handlers are recorded (function probes) */
	FSG_D_FAULTS = 1 << 3, /* page faults have an end (function probes) */
};

struct fsg_dir {
	char magic[32];
	__u16 major, minor;
	__u32 dir_bytes; /* of this struct */
	__u8 id[16];     /* random, of this arming: snapshots of it and their forks share it */
	__u32 flags;     /* FSG_D_* */
	__u32 ncpus;
	__u32 nparts, nlists;
	__u32 rec_bytes; /* sizeof(struct fsg_rec) */
	__u32 arm_pid;
	__u32 probe_ns_x16; /* cost of one recorded event, calibrated when armed, in 1/16 ns; 0 =
			       not known */
	__u32 clocksource;  /* 1 = kvm-clock, 2 = tsc, 0 = another */
	__u64 tsc_khz;      /* as the guest's kernel says, 0 = not known */
	struct fsg_clock clocks[FSG_CLOCKS];
	struct fsg_watcher watchers[FSG_WATCHERS];
	struct fsg_part parts[FSG_MAX_PARTS];
	__u64 list_gfn[FSG_MAX_LISTS]; /* frames that hold the list: u64 guest frame numbers */
};

/*
 * First page of a ring. `head` counts records ever begun; record n stands at n % (bytes / 32).
 * After a fork's resume the heads are what is written first, while the directory need not be
 * touched at all: `dir_gfn` lets the host find it from any head, without a search of the snapshot.
 */
struct fsg_ring_head {
	__u64 mark; /* FSG_RING_MARK */
	__u64 head;
	__u32 index;
	__u32 pad;
	__u64 lost;    /* records that were not written for another reason than being overwritten */
	__u64 dir_gfn; /* frame of the directory page; 0 = not known */
};

/* X(number, NAME, "meaning of tid, x, a") : append-only */
#define FSG_KINDS(X)                                                                              \
	X(1, SWITCH,                                                                              \
	  "tid leaves the CPU, x gets it; flags: prev_state (12 bits); a: x's comm, 8 bytes")     \
	X(2, WAKING, "tid (or an interrupt, by flags) wakes x; a: x's comm")                      \
	X(3, WAKEUP, "x was put on the runqueue of CPU (u32)a; a >> 32: 1 = a new task")          \
	X(4, IRQ, "handler of irq x begins; a: its name, 8 bytes")                                \
	X(5, IRQ_END, "handler of irq x ended; a: 1 = it was its interrupt")                      \
	X(6, VECTOR, "x86 system vector x begins (local timer, reschedule, call function, ...)")  \
	X(7, VECTOR_END, "system vector x ended")                                                 \
	X(8, SOFTIRQ, "softirq x begins")                                                         \
	X(9, SOFTIRQ_END, "softirq x ended")                                                      \
	X(10, WORK_QUEUE, "tid queued a work item; x: its address, low half; a: its function")    \
	X(11, WORK, "tid (a kernel worker) executes it; x, a as above")                           \
	X(12, WORK_END, "... has executed it; x, a as above")                                     \
	X(13, FAULT, "tid faults at address a; x: error code of the exception, bit 31 = unknown") \
	X(14, FAULT_END, "tid's fault is over; x: 1 = major, 2 = failed; a: address")             \
	X(15, STEP,                                                                               \
	  "x: enum fsg_step, a step of the resume signal in the kernel; a: its argument")         \
	X(16, STEP_END, "x: enum fsg_step is over; a: what it returned")                          \
	X(17, RTNL, "tid's rtnetlink message begins; x: nlmsg_type")                              \
	X(18, RTNL_END, "... was handled; x: nlmsg_type; a: what it returned")                    \
	X(19, UDP_SEND, "tid sends a datagram; x: destination port; a: bytes")                    \
	X(20, UDP_SENT, "... it is on its way; a: what it returned")                              \
	X(21, LOCK, "tid waits for a lock; a: its address; x: flags of contention_begin")         \
	X(22, LOCK_END, "tid waits no more; a: its address")                                      \
	X(23, STAGE, "the agent (tid) by itself; x: enum fsg_stage; a: its argument")             \
	X(24, WRAP, "none: fills the place of a record that was given up")

enum fsg_kind {
	FSG_K_NONE = 0,
#define X(num, name, doc) FSG_K_##name = num,
	FSG_KINDS(X)
#undef X
};

/* X(number, NAME, "kernel function or tracepoint behind it") : append-only */
#define FSG_STEPS(X)                                              \
	X(1, GPE, "acpi_ev_gpe_dispatch")                         \
	X(2, GED, "acpi_ged_irq_handler")                         \
	X(3, ACPI_WORK, "acpi_os_execute_deferred")               \
	X(4, ACPI_NOTIFY, "acpi_ev_notify_dispatch")              \
	X(5, VMCLOCK_NOTIFY, "vmclock_acpi_notification_handler") \
	X(6, VMCLOCK_POLL, "vmclock_miscdev_poll")                \
	X(7, VMCLOCK_READ, "vmclock_miscdev_read")                \
	X(8, VMCLOCK_MMAP, "vmclock_miscdev_mmap")                \
	X(9, VMGENID_NOTIFY, "vmgenid_acpi_handler")              \
	X(10, VMFORK, "add_vmfork_randomness")                    \
	X(11, PRINTK, "console (tracepoint)")                     \
	X(12, KMSG_READ, "devkmsg_read")

enum fsg_step {
	FSG_STEP_NONE = 0,
#define X(num, name, doc) FSG_STEP_##name = num,
	FSG_STEPS(X)
#undef X
};

/* X(number, NAME, "meaning of a") : what the agent says of itself, append-only */
#define FSG_STAGES(X)                                                                       \
	X(1, ARMED,                                                                         \
	  "enum fs signal: 1 vmclock, 2 vmgenid, 3 vmclock-spin, 4 vmclock read in turns, " \
	  "5 the mailbox read in turns")                                                    \
	X(2, SIGNAL_SEEN, "the same")                                                       \
	X(3, MAILBOX_SEEN, "decoded: 0 = well, else the error")                             \
	X(4, ACK, "before it is sent: the stage's name, its first 8 bytes")                 \
	X(5, NETLINK_START, "0")                                                            \
	X(6, NETLINK_DONE, "errno, 0 = applied")                                            \
	X(7, DONE, "armed again")

enum fsg_stage {
	FSG_STAGE_NONE = 0,
#define X(num, name, doc) FSG_STAGE_##name = num,
	FSG_STAGES(X)
#undef X
};

/* struct fsg_rec.flags of all kinds but SWITCH; of SWITCH the two highest bits alone */
enum {
	FSG_F_HARDIRQ = 1 << 15, /* in interrupt context: tid is whom it interrupted */
	FSG_F_SOFTIRQ = 1 << 14,
	FSG_F_PREEMPT = 1 << 13, /* SWITCH: tid was preempted (it is runnable still) */
};

/*
 * One record, 32 bytes: 128 of them a page, because each page written for the first time in a fork
 * is a fault of it. `seq` is the record's number + 1, low half, written last: a record whose seq
 * does not fit its place is being written, or was overwritten, or is not a record.
 */
struct fsg_rec {
	__u64 ts;
	__u32 seq;
	__u16 kind;
	__u16 flags;
	__u32 tid;
	__u32 x;
	__u64 a;
};

_Static_assert(sizeof(struct fsg_rec) == 32, "128 records a page");
_Static_assert(sizeof(struct fsg_dir) <= FSG_PAGE, "the directory is one page");
_Static_assert(sizeof(struct fsg_part) == 32, "directory part");

#endif
