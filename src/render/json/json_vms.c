// SPDX-License-Identifier: BSD-2-Clause
/* The VMs of a recording as JSON: what each is taken for, and why. */
#include <inttypes.h>
#include <stdlib.h>
#include "base/search.h"
#include "render/json/json_parts.h"

static json_t *reg(const struct fsa_vm *vm, uint32_t bit, uint64_t value)
{
	return vm->valid & bit ? json_sprintf("0x%" PRIx64, value) : json_null();
}

/* A VM that was forked, and its first fork. */
struct forked {
	uint32_t vm;
	size_t fork; /* index */
};

static int by_vm(const void *x, const void *y)
{
	const struct forked *a = x, *b = y;

	if (a->vm != b->vm)
		return a->vm < b->vm ? -1 : 1;
	return a->fork < b->fork ? -1 : a->fork > b->fork;
}

/* The forks by their VMs: of some the recording has several, and many VMs have none. */
static struct forked *sorted_forks(const struct fsa_result *res)
{
	struct forked *v = calloc(res->nforks + 1, sizeof(*v));

	for (size_t i = 0; v && i < res->nforks; i++)
		v[i] = (struct forked){res->forks[i].vm, i};
	if (v)
		qsort(v, res->nforks, sizeof(*v), by_vm);
	return v;
}

static json_t *fork_of(const struct fsa_result *res, const struct forked *v, uint32_t vm)
{
	size_t at = fs_first_where(res->nforks, i, v[i].vm >= vm);

	return at < res->nforks && v[at].vm == vm ? fsj_u64(res->forks[v[at].fork].id)
						  : json_null();
}

json_t *fsj_vms(const struct fsv_view *v)
{
	static const char *const kinds[] = {
		[FSA_K_NONE] = NULL, [FSA_K_RESTORE] = "restore", [FSA_K_BOOT] = "boot"};
	struct forked *forks = sorted_forks(v->res);
	json_t *a = forks ? json_array() : NULL;

	for (size_t i = 0; a && i < v->res->nvms; i++) {
		const struct fsa_vm *vm = &v->res->vms[i];
		const char *kind = kinds[fsa_vm_kind(vm)];

		json_array_append_new(
			a,
			json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "vm",
				  fsj_u64(vm->vm), "pid", fsj_u64(vm->pid), "comm",
				  fsj_text_or_null(vm->comm), "kind",
				  kind ? json_string(kind) : json_null(), "fork",
				  fork_of(v->res, forks, vm->vm), "why", fsa_vm_why(vm),
				  "first_run_ns",
				  vm->first_run_ns ? fsj_u64(vm->first_run_ns) : json_null(), "rip",
				  reg(vm, FSA_V_RIP, vm->rip), "cr0", reg(vm, FSA_V_CR0, vm->cr0),
				  "cr4", reg(vm, FSA_V_CR4, vm->cr4), "efer",
				  reg(vm, FSA_V_EFER, vm->efer)));
	}
	free(forks);
	return a;
}
