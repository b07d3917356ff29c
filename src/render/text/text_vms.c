// SPDX-License-Identifier: BSD-2-Clause
/* The VMs of a recording: what each is taken for, and why. */
#include <inttypes.h>
#include <string.h>
#include "render/format_values.h"
#include "render/text/term.h"
#include "render/text/text_parts.h"

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
		fsv_para(
			out, 2, 4,
			"If a VM was restored and is taken for a boot (a unikernel may look so): --kind restore");
}
