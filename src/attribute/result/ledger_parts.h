/* SPDX-License-Identifier: BSD-2-Clause */
/* What makes the parts of a fork: ledger.c puts them together. int: 0 or -ENOMEM. */
#ifndef FORKSCOPE_ATTR_LEDGER_PARTS_H
#define FORKSCOPE_ATTR_LEDGER_PARTS_H

#include "attribute/state/objects.h"
#include "attribute/state/path.h"

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

/* Makes f->segs and f->labels. 0 or -ENOMEM. */
int at_segments(struct at *a, struct fsa_fork *f, const struct at_path *path);

/* Makes f->fault_class, f->top_faults and, if they are kept, f->path_faults. 0 or -ENOMEM. */
int at_path_faults(struct at *a, struct fsa_fork *f, struct at_vm *vm, const struct at_path *path);

/* The exits of the path by reason into f->top_exits. Returns 0 or -ENOMEM. */
int at_top_exits(struct fsa_fork *f, const struct at_path *path);

/* Makes f->path_faults and f->memory. */
int at_keep_faults(struct at *a, struct at_vm *vm, struct fsa_fork *f, const struct at_faults *all);
/* Makes f->touches of the VM's fork. */
void at_touches_done(struct at *a, struct at_vm *vm);

/* Makes f->milestones. */
int at_milestones(struct fsa_fork *f, const struct at_vm *vm);

/* Makes f->phases. */
int at_phases(struct at *a, struct at_vm *vm, struct fsa_fork *f);

/* What names the fork's snapshot: the file behind its memory, that of its state; 0 = not known. */
void at_snapshot_keys(struct at *a, const struct at_vm *vm, uint64_t keys[AT_SNAPSHOT_KEYS]);

/* Makes f->guest, and its part of f: the notes, f->stages, the clock error. */
void at_guest_fill(const struct at_vm *vm, struct fsa_fork *f);
/* How far the clock error can move the lead of @f's largest bucket, ns. */
uint64_t at_guest_doubt(const struct at_vm *vm, const struct fsa_fork *f);

#endif
