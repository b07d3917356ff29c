// SPDX-License-Identifier: BSD-2-Clause
/* Where the pages that a fork touched or faulted on are in the memory file. */
#include <errno.h>
#include <stdlib.h>
#include "attribute/records/touches.h"
#include "attribute/result/ledger_parts.h"
#include "attribute/state/at.h"

#define BIG_SLOT (1u << 20) /* smaller ones are firmware and devices */
#define BIG_HOLE (16u << 20)
#define SPACE(s) ((s)->slot >> 16) /* address space of a slot: 0, or 1 = SMM */

/* --- where guest memory is in the memory file --- */

/* The mapping that is in force at @hva: the last one made there. Its end, or where a later one
 * begins, is *end. */
static const struct at_phrec *mapping_at(const struct at_proc *p, uint64_t hva, uint64_t *end)
{
	const struct at_phrec *found = NULL;

	*end = UINT64_MAX;
	for (size_t i = p->phases.n; i-- > 0 && !found;) {
		const struct at_phrec *r = &p->phases.v[i];

		if (r->kind != AT_PH_MMAP)
			continue;
		if (hva >= r->addr && hva - r->addr < r->size)
			found = r;
		else if (r->addr > hva && r->addr < *end)
			*end = r->addr;
	}
	if (found && found->addr + found->size < *end)
		*end = found->addr + found->size;
	return found;
}

static int add_slot(struct at_vm *vm, const struct at_slot *s)
{
	for (uint64_t at = 0; at < s->size;) {
		uint64_t end, hva = s->hva + at, len;
		const struct at_phrec *r = mapping_at(vm->proc, hva, &end);

		len = end - hva < s->size - at ? end - hva : s->size - at;
		if (r && r->ino &&
		    fs_vec_push(&vm->regions, (struct at_region){.gpa = s->gpa + at,
								 .size = len,
								 .offset = r->arg + (hva - r->addr),
								 .ino = r->ino,
								 .dev = r->dev}))
			return -ENOMEM;
		at += len;
	}
	return 0;
}

static int by_gpa(const void *x, const void *y)
{
	const struct at_slot *a = x, *b = y;

	return a->gpa < b->gpa ? -1 : a->gpa > b->gpa;
}

/*
 * As VMMs write memory files: the guest's memory in the order of its addresses, without the hole
 * below 4 GiB. The first 16 MiB have small holes and ROMs, but keep their place.
 */
static int assume_regions(struct at_vm *vm)
{
	uint64_t offset = 0, end = 0;

	if (vm->slots.n)
		qsort(vm->slots.v, vm->slots.n, sizeof(*vm->slots.v), by_gpa);
	for (size_t i = 0; i < vm->slots.n; i++) {
		const struct at_slot *s = &vm->slots.v[i];
		uint64_t gpa = s->gpa - end < BIG_HOLE ? end : s->gpa; /* a small hole is kept */

		if (SPACE(s) || s->size < BIG_SLOT || s->gpa < end || s->gpa + s->size < s->gpa)
			continue;
		end = s->gpa + s->size;
		if (fs_vec_push(
			    &vm->regions,
			    (struct at_region){.gpa = gpa, .size = end - gpa, .offset = offset}))
			return -ENOMEM;
		offset += end - gpa;
	}
	return 0;
}

static bool same_file(const struct at_region *a, const struct at_region *b)
{
	return a->ino == b->ino && a->dev == b->dev;
}

/* Files among @v[@n], one for each whose first region is there. */
static uint64_t count_files(const struct at_region *v, size_t n)
{
	uint64_t files = 0;

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < i && !same_file(&v[k], &v[i]))
			k++;
		files += k == i;
	}
	return files;
}

/* The file that most of the memory is from: its regions come first. */
static void choose_file(struct at_vm *vm, struct fsa_memory *m)
{
	size_t n = 0;

	for (size_t i = 0; i < vm->regions.n; i++) {
		const struct at_region *r = &vm->regions.v[i];
		uint64_t size = 0;

		for (size_t k = 0; k < vm->regions.n; k++)
			if (same_file(&vm->regions.v[k], r))
				size += vm->regions.v[k].size;
		if (size > m->size)
			*m = (struct fsa_memory){
				.ino = r->ino, .dev = r->dev, .size = size, .assumed = m->assumed};
	}
	for (size_t i = 0; i < vm->regions.n; i++) {
		struct at_region r = vm->regions.v[i];

		if (r.ino != m->ino || r.dev != m->dev) {
			m->other_bytes += r.size;
			continue;
		}
		vm->regions.v[i] = vm->regions.v[n];
		vm->regions.v[n++] = r;
	}
	vm->nregions = n;
	if (n < vm->regions.n)
		m->other_files = count_files(vm->regions.v + n, vm->regions.n - n);
}

static int region_by_gpa(const void *x, const void *y)
{
	const struct at_region *a = x, *b = y;

	return a->gpa < b->gpa ? -1 : a->gpa > b->gpa;
}

/*
 * The memory regions of the file, as a VMM has them: where addresses and offsets go on alike, small
 * holes in between included, is one. Above the hole below 4 GiB begins the next.
 */
static void list_regions(struct at_vm *vm, struct fsa_memory *m)
{
	struct fsa_region *last = NULL;

	if (vm->nregions)
		qsort(vm->regions.v, vm->nregions, sizeof(*vm->regions.v), region_by_gpa);
	for (size_t i = 0; i < vm->nregions; i++) {
		const struct at_region *r = &vm->regions.v[i];

		if (last && r->gpa - last->gpa == r->offset - last->offset) {
			last->size = r->gpa + r->size - last->gpa;
			continue;
		}
		if (m->nregions == FSA_MAX_REGIONS) {
			m->nregions = 0;
			return;
		}
		last = &m->regions[m->nregions++];
		*last = (struct fsa_region){r->gpa, r->offset, r->size};
	}
}

static int find_memory(struct at_vm *vm, struct fsa_memory *m)
{
	int ret = 0;

	vm->regions.n = 0;
	for (size_t i = 0; i < vm->slots.n && !ret; i++)
		if (!SPACE(&vm->slots.v[i]))
			ret = add_slot(vm, &vm->slots.v[i]);
	if (!ret && !vm->regions.n) {
		m->assumed = true;
		ret = assume_regions(vm);
	}
	choose_file(vm, m);
	list_regions(vm, m);
	return ret;
}

static const struct at_region *region_of(const struct at_vm *vm, uint64_t gpa)
{
	for (size_t i = 0; i < vm->regions.n; i++)
		if (gpa >= vm->regions.v[i].gpa &&
		    gpa - vm->regions.v[i].gpa < vm->regions.v[i].size)
			return &vm->regions.v[i];
	return NULL;
}

/* Of the page in the memory file. */
static uint64_t offset_of(const struct at_vm *vm, uint64_t gpa)
{
	const struct at_region *r = region_of(vm, gpa);

	return r && r < vm->regions.v + vm->nregions ? FSA_PAGE_OF(r->offset + (gpa - r->gpa))
						     : FSA_NOWHERE;
}

static bool in_other_file(const struct at_vm *vm, uint64_t gpa)
{
	const struct at_region *r = region_of(vm, gpa);

	return r && r >= vm->regions.v + vm->nregions;
}

/* --- into the fork --- */

int at_keep_faults(struct at *a, struct at_vm *vm, struct fsa_fork *f, const struct at_faults *all)
{
	int ret = find_memory(vm, &f->memory);

	(void)a;
	f->path_faults = calloc(all->v.n + 1, sizeof(*f->path_faults));
	if (ret || !f->path_faults)
		return -ENOMEM;
	for (size_t i = 0; i < all->v.n; i++) {
		const struct at_fault *x = &all->v.v[i];

		f->path_faults[i] = (struct fsa_fault){
			.gpa = x->gpa,
			.offset = x->gpa ? offset_of(vm, x->gpa) : FSA_NOWHERE,
			.at_ns = x->at,
			.ns = x->ns,
			.sched_ns = x->sched,
			.cause = (enum fsa_cause)x->cause,
		};
	}
	f->npath_faults = all->v.n;
	return 0;
}

static int by_time(const void *x, const void *y)
{
	const struct fsa_touch *a = x, *b = y;

	if (a->at_ns != b->at_ns)
		return a->at_ns < b->at_ns ? -1 : 1;
	return a->gpa < b->gpa ? -1 : a->gpa > b->gpa;
}

void at_touches_done(struct at *a, struct at_vm *vm)
{
	struct fsa_fork *f = vm->fork;

	if (!vm->touches.n)
		return;
	at_touches_compact(vm);
	f->touches = calloc(vm->touches.n + 1, sizeof(*f->touches));
	if (!f->touches) {
		a->no_memory = true;
		return;
	}
	for (size_t i = 0; i < vm->touches.n; i++) {
		const struct at_touch *t = &vm->touches.v[i];

		f->touches[i] = (struct fsa_touch){.gpa = t->page,
						   .offset = offset_of(vm, t->page),
						   .other_file = in_other_file(vm, t->page),
						   .at_ns = t->ts,
						   .cause = (enum fsa_cause)t->cause};
	}
	f->ntouches = vm->touches.n;
	if (f->ntouches)
		qsort(f->touches, f->ntouches, sizeof(*f->touches), by_time);
}
