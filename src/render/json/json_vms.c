// SPDX-License-Identifier: BSD-2-Clause
/* The VMs of a recording as JSON: what each is taken for, and why. */
#include <inttypes.h>
#include "render/json/json_parts.h"

static json_t *reg(const struct fsa_vm *vm, uint32_t bit, uint64_t value)
{
	return vm->valid & bit ? json_sprintf("0x%" PRIx64, value) : json_null();
}

json_t *fsj_vms(const struct fsv_view *v)
{
	static const char *const kinds[] = {
		[FSA_K_NONE] = NULL, [FSA_K_RESTORE] = "restore", [FSA_K_BOOT] = "boot"};
	json_t *a = json_array();

	for (size_t i = 0; i < v->res->nvms; i++) {
		const struct fsa_vm *vm = &v->res->vms[i];
		const char *kind = kinds[fsa_vm_kind(vm)];
		json_t *fork = json_null();

		for (size_t k = 0; k < v->res->nforks && json_is_null(fork); k++)
			if (v->res->forks[k].vm == vm->vm)
				fork = fsj_u64(v->res->forks[k].id);
		json_array_append_new(
			a,
			json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "vm",
				  fsj_u64(vm->vm), "pid", fsj_u64(vm->pid), "comm",
				  fsj_text_or_null(vm->comm), "kind",
				  kind ? json_string(kind) : json_null(), "fork", fork, "why",
				  fsa_vm_why(vm), "first_run_ns",
				  vm->first_run_ns ? fsj_u64(vm->first_run_ns) : json_null(), "rip",
				  reg(vm, FSA_V_RIP, vm->rip), "cr0", reg(vm, FSA_V_CR0, vm->cr0),
				  "cr4", reg(vm, FSA_V_CR4, vm->cr4), "efer",
				  reg(vm, FSA_V_EFER, vm->efer)));
	}
	return a;
}
