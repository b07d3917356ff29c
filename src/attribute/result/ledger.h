/* SPDX-License-Identifier: BSD-2-Clause */
/* The ledger of one fork, from its path. */
#ifndef FORKSCOPE_ATTR_LEDGER_H
#define FORKSCOPE_ATTR_LEDGER_H

#include "attribute/state/objects.h"
#include "attribute/state/path.h"

/* Makes vm->fork from the path. */
int at_ledger(struct at *a, struct at_vm *vm, struct at_path *path);
void at_verdict(struct fsa_fork *f);

#endif
