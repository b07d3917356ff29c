// SPDX-License-Identifier: BSD-2-Clause
/* Frees what the guest's records say of one fork. */
#include "attribute/guest/timelines.h"
#include <stdlib.h>

void at_guest_free(struct at_vm *vm)
{
	struct at_guest *g = vm->guest;

	if (!g)
		return;
	for (size_t i = 0; i < g->tasks.n; i++)
		fs_vec_free(&g->tasks.v[i].runs);
	for (size_t i = 0; i < FSG_MAX_CPUS; i++)
		fs_vec_free(&g->cpus[i].segs);
	fs_hashmap_free(&g->by_tid);
	fs_vec_free(&g->tasks);
	fs_vec_free(&g->frames);
	fs_vec_free(&g->works);
	fs_vec_free(&g->wakes);
	fs_vec_free(&g->faults);
	fs_vec_free(&g->steps);
	fs_vec_free(&g->rtnl);
	fs_vec_free(&g->locks);
	fs_vec_free(&g->sends);
	fs_vec_free(&g->stages);
	fs_vec_free(&g->chain);
	fs_vec_free(&g->schedule);
	free(g);
	vm->guest = NULL;
}
