/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What attribution knows while it reads: processes, their threads' timelines, their VMs.
 *
 * Timelines are arrays in the order of time that are appended to while a VM of the process has an
 * open window and freed with it, so memory follows the forks that are open at one time. A span is
 * known when its record is emitted, at its end; a window is therefore evaluated only once its
 * vCPU threads are covered beyond its end (see at_vm_due()).
 */
#ifndef FORKSCOPE_ATTR_STATE_H
#define FORKSCOPE_ATTR_STATE_H

#include "align/clock.h"
#include "base/hashmap.h"
#include "attribute/model.h"
#include "base/vec.h"

/* What a kernel stack tells of a sleep. */
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
#define AT_W_TELLS_NOTHING \
	(FS_W_IRQ | FS_W_SOFTIRQ | FS_W_TIMER | FS_W_BIO | FS_W_LOCK | FS_W_UNINT)

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
	size_t carve_exit;
	uint64_t carve_left;
	size_t forced_off; /* this sleep is not to be followed: index + 1 */
	uint64_t on_path_ns;
};

enum at_phase_kind {
	AT_PH_EXEC,
	AT_PH_OPEN,
	AT_PH_MMAP,
	AT_PH_VM,
	AT_PH_VCPU,
	AT_PH_SLOT,
	AT_PH_SYSCALL,
	AT_PH_THREAD,
};

struct at_fault { /* on the path */
	uint64_t ns, at, rip, gpa, hva;
	uint64_t sched; /* runnable or out of quota inside it */
	uint32_t io_bytes, io_count;
	uint8_t cause, stage;
	uint8_t huge; /* enum fsa_huge; FSA_NHUGE = not seen to be of huge pages */
};

struct at_faults {
	FS_VEC(struct at_fault) v;
};

struct at_touch {
	uint64_t page, ts; /* page: GPA of its first byte */
	uint8_t cause;
};

struct at_region { /* guest memory that is mapped from the memory file */
	uint64_t gpa, size, offset;
	uint64_t ino;
	uint32_t dev;
};

#define AT_SNAPSHOT_KEYS 2

struct at_phrec { /* a record that marks a phase before resume */
	uint64_t t0, t1;
	uint8_t kind; /* enum at_phase_kind */
	bool huge;    /* a mapping of huge pages */
	uint32_t nr;
	uint64_t arg, addr, size, ino; /* arg: of a mapping its offset in the file */
	uint32_t dev, path;            /* string */
	uint32_t tid;
};

/* What an experiment tells by marks (told.c); 0 = it was not told. */
struct at_told {
	uint32_t arm;                   /* string */
	uint64_t prefetch_ns, resident; /* + 1 */
};

struct at_proc {
	uint32_t tgid;
	uint32_t comm;
	uint32_t exec_file;
	uint64_t start_ns, exec_ns;
	uint64_t died;
	bool late;
	struct at_told told; /* of marks for it alone */
	size_t spans;        /* kept by its threads */
	unsigned int open;   /* VMs with an open window */
	uint64_t keep_until; /* spans that begin later are dropped; UINT64_MAX = none known yet */
	FS_VEC(struct at_thr *) thr;
	FS_VEC(struct at_vm *) vms;
	FS_VEC(struct at_phrec) phases;
	FS_VEC(struct at_work) works;
};

enum at_vm_state {
	AT_VM_NEW,   /* no vCPU ran yet */
	AT_VM_OTHER, /* a boot, or running before the recording: no fork */
	AT_VM_OPEN,  /* a fork, its end not reached */
	AT_VM_ENDED, /* end known; waiting until its threads are covered */
	AT_VM_DONE,  /* ledger made; late acks are still noted */
};

struct at_slot {
	uint64_t gpa, size, hva;
	uint32_t slot;
};

struct at_irq { /* one source of interrupts */
	uint64_t first;
	uint32_t gsi;    /* AT_MSI = a message */
	uint32_t vector; /* 0 = unknown */
	uint32_t count;
};
#define AT_MSI 0xffffffffu

struct at_tx { /* a datagram that left the VM */
	uint64_t ts;
	uint16_t port, bytes; /* destination; of its payload */
};

enum { AT_IRQ_RAISE, AT_IRQ_INJECT, AT_IRQ_AGAIN };
struct at_irqev { /* one raise, injection, or injection again */
	uint64_t ts;
	uint32_t n; /* raise: index of its at_irq; else the vector */
	uint32_t vcpu;
	uint8_t kind;
};

struct at_inject { /* the first delivery of a vector: its injection and its re-injections */
	uint64_t first, last;
	uint32_t times;
	bool closed;
};

struct at_vm {
	uint32_t id;
	enum at_vm_state state;
	bool late;      /* existed before the recording, or its making was not seen */
	bool vcpu_made; /* one of its vCPUs was seen being made */
	bool restore;   /* false: a boot, if it has a window */
	bool end_reached;
	bool mailbox_lost;
	bool decoded_end; /* the guest's own record of the decoding is the end */
	bool has_exits;
	bool huge; /* memory of it is hugetlb */
	struct at_proc *proc;
	uint64_t created, first_run, first_entry;
	uint64_t resume, start, end, deadline;
	uint64_t next_try; /* when to look again whether the window can be evaluated */
	uint64_t try_gap;
	enum fsa_resume_kind resume_kind;
	uint32_t resume_by;
	uint32_t end_tid; /* thread in which the end happened, 0 = none */
	uint64_t first_tx;
	uint64_t events;
	uint32_t notes;
	FS_VEC(struct at_thr *) vcpus;
	FS_VEC(struct at_slot) slots;
	FS_VEC(struct fsa_ack) acks;
	FS_VEC(struct at_irq) irqs;
	struct at_inject *inject; /* 256 of them, once one was seen */
	FS_VEC(struct at_irqev) irq_log;
	uint32_t ncreated;                         /* vCPUs created */
	FS_VEC(struct fsl_pvclock) pvclocks;       /* the last of each vCPU */
	FS_VEC(struct fsl_tsc_offset) tsc_offsets; /* likewise */
	FS_VEC(struct at_tx) txs;
	struct fsa_fork *fork; /* once its ledger was made */
	struct fsr_guest_data *guest_data;
	int guest_state;        /* of loading it: 0 = not tried, 1 = had, -1 = none */
	struct at_guest *guest; /* while its window is evaluated: NULL = nothing of use */
	const char *guest_why;  /* why there is nothing of use; NULL = not said */
	bool guest_wrong;       /* ... and that is an error, not a guest without a recorder */
	struct at_told told;    /* of the marks for every VM that were valid when it was made */
	FS_VEC(struct at_touch) touches;
	size_t touch_limit;               /* then pages that came twice are dropped */
	FS_VEC(struct at_region) regions; /* once known: of one file, then those of the others */
	size_t nregions;                  /* of that file */
	size_t listed;                    /* index + 1 in at.listed, 0 = there was no room */
};

struct at_hole { /* records of a CPU were lost in [t0, t1] */
	uint64_t t0, t1;
	uint32_t cpu;
	uint32_t missing;
};

/* Runs of programs that the kernel skipped: what happened on @cpu in [t0, t1] may not be known. */
struct at_miss {
	uint64_t t0, t1;
	uint32_t cpu; /* FS_ANY_CPU = which is not known */
};
/* Of any program, on whatever CPU; of those that the ledger is made from; of those that tell guest
 * mode. */
enum { AT_MISS_ANY, AT_MISS_SOME, AT_MISS_ALL, AT_MISSES };

struct at_cpu {
	uint32_t max_seq;
	uint64_t last_ts;
	size_t hole; /* index + 1 of its last hole */
	bool seen;
	struct at_thr *thr; /* thread of its last VM exit: saves a lookup */
	struct at_vm *irq_vm;
	size_t irq_index;
	uint64_t irq_ts;
	uint32_t irq_tid;
};
#define AT_CPUS 4096

struct at_strings {
	struct fs_hashmap map; /* hash to index chain */
	FS_VEC(struct at_str {
		char *s;
		uint32_t next;
	})
	v;
};

/* One piece of the path: [t0, end), where end is the t0 of the next one in time. */
struct at_piece {
	uint64_t t0;
	uint32_t exit;  /* index + 1 of the exit it lies in, or that ended it (AT_P_CLOSES) */
	uint32_t fault; /* index + 1 of what the fault is kept as; 0 = no fault */
	uint32_t stack, label; /* label: string */
	uint32_t guest;        /* string: what the guest ran; 0 = not known */
	uint16_t thr;          /* index into the path's threads */
	uint8_t cause, flags, stage;
};
enum {
	AT_P_CLOSES = 1,
	AT_P_WAIT = 2, /* `fault` counts asynchronous waits, else exits */
	AT_P_MM = 4,   /* ... page faults outside exits */
};

struct at_path {
	FS_VEC(struct at_piece) p; /* the latest first, gapless from end back to start */
	FS_VEC(struct at_thr *) thr;
	uint64_t end;
	bool uncovered; /* met time that later records may still explain */
};

static inline uint64_t at_piece_end(const struct at_path *path, size_t i)
{
	return i ? path->p.v[i - 1].t0 : path->end;
}

static inline struct at_thr *at_piece_thr(const struct at_path *path, const struct at_piece *p)
{
	return path->thr.v[p->thr];
}

static inline const struct at_exit *at_piece_exit(const struct at_path *path,
						  const struct at_piece *p)
{
	return p->exit ? &path->thr.v[p->thr]->exits.v[p->exit - 1] : NULL;
}

/* Whether both belong to one fault. */
static inline bool at_same_fault(const struct at_piece *a, const struct at_piece *b)
{
	return a->fault == b->fault && a->thr == b->thr && a->cause == b->cause &&
	       !((a->flags ^ b->flags) & (AT_P_WAIT | AT_P_MM));
}

struct at {
	struct fsr_reader *r;
	struct fsa_opts o;
	uint64_t timeout;
	uint64_t now; /* time of the record at hand */
	uint64_t next_due;
	struct at_path path; /* of the fork at hand; its memory is used again */
	uint64_t events, vms_seen;
	struct fs_hashmap procs, thrs, vms, stacks;
	FS_VEC(struct at_proc *) all_procs;
	FS_VEC(struct at_vm *) all_vms;
	FS_VEC(struct fsa_vm) listed; /* every VM of the recording */
	FS_VEC(struct at_hole) holes;
	FS_VEC(struct at_miss) misses[AT_MISSES]; /* by CPU and time, disjoint */
	FS_VEC(struct fsl_host_clock) clocks;     /* the host's, the latest of them */
	FS_VEC(struct at_made {
		struct fsa_fork *f;
		uint64_t keys[AT_SNAPSHOT_KEYS];
	})
	forks;
	struct at_cpu *cpus;
	struct at_strings str;
	FS_VEC(char *) texts;      /* for the result */
	struct at_told told;       /* of the last marks for every VM */
	FS_VEC(uint32_t) variants; /* strings: names that marks gave, each once */
	bool no_memory;            /* met where it could not be returned: at_feed() returns it */
	uint64_t odd;              /* records that at_odd() left out */
	bool has_hmm;              /* handle_mm_fault was seen: classes are not guesses */
	bool has_huge; /* exits show what the host did for hugetlb memory; not up to 6.5 */
	uint64_t hmm_faults, faults;
	char *err;
	size_t err_len;
};

/* --- strings.c: names are kept once; 0 = "" --- */
uint32_t at_str(struct at *a, const char *s, size_t max); /* stops at NUL or @max; 0 if no memory */
const char *at_str_get(const struct at *a, uint32_t id);
void at_str_free(struct at *a);
/* A sentence that lives as long as the result does, never cut; "" if no memory (a->no_memory). */
const char *at_text(struct at *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- stacks.c --- */
uint8_t at_stack_tells(struct at *a, uint32_t stack); /* AT_ST_* */

/* --- feed.c: one record --- */
int at_feed(struct at *a, const struct fs_ev *ev);

/* --- objects.c --- */
/*
 * For a record that cannot be used, because an id that it must have is 0 or contradicts what was
 * seen before: it is counted and left out. Returns 0, what its handler is to return.
 */
int at_odd(struct at *a);
/* Of a handler that got no VM for @h: 0 there says that the recorder did not know it, no more. */
int at_no_vm(struct at *a, const struct fs_ev *h);

/*
 * NULL: there is none, or with @make its id is 0, or there is no memory (a->no_memory).
 */
struct at_proc *at_proc_get(struct at *a, uint32_t tgid, bool make);
struct at_thr *at_thr_get(struct at *a, uint32_t tid, uint32_t tgid, bool make);
struct at_vm *at_vm_get(struct at *a, uint32_t vm, uint32_t tgid, bool make);
/*
 * The vCPU of guest CPU @index: the one of that number, or in order (APIC numbers with holes); NULL
 * = no such vCPU was seen.
 */
struct at_thr *at_guest_vcpu(const struct at_vm *vm, uint16_t index);
/* The thread of @h, with its VM when the record says which one it runs; NULL: as above. */
struct at_thr *at_vcpu_thread(struct at *a, const struct fs_ev *h, uint32_t vcpu_id);

void at_thr_drop(struct at_thr *t); /* its spans */
/* Until when spans of @p are wanted, from the states of its VMs; drops them all when not at all. */
void at_proc_keep(struct at_proc *p);
void at_proc_trim(struct at_proc *p);
void at_proc_free(struct at *a, struct at_proc *p);
void at_free(struct at *a);

/* --- processes.c --- */
int at_on_proc_add(struct at *a, const struct fs_ev_proc_add *e);
int at_on_fork(struct at *a, const struct fs_ev_fork *e);
int at_on_exec(struct at *a, const struct fs_ev_exec *e);
int at_on_call(struct at *a, const struct fs_ev *ev);
/* Its thread is gone; @p: the process of it. */
void at_thread_ended(struct at *a, const struct fs_ev_exit_task *e, const struct at_proc *p);

/* --- machines.c --- */
int at_on_vm_create(struct at *a, const struct fs_ev_vm_create *e);
int at_on_vcpu_create(struct at *a, const struct fs_ev_vcpu_create *e);
int at_on_memslot(struct at *a, const struct fs_ev_memslot *e);

/* --- losses.c --- */
int at_watch_losses(struct at *a, const struct fs_ev *ev);
/* The last stretch of [t0, t1) in which records of @cpu were lost, or NULL. */
const struct at_hole *at_hole_in(const struct at *a, uint32_t cpu, uint64_t t0, uint64_t t1);

/* --- sleeps.c, vmexits.c, pagefaults.c: records into timelines --- */
int at_on_wake(struct at *a, const struct fs_ev *ev);
/* Onto the timeline of @t, as far as it is kept. 0 or -ENOMEM. */
int at_add_off(struct at *a, struct at_thr *t, struct at_off *o);
int at_on_vmexit(struct at *a, const struct fs_ev_vmexit *e);
int at_on_offcpu(struct at *a, const struct fs_ev_offcpu *e);
int at_on_run(struct at *a, const struct fs_ev_run *e);
int at_on_mmfault(struct at *a, const struct fs_ev_mmfault *e);
int at_on_work(struct at *a, const struct fs_ev_work *e);
int at_on_bio(struct at *a, const struct fs_ev_bio *e);
int at_on_apf(struct at *a, const struct fs_ev_apf *e);
int at_on_halt(struct at *a, const struct fs_ev_halt *e);
int at_on_flush(struct at *a, const struct fs_ev_flush *e);

/* --- windows.c, packets.c --- */
/* Whether the VM has a window, or had one: it is a fork. */
static inline bool at_is_fork(const struct at_vm *vm)
{
	return vm->state != AT_VM_NEW && vm->state != AT_VM_OTHER;
}
int at_on_first_run(struct at *a, const struct fs_ev_first_run *e);
int at_on_net_tx(struct at *a, const struct fs_ev_net_tx *e);
int at_on_mark(struct at *a, const struct fs_ev_mark *e);
int at_on_port(struct at *a, struct at_vm *vm, uint32_t port, uint64_t ts, uint32_t tid);
int at_on_pio(struct at *a, const struct fs_ev_pio *e);
/* Finds where the window begins, with what is known by now. */
void at_window_set(struct at *a, struct at_vm *vm);
/* The window ends at @ts in thread @tid (0 = in none); @reached: that is the end asked for. */
void at_window_end(struct at *a, struct at_vm *vm, uint64_t ts, uint32_t tid, bool reached);
void at_due_at(struct at *a, uint64_t ts); /* at_vms_due() is to be called by then */

/* --- evaluate.c --- */
int at_on_exit_task(struct at *a, const struct fs_ev_exit_task *e);
/* Looks after the windows whose time has come; sets a->next_due. */
int at_vms_due(struct at *a);
int at_finish(struct at *a); /* the recording has ended */

/* --- slots.c --- */
bool at_slot_has(const struct at_vm *vm, uint64_t hva);
uint64_t at_slot_gpa(const struct at_vm *vm, uint64_t hva); /* 0 = in no slot */
struct at_thr *at_proc_thr(const struct at_proc *p, uint32_t tid);

/* --- resume.c --- */
void at_find_resume(struct at *a, struct at_vm *vm);

/* --- listed.c --- */
int at_list_vm(struct at *a, struct at_vm *vm); /* 0 or -ENOMEM */
/* Its entry, with the VMM's name as it is by now; NULL: there was no room for one. */
struct fsa_vm *at_listed(struct at *a, const struct at_vm *vm);
void at_vm_is_late(struct at *a, const struct at_vm *vm);

/* --- vm_kind.c: what each VM is taken for --- */
/* By the first entry @e of one of its vCPUs; NONE: it says nothing of the VM. */
enum fsa_vm_kind at_vm_kind(struct at *a, const struct at_vm *vm, const struct fs_ev_first_run *e);

/* --- classify.c --- */
/*
 * Class of a fault by the hints of its segment and the sleeps inside it (@st: AT_ST_* of their
 * stacks, @iowait: one of them waited for I/O), in the order of the table of causes.
 */
enum fsa_cause at_fault_class(uint32_t hints, uint64_t error_code, unsigned int isa,
			      unsigned int n_alloc, uint8_t st, bool iowait);
bool at_is_fault(uint32_t hints, uint32_t reason, unsigned int isa);
enum fsa_huge at_huge(uint32_t hints); /* of what huge pages; FSA_NHUGE = not seen to be of any */
bool at_is_halt(uint32_t hints, uint32_t reason, unsigned int isa);
bool at_is_irq_exit(uint32_t reason, unsigned int isa);
bool at_is_port_write(const struct at_exit *x, uint64_t info1);

/* --- vm_clocks.c --- */
int at_on_tsc_offset(struct at *a, const struct fs_ev_tsc_offset *e);
int at_on_pvclock(struct at *a, const struct fs_ev_pvclock *e);
int at_on_clock(struct at *a, const struct fs_ev_clock *e);
int at_on_datagram(struct at *a, struct at_vm *vm, const struct fs_ev_net_tx *e);

/* --- irqs.c --- */
int at_on_irq_set(struct at *a, const struct fs_ev_irq_set *e);
int at_on_irq_msi(struct at *a, const struct fs_ev_irq_msi *e);
int at_on_irq_accept(struct at *a, const struct fs_ev_irq_accept *e);
int at_on_irq_inject(struct at *a, const struct fs_ev_irq_inject *e);

/* --- phase_records.c --- */
int at_on_phase(struct at *a, const struct fs_ev *ev);
bool at_has_huge_memory(const struct at_vm *vm); /* by the mappings that were seen */
uint64_t at_load_start(struct at *a, const struct at_vm *vm); /* 0 = not seen */
/* The open of the snapshot's state, NULL = not seen. */
const struct at_phrec *at_state_open(struct at *a, const struct at_vm *vm);
/* Whether @r mapped memory that the guest then got. */
bool at_is_guest_memory(const struct at_vm *vm, const struct at_phrec *r);
/* Whether it set state of a vCPU, of a device. */
bool at_sets_vcpu(const struct at_phrec *r);
bool at_sets_device(const struct at_phrec *r);

/* --- phases.c --- */
int at_phases(struct at *a, struct at_vm *vm, struct fsa_fork *f);

/* --- snapshots.c --- */
/* What names the fork's snapshot: the file behind its memory, that of its state; 0 = not known. */
void at_snapshot_keys(struct at *a, const struct at_vm *vm, uint64_t keys[AT_SNAPSHOT_KEYS]);

/* Notes FSA_N_FIRST. 0 or -ENOMEM */
int at_mark_first(struct at *a);

/* --- path.c --- */
/* The critical path of @vm's window. Returns 0, -ENOMEM, or -EPROTO (an error of this program). */
int at_walk(struct at *a, struct at_vm *vm, struct at_path *path);
/* The exit in which the asynchronous page fault @wait of @t began, or NULL. */
const struct at_exit *at_exit_of_wait(const struct at_thr *t, const struct at_span *wait);
/* Time in which another vCPU was in guest mode while the path was in guest mode, ns. */
uint64_t at_guest_overlap(const struct at_vm *vm, const struct at_path *path);
uint64_t at_off_path(const struct at_vm *vm);

/* --- skipped.c --- */
int at_missed_load(struct at *a); /* once, before the first record */
/*
 * The first stretch of [*t0, *t1) on @cpu in which something of @kind (AT_MISS_*) is missing:
 * narrows it to that. Returns false when there is none.
 */
bool at_missing(const struct at *a, int kind, uint32_t cpu, uint64_t *t0, uint64_t *t1);
/* Was anything missed in [t0, t1), on whatever CPU? */
bool at_missing_in(const struct at *a, uint64_t t0, uint64_t t1);

/* --- widen.c --- */
/* What the path cannot know for skipped programs becomes unknown. 0 or -ENOMEM. */
int at_missed_widen(struct at *a, struct at_vm *vm, struct at_path *path);

/* --- ledger.c --- */
/* Makes vm->fork from the path. */
int at_ledger(struct at *a, struct at_vm *vm, struct at_path *path);
void at_verdict(struct fsa_fork *f);

/* --- segments.c --- */
/* Makes f->segs and f->labels. 0 or -ENOMEM. */
int at_segments(struct at *a, struct fsa_fork *f, const struct at_path *path);

/* --- faults.c --- */
/* Makes f->fault_class, f->top_faults and, if they are kept, f->path_faults. 0 or -ENOMEM. */
int at_path_faults(struct at *a, struct fsa_fork *f, struct at_vm *vm, const struct at_path *path);

/* --- top_exits.c --- */
/* The exits of the path by reason into f->top_exits. Returns 0 or -ENOMEM. */
int at_top_exits(struct fsa_fork *f, const struct at_path *path);

/* --- touches.c: what opts.keep_faults asks for --- */
int at_touch_exit(struct at *a, struct at_vm *vm, const struct at_exit *x);
/* An exit that is kept on no timeline: after the window's end. */
int at_touch_late(struct at *a, struct at_vm *vm, const struct fs_ev_vmexit *e);
int at_touch_mm(struct at *a, const struct at_proc *p, const struct at_mm *m);
/* Leaves the first touch of each page since the resume, in the order of pages. */
void at_touches_compact(struct at_vm *vm);

/* --- memory.c --- */
int at_keep_faults(struct at *a, struct at_vm *vm, struct fsa_fork *f, const struct at_faults *all);
void at_touches_done(struct at *a, struct at_vm *vm); /* tells the VM's fork */

/* --- fork_marks.c: marks by which an experiment tells what it did --- */
int at_on_told(struct at *a, const struct fs_ev_mark *e);

/* --- retire.c --- */
/* Gives the forks of @p what came after their windows, and frees @p. */
void at_proc_retire(struct at *a, struct at_proc *p);

/* --- milestones.c: f->milestones. 0 or -ENOMEM --- */
int at_milestones(struct fsa_fork *f, const struct at_vm *vm);

/* --- stats.c --- */
/* Records and spans that the recorder lost, by its STATS: of each VM (0 = of whom is not known). */
struct at_losses {
	FS_VEC(struct at_lost {
		json_int_t vm;
		uint64_t lost;
	})
	v; /* by VM; fs_vec_free() it */
};
int at_lost_load(const json_t *stats, struct at_losses *l); /* 0 or -ENOMEM */
uint64_t at_lost_of(const struct at_losses *l, uint32_t vm);
int at_cohorts(struct fsa_result *res);
/* Statistics of @n values; UINT64_MAX = never reached. Sorts @v. */
struct fsa_dist at_dist(uint64_t *v, size_t n);

#endif
