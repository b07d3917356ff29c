// SPDX-License-Identifier: BSD-2-Clause
/* The VMs of a recording: what each is taken for, and why. */
#include "render/vms.h"
#include <inttypes.h>
#include <string.h>
#include "render/json/json_parts.h"
#include "render/text/term.h"
#include "render/format.h"

#define MAX_TEXT 20 /* VMs that are named one by one */

static int one_reg(const struct fsa_vm *vm, uint32_t bit, const char *name, uint64_t value,
		   char *buf, size_t len)
{
	return vm->valid & bit ? snprintf(buf, len, ", %s 0x%" PRIx64, name, value) : 0;
}

static void regs(const struct fsa_vm *vm, char *buf, size_t len)
{
	int n = one_reg(vm, FSA_V_RIP, "RIP", vm->rip, buf, len);

	n += one_reg(vm, FSA_V_CR0, "CR0", vm->cr0, buf + n, len - (size_t)n);
	n += one_reg(vm, FSA_V_CR4, "CR4", vm->cr4, buf + n, len - (size_t)n);
	one_reg(vm, FSA_V_EFER, "EFER", vm->efer, buf + n, len - (size_t)n);
}

void fsv_text_vms(const struct fsv_view *v, FILE *out)
{
	static const char *const are[] = {
		[FSA_K_NONE] = "no fork", [FSA_K_RESTORE] = "a restore", [FSA_K_BOOT] = "a boot"};
	char comm[FS_COMM_LEN];
	size_t listed = 0;

	for (size_t i = 0; i < v->res->nvms; i++) {
		const struct fsa_vm *vm = &v->res->vms[i];
		char seen[160] = "";

		if (fsa_vm_kind(vm) == FSA_K_RESTORE || listed++ >= MAX_TEXT)
			continue;
		if (listed == 1)
			fsv_heading(v, out, "VMs that were not restored");
		regs(vm, seen, sizeof(seen));
		fsv_para(out, 2, 4, "VM %u (%s%sprocess %u): %s: %s%s", vm->vm,
			 fsv_clean(vm->comm, comm, sizeof(comm)), *vm->comm ? ", " : "", vm->pid,
			 are[fsa_vm_kind(vm)], fsa_vm_why(vm), seen);
	}
	if (listed > MAX_TEXT)
		fprintf(out, "  and %zu more (--json has all)\n", listed - MAX_TEXT);
	if (listed && v->res->opts.kind == FSA_K_NONE)
		fsv_para(out, 2, 4,
			 "If a VM was restored and is taken for a boot (a unikernel may look so): "
			 "--kind restore");
}

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
