/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams that left a VM: pairs of times of the guest and the host. */
#ifndef FORKSCOPE_ATTR_VM_CLOCKS_H
#define FORKSCOPE_ATTR_VM_CLOCKS_H

#include "bpf/event.h"

struct at;
struct at_vm;

int at_on_datagram(struct at *a, struct at_vm *vm, const struct fs_ev_net_tx *e);

#endif
