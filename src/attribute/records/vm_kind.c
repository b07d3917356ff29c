// SPDX-License-Identifier: BSD-2-Clause
/* What each VM is taken for, a restored one or one that boots, and why. */
#include "attribute/records/windows.h"
#include "attribute/state/at.h"
#include "attribute/state/listed.h"

#define CR0_PG     (1ull << 31)
#define EFER_SCE   1ull /* set by every 64-bit kernel that runs programs */
#define EFER_LMA   (1ull << 10)
#define CR4_PGE    (1ull << 7)
#define CR4_OSFXSR (1ull << 9)
#define HIGH_HALF  (1ull << 63)

/*
 * A boot enters without paging, or (a VMM that loads a 64-bit kernel itself) in long mode over an
 * identity map: a low RIP in an operating system that has not set itself up. So a low RIP is code
 * of a guest that runs only where it has enabled system calls, or CR4 is as a running kernel sets
 * it. A register that could not be read is left out of account.
 */
static enum fsa_vm_why judge(const struct fs_ev_first_run *e)
{
	if (e->valid & FSA_V_CR0 && !(e->cr0 & CR0_PG))
		return FSA_W_UNPAGED;
	if (e->valid & FSA_V_RIP && e->rip & HIGH_HALF)
		return FSA_W_KERNEL;
	if (e->valid & FSA_V_EFER && e->efer & EFER_SCE)
		return FSA_W_SYSCALLS;
	if (e->valid & FSA_V_EFER && e->valid & FSA_V_CR0 && !(e->efer & EFER_LMA))
		return FSA_W_LEGACY;
	if (e->valid & FSA_V_CR4 && e->cr4 & (CR4_PGE | CR4_OSFXSR))
		return FSA_W_SET_UP;
	if (e->valid & (FSA_V_EFER | FSA_V_CR4))
		return FSA_W_IDENTITY;
	/* no register decides: better a boot too many in the report than a fork too few */
	return e->valid & FSA_V_RIP ? FSA_W_LOW : FSA_W_UNREAD;
}

enum fsa_vm_kind at_vm_kind(struct at *a, const struct at_vm *vm, const struct fs_ev_first_run *e)
{
	struct fsa_vm seen = {.why = judge(e)}, *entry = at_listed(a, vm);

	if (a->o.kind != FSA_K_NONE)
		seen.why = a->o.kind == FSA_K_RESTORE ? FSA_W_ASKED_RESTORE : FSA_W_ASKED_BOOT;
	else if (fsa_vm_kind(&seen) == FSA_K_BOOT && e->vcpu_id)
		seen.why = FSA_W_OTHER_VCPU;
	if (entry) {
		entry->why = seen.why;
		entry->first_run_ns = e->h.ts;
		entry->rip = e->rip;
		entry->cr0 = e->cr0;
		entry->cr4 = e->cr4;
		entry->efer = e->efer;
		entry->valid = e->valid;
	}
	return fsa_vm_kind(&seen);
}
