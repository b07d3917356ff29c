/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a record of the host does to the state: one function for each kind. They return 0, also for
 * a record that is left out, or -ENOMEM.
 */
#ifndef FORKSCOPE_ATTR_RECORDS_H
#define FORKSCOPE_ATTR_RECORDS_H

#include "bpf/event.h"

struct at;

/* Processes and threads. */
int at_on_proc_add(struct at *a, const struct fs_ev_proc_add *e);
int at_on_fork(struct at *a, const struct fs_ev_fork *e);
int at_on_exec(struct at *a, const struct fs_ev_exec *e);
int at_on_call(struct at *a, const struct fs_ev *ev);

/* VMs. */
int at_on_vm_create(struct at *a, const struct fs_ev_vm_create *e);
int at_on_vcpu_create(struct at *a, const struct fs_ev_vcpu_create *e);
int at_on_memslot(struct at *a, const struct fs_ev_memslot *e);

/* Sleeps and wake-ups, exits, page faults. */
int at_on_wake(struct at *a, const struct fs_ev *ev);
int at_on_vmexit(struct at *a, const struct fs_ev_vmexit *e);
int at_on_offcpu(struct at *a, const struct fs_ev_offcpu *e);
int at_on_run(struct at *a, const struct fs_ev_run *e);
int at_on_mmfault(struct at *a, const struct fs_ev_mmfault *e);
int at_on_work(struct at *a, const struct fs_ev_work *e);
int at_on_bio(struct at *a, const struct fs_ev_bio *e);
int at_on_apf(struct at *a, const struct fs_ev_apf *e);
int at_on_halt(struct at *a, const struct fs_ev_halt *e);
int at_on_flush(struct at *a, const struct fs_ev_flush *e);

/* Ends of windows, and their beginnings. */
int at_on_first_run(struct at *a, const struct fs_ev_first_run *e);
int at_on_net_tx(struct at *a, const struct fs_ev_net_tx *e);
int at_on_mark(struct at *a, const struct fs_ev_mark *e);
int at_on_pio(struct at *a, const struct fs_ev_pio *e);

/* Clocks. */
int at_on_tsc_offset(struct at *a, const struct fs_ev_tsc_offset *e);
int at_on_pvclock(struct at *a, const struct fs_ev_pvclock *e);
int at_on_clock(struct at *a, const struct fs_ev_clock *e);

/* Interrupts. */
int at_on_irq_set(struct at *a, const struct fs_ev_irq_set *e);
int at_on_irq_msi(struct at *a, const struct fs_ev_irq_msi *e);
int at_on_irq_accept(struct at *a, const struct fs_ev_irq_accept *e);
int at_on_irq_inject(struct at *a, const struct fs_ev_irq_inject *e);

#endif
