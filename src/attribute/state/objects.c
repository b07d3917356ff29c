// SPDX-License-Identifier: BSD-2-Clause
/* Processes, threads and VMs: found by their ids, made when first seen, freed when done with. */
#include "attribute/state/objects.h"
#include <stdlib.h>
#include <string.h>
#include "attribute/state/at.h"
#include "attribute/state/listed.h"
#include "record/guest/guest_data.h"

static void *no_memory(struct at *a)
{
	a->no_memory = true;
	return NULL;
}

int at_odd(struct at *a)
{
	a->odd += !a->no_memory;
	return 0;
}

int at_no_vm(struct at *a, const struct fs_ev *h)
{
	return h->vm ? at_odd(a) : 0;
}

struct at_proc *at_proc_get(struct at *a, uint32_t tgid, bool make)
{
	struct at_proc *p = fs_hashmap_get(&a->procs, tgid);

	if (p || !make || !tgid)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return no_memory(a);
	p->tgid = tgid;
	p->keep_until = UINT64_MAX;
	if (fs_hashmap_put(&a->procs, tgid, p)) {
		free(p);
		return no_memory(a);
	}
	if (fs_vec_push(&a->all_procs, p)) {
		fs_hashmap_del(&a->procs, tgid);
		free(p);
		return no_memory(a);
	}
	return p;
}

struct at_thr *at_thr_get(struct at *a, uint32_t tid, uint32_t tgid, bool make)
{
	struct at_thr *t = fs_hashmap_get(&a->thrs, tid);
	struct at_proc *p;

	if (t && t->proc->tgid != tgid && tgid && make) {
		/* the number was given to a thread of another process: the old one is gone */
		t->died = t->died ? t->died : a->now;
		fs_hashmap_del(&a->thrs, tid);
		t = NULL;
	}
	if (t || !make || !tid)
		return t;
	p = at_proc_get(a, tgid, true);
	if (!p)
		return NULL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return no_memory(a);
	t->tid = tid;
	t->proc = p;
	t->seen = a->now;
	if (fs_hashmap_put(&a->thrs, tid, t)) {
		free(t);
		return no_memory(a);
	}
	if (fs_vec_push(&p->thr, t)) {
		fs_hashmap_del(&a->thrs, tid);
		free(t);
		return no_memory(a);
	}
	return t;
}

struct at_vm *at_vm_get(struct at *a, uint32_t id, uint32_t tgid, bool make)
{
	struct at_vm *vm = id ? fs_hashmap_get(&a->vms, id) : NULL;
	struct at_proc *p;

	if (vm || !make || !id)
		return vm;
	p = at_proc_get(a, tgid, true);
	if (!p)
		return NULL;
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return no_memory(a);
	vm->id = id;
	vm->proc = p;
	vm->next_try = UINT64_MAX;
	vm->marks = a->marks;
	if (fs_hashmap_put(&a->vms, id, vm)) {
		free(vm);
		return no_memory(a);
	}
	if (at_list_vm(a, vm) || fs_vec_push(&a->all_vms, vm) || fs_vec_push(&p->vms, vm)) {
		if (a->all_vms.n && a->all_vms.v[a->all_vms.n - 1] == vm)
			a->all_vms.n--;
		fs_hashmap_del(&a->vms, id);
		free(vm);
		return no_memory(a);
	}
	a->vms_seen++;
	at_proc_keep(p);
	return vm;
}

static bool has_thread(const struct at_vm *vm, const struct at_thr *t)
{
	for (size_t i = 0; i < vm->vcpus.n; i++)
		if (vm->vcpus.v[i] == t)
			return true;
	return false;
}

struct at_thr *at_vcpu_thread(struct at *a, const struct fs_ev *h, uint32_t vcpu_id)
{
	struct at_cpu *c = h->cpu < AT_CPUS ? &a->cpus[h->cpu] : NULL;
	struct at_thr *t;
	struct at_vm *vm;

	if (c && c->thr && c->thr->tid == h->tid && c->thr->vm && c->thr->vm->id == h->vm)
		return c->thr;
	t = at_thr_get(a, h->tid, h->tgid, true);
	vm = t ? at_vm_get(a, h->vm, h->tgid, true) : NULL;
	if (!vm || vm->proc != t->proc) {
		if (!t || vm)
			at_odd(a);
		return NULL;
	}
	if (t->vm != vm) {
		t->vm = vm;
		t->vcpu_id = vcpu_id;
		t->is_vcpu = true;
		if (!has_thread(vm, t) && fs_vec_push(&vm->vcpus, t)) {
			a->no_memory = true;
			return NULL;
		}
	}
	if (c)
		c->thr = t;
	return t;
}

struct at_thr *at_proc_thr(const struct at_proc *p, uint32_t tid)
{
	/* the youngest of that number: tids are used again */
	for (size_t i = p->thr.n; i-- > 0;)
		if (p->thr.v[i]->tid == tid)
			return p->thr.v[i];
	return NULL;
}

struct at_thr *at_guest_vcpu(const struct at_vm *vm, uint16_t index)
{
	struct at_thr *in_order = NULL;

	for (size_t i = 0; i < vm->vcpus.n; i++) {
		struct at_thr *t = vm->vcpus.v[i];
		size_t before = 0;

		if (t->vcpu_id == index)
			return t;
		for (size_t k = 0; k < vm->vcpus.n; k++)
			before += vm->vcpus.v[k]->vcpu_id < t->vcpu_id;
		if (before == index)
			in_order = t;
	}
	return in_order;
}

void at_thr_drop(struct at_thr *t)
{
	fs_vec_free(&t->exits);
	fs_vec_free(&t->offs);
	fs_vec_free(&t->runs);
	fs_vec_free(&t->mms);
	fs_vec_free(&t->apfs);
	fs_vec_free(&t->bios);
	fs_vec_free(&t->wakes);
	fs_vec_free(&t->users);
	fs_vec_free(&t->waits);
}

void at_proc_keep(struct at_proc *p)
{
	uint64_t until = p->vms.n ? 0 : UINT64_MAX;

	for (size_t i = 0; i < p->vms.n; i++) {
		struct at_vm *vm = p->vms.v[i];

		if (vm->state == AT_VM_NEW || vm->state == AT_VM_OPEN)
			until = UINT64_MAX;
		else if (vm->state == AT_VM_ENDED && vm->end > until)
			until = vm->end;
	}
	p->keep_until = until;
	if (until)
		return;
	for (size_t i = 0; i < p->thr.n; i++)
		at_thr_drop(p->thr.v[i]);
	fs_vec_free(&p->works);
	fs_vec_free(&p->phases);
	p->spans = 0;
}

/* Drops the older half of each array. */
#define HALVE(vec)                                                                         \
	do {                                                                               \
		size_t cut_ = (vec)->n / 2;                                                \
		memmove((vec)->v, (vec)->v + cut_, ((vec)->n - cut_) * sizeof(*(vec)->v)); \
		(vec)->n -= cut_;                                                          \
	} while (0)

void at_proc_halve(struct at_proc *p)
{
	p->spans = 0;
	for (size_t i = 0; i < p->thr.n; i++) {
		struct at_thr *t = p->thr.v[i];

		if (t->offs.n)
			HALVE(&t->offs);
		if (t->mms.n)
			HALVE(&t->mms);
		if (t->bios.n)
			HALVE(&t->bios);
		p->spans += t->offs.n + t->mms.n + t->bios.n;
	}
	if (p->phases.n)
		HALVE(&p->phases);
	p->spans += p->phases.n;
}

static void vm_free(struct at *a, struct at_vm *vm)
{
	fs_hashmap_del(&a->vms, vm->id);
	for (size_t i = 0; i < a->all_vms.n; i++)
		if (a->all_vms.v[i] == vm) {
			a->all_vms.v[i] = a->all_vms.v[--a->all_vms.n];
			break;
		}
	for (size_t i = 0; a->cpus && i < AT_CPUS; i++)
		if (a->cpus[i].irq_vm == vm)
			a->cpus[i].irq_vm = NULL;
	fs_vec_free(&vm->vcpus);
	fs_vec_free(&vm->slots);
	fs_vec_free(&vm->acks);
	fs_vec_free(&vm->touches);
	fs_vec_free(&vm->regions);
	fs_vec_free(&vm->irqs);
	fs_vec_free(&vm->pvclocks);
	fs_vec_free(&vm->tsc_offsets);
	fs_vec_free(&vm->txs);
	fs_vec_free(&vm->irq_log);
	free(vm->inject);
	fsr_guest_free(vm->guest_data);
	free(vm);
}

static void thr_free(struct at *a, struct at_thr *t)
{
	if (fs_hashmap_get(&a->thrs, t->tid) == t)
		fs_hashmap_del(&a->thrs, t->tid);
	for (size_t i = 0; a->cpus && i < AT_CPUS; i++)
		if (a->cpus[i].thr == t)
			a->cpus[i].thr = NULL;
	at_thr_drop(t);
	free(t);
}

void at_proc_free(struct at *a, struct at_proc *p)
{
	if (fs_hashmap_get(&a->procs, p->tgid) == p)
		fs_hashmap_del(&a->procs, p->tgid);
	for (size_t i = 0; i < a->all_procs.n; i++)
		if (a->all_procs.v[i] == p) {
			a->all_procs.v[i] = a->all_procs.v[--a->all_procs.n];
			break;
		}
	for (size_t i = 0; i < p->vms.n; i++)
		vm_free(a, p->vms.v[i]);
	for (size_t i = 0; i < p->thr.n; i++)
		thr_free(a, p->thr.v[i]);
	fs_vec_free(&p->vms);
	fs_vec_free(&p->thr);
	fs_vec_free(&p->phases);
	fs_vec_free(&p->works);
	free(p);
}

void at_free(struct at *a)
{
	while (a->all_procs.n)
		at_proc_free(a, a->all_procs.v[a->all_procs.n - 1]);
	for (size_t i = 0; i < a->forks.n; i++) {
		fsa_fork_free(a->forks.v[i].f);
		free(a->forks.v[i].f);
	}
	fs_vec_free(&a->forks);
	fs_vec_free(&a->path.p);
	fs_vec_free(&a->path.thr);
	fs_vec_free(&a->all_procs);
	fs_vec_free(&a->all_vms);
	fs_vec_free(&a->listed);
	fs_vec_free(&a->holes);
	for (int k = 0; k < AT_MISSES; k++)
		fs_vec_free(&a->misses[k]);
	fs_vec_free(&a->clocks);
	fs_vec_free(&a->variants);
	fs_hashmap_free(&a->procs);
	fs_hashmap_free(&a->thrs);
	fs_hashmap_free(&a->vms);
	fs_hashmap_free(&a->stacks);
	at_str_free(a);
	free(a->cpus);
}
