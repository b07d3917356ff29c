/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of every VM of the recording. */
#ifndef FORKSCOPE_ATTR_LISTED_H
#define FORKSCOPE_ATTR_LISTED_H

#include "attribute/model/model.h"

struct at;
struct at_vm;

int at_list_vm(struct at *a, struct at_vm *vm); /* 0 or -ENOMEM */
/* Its entry, with the VMM's name as it is by now; NULL: there was no room for one. */
struct fsa_vm *at_listed(struct at *a, const struct at_vm *vm);
void at_vm_is_late(struct at *a, const struct at_vm *vm);

#endif
