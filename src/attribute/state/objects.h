/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes and VMs: what is known of them while their windows are open. */
#ifndef FORKSCOPE_ATTR_OBJECTS_H
#define FORKSCOPE_ATTR_OBJECTS_H

#include "align/clock_map.h"
#include "attribute/model/model.h"
#include "attribute/state/timeline.h"

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

/* What an experiment reports by marks (records/fork_marks.c); 0 = it did not. */
struct at_marks {
	uint32_t variant;               /* string */
	uint64_t prefetch_ns, resident; /* + 1 */
};

struct at_proc {
	uint32_t tgid;
	uint32_t comm;
	uint32_t exec_file;
	uint64_t start_ns, exec_ns;
	uint64_t died;
	bool late;
	struct at_marks marks; /* of marks for it alone */
	size_t spans;          /* kept by its threads */
	unsigned int open;     /* VMs with an open window */
	uint64_t keep_until;   /* spans that begin later are dropped; UINT64_MAX = none known yet */
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
	const char *guest_why;  /* why there is nothing of use; NULL = no reason given */
	bool guest_wrong;       /* ... and that is an error, not a guest without a recorder */
	struct at_marks marks;  /* of the marks for every VM that were valid when it was made */
	FS_VEC(struct at_touch) touches;
	size_t touch_limit;               /* then pages that came twice are dropped */
	FS_VEC(struct at_region) regions; /* once known: of one file, then those of the others */
	size_t nregions;                  /* of that file */
	size_t listed;                    /* index + 1 in at.listed, 0 = there was no room */
};

struct at;

/* Whether the VM has a window, or had one: it is a fork. */
static inline bool at_is_fork(const struct at_vm *vm)
{
	return vm->state != AT_VM_NEW && vm->state != AT_VM_OTHER;
}

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

/* The youngest thread of that number, or NULL. */
struct at_thr *at_proc_thr(const struct at_proc *p, uint32_t tid);

void at_thr_drop(struct at_thr *t); /* its spans */
/* Until when spans of @p are wanted, from the states of its VMs; drops them all when not at all. */
void at_proc_keep(struct at_proc *p);
void at_proc_free(struct at *a, struct at_proc *p);
void at_free(struct at *a);

#define AT_SPANS_NO_VM 65536           /* kept of a process that has no VM (yet) */
void at_proc_halve(struct at_proc *p); /* drops the older half of its spans */

/* After each span of @p that was added: a process without a VM is not to fill the memory. */
static inline void at_proc_trim(struct at_proc *p)
{
	if (!p->vms.n && p->spans >= AT_SPANS_NO_VM)
		at_proc_halve(p);
}

#endif
