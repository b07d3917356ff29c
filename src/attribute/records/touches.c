// SPDX-License-Identifier: BSD-2-Clause
/* Which pages of guest memory a fork touched, and when: what a prefetch would have to bring. */
#include "attribute/records/touches.h"
#include <errno.h>
#include <stdlib.h>
#include "attribute/records/classify.h"
#include "attribute/state/at.h"
#include "attribute/state/slots.h"

#define COMPACT_AT 65536 /* touches of a VM */

static int by_page(const void *x, const void *y)
{
	const struct at_touch *a = x, *b = y;

	if (a->page != b->page)
		return a->page < b->page ? -1 : 1;
	return a->ts < b->ts ? -1 : a->ts > b->ts;
}

/* What the VMM touched while it loaded the snapshot is no touch of the fork. */
static void drop_before(struct at_vm *vm, uint64_t resume)
{
	size_t n = 0;

	for (size_t i = 0; i < vm->touches.n; i++)
		if (vm->touches.v[i].ts >= resume)
			vm->touches.v[n++] = vm->touches.v[i];
	vm->touches.n = n;
}

void at_touches_compact(struct at_vm *vm)
{
	size_t n = 0;

	/* before it is known, all are the VMM's, and the last of each page may be after it */
	drop_before(vm, vm->resume);
	if (vm->touches.n)
		qsort(vm->touches.v, vm->touches.n, sizeof(*vm->touches.v), by_page);
	for (size_t i = 0; i < vm->touches.n; i++)
		if (!n || vm->touches.v[n - 1].page != vm->touches.v[i].page)
			vm->touches.v[n++] = vm->touches.v[i];
		else if (!vm->resume)
			vm->touches.v[n - 1] = vm->touches.v[i];
	vm->touches.n = n;
	vm->touch_limit = n * 2 > COMPACT_AT ? n * 2 : COMPACT_AT;
}

static int touch(struct at *a, struct at_vm *vm, uint64_t gpa, uint64_t ts, uint8_t cause)
{
	if (!a->o.keep_faults || !gpa)
		return 0;
	if (vm->touches.n >= vm->touch_limit)
		at_touches_compact(vm);
	return fs_vec_push(&vm->touches,
			   (struct at_touch){.page = FSA_PAGE_OF(gpa), .ts = ts, .cause = cause});
}

int at_touch_exit(struct at *a, struct at_vm *vm, const struct at_exit *x)
{
	if (!vm)
		return 0;
	if (x->cause != AT_NO_FAULT)
		return touch(a, vm, x->gpa, x->t0, x->cause);
	if (x->touch != AT_NO_FAULT && x->hva)
		return touch(a, vm, at_slot_gpa(vm, x->hva), x->t0, x->touch);
	return 0;
}

int at_touch_late(struct at *a, struct at_vm *vm, const struct fs_ev_vmexit *e)
{
	if (!a->o.keep_faults || !at_is_fork(vm) || !at_is_fault(e->hints, e->reason, e->isa))
		return 0;
	return touch(a, vm, e->gpa, e->ts_exit, FSA_C_UNKNOWN);
}

int at_touch_mm(struct at *a, const struct at_proc *p, const struct at_mm *m)
{
	int ret = 0;

	for (size_t i = 0; a->o.keep_faults && i < p->vms.n && !ret; i++)
		if (at_slot_has(p->vms.v[i], m->addr))
			ret = touch(a, p->vms.v[i], at_slot_gpa(p->vms.v[i], m->addr), m->t0,
				    (uint8_t)at_fault_class(m->hints, 0, FS_ISA_UNKNOWN, 0, m->st,
							    false));
	return ret;
}
