// SPDX-License-Identifier: BSD-2-Clause
/* What kind of exit, what class of fault. */
#include "attribute/records/classify.h"

/* Exit codes: AMD APM vol. 2 appendix C; Intel SDM vol. 3 appendix C. */
enum { SVM_INTR = 0x60, SVM_NMI = 0x61, SVM_HLT = 0x78, SVM_IOIO = 0x7b, SVM_NPF = 0x400 };
enum {
	VMX_NMI = 0, /* exception or NMI */
	VMX_EXTINT = 1,
	VMX_HLT = 12,
	VMX_IO = 30,
	VMX_EPT_VIOLATION = 48,
};
#define VMX_BASIC     0xffff /* the bits of the exit reason that are its number */

/* PFERR_* of KVM; on VMX kvm_page_fault carries the exit qualification instead. */
#define PFERR_PRESENT (1u << 0)
#define PFERR_WRITE   (1u << 1)
#define EPTQ_WRITE    (1u << 1)
#define EPTQ_PERMS    (7u << 3) /* what the entry allowed; 0 = it was missing */

bool at_is_fault(uint32_t hints, uint32_t reason, unsigned int isa)
{
	if (hints & FS_H_MMIO)
		return false;
	if (hints & FS_H_PF)
		return true;
	return (isa == FS_ISA_SVM && reason == SVM_NPF) ||
	       (isa == FS_ISA_VMX && (reason & VMX_BASIC) == VMX_EPT_VIOLATION);
}

bool at_is_halt(uint32_t hints, uint32_t reason, unsigned int isa)
{
	return hints & FS_H_HALT || (isa == FS_ISA_SVM && reason == SVM_HLT) ||
	       (isa == FS_ISA_VMX && (reason & VMX_BASIC) == VMX_HLT);
}

bool at_is_irq_exit(uint32_t reason, unsigned int isa)
{
	if (isa == FS_ISA_SVM)
		return reason == SVM_INTR || reason == SVM_NMI;
	return isa == FS_ISA_VMX && (reason & VMX_BASIC) <= VMX_EXTINT;
}

bool at_is_port_write(const struct at_exit *x, uint64_t info1)
{
	/* bit 0 of EXITINFO1, bit 3 of the exit qualification: 1 = IN */
	if (x->isa == FS_ISA_SVM)
		return x->reason == SVM_IOIO && !(info1 & 1);
	return x->isa == FS_ISA_VMX && (x->reason & VMX_BASIC) == VMX_IO && !(info1 & 8);
}

/* The entry was there but did not allow the write. */
static bool write_protected(uint64_t error_code, unsigned int isa)
{
	if (isa == FS_ISA_VMX)
		return error_code & EPTQ_WRITE && error_code & EPTQ_PERMS;
	return error_code & PFERR_WRITE && error_code & PFERR_PRESENT;
}

/*
 * A fault that the host handled in hugetlb memory, whose pages no allocation and no look into the
 * page cache shows: it was a copy, a cleared page, or neither, and unknown where that is not seen.
 */
static enum fsa_cause huge_class(uint32_t hints, uint64_t error_code)
{
	if (!(hints & FS_H_HMM)) /* then a copy or a cleared page is guessed from allocations */
		return FSA_C_UNKNOWN;
	if (hints & FS_H_COW)
		return FSA_C_FAULT_COW;
	if (hints & FS_H_ZERO)
		return FSA_C_FAULT_ZERO;
	if (hints & FS_H_HUGE_SEEN)
		return error_code & EPTQ_WRITE && !(hints & FS_H_VMA_SHARED) ? FSA_C_FAULT_WP
									     : FSA_C_FAULT_CACHED;
	return FSA_C_UNKNOWN;
}

enum fsa_cause at_fault_class(uint32_t hints, uint64_t error_code, unsigned int isa,
			      unsigned int n_alloc, uint8_t st, bool iowait)
{
	if (hints & FS_H_UFFD || st & AT_ST_UFFD)
		return FSA_C_FAULT_UFFD;
	if (hints & (FS_H_MAJOR | FS_H_BIO | FS_H_SWAPIN) || iowait ||
	    st & (AT_ST_READ | AT_ST_SWAP))
		return FSA_C_FAULT_MAJOR;
	if (hints & FS_H_HUGETLB)
		return huge_class(hints, error_code);
	if (hints & FS_H_COW)
		return FSA_C_FAULT_COW;
	if (hints & FS_H_ZERO)
		return FSA_C_FAULT_ZERO;
	/*
	 * Without the function probe: a page was allocated, not cleared, and did not go into the
	 * page cache, so something was copied into it.
	 */
	if (!(hints & (FS_H_HMM | FS_H_CACHE_ADD)) && n_alloc)
		return FSA_C_FAULT_COW;
	if (hints & (FS_H_FILEMAP | FS_H_CACHE_ADD))
		return FSA_C_FAULT_CACHED;
	if (hints & FS_H_FASTPF || write_protected(error_code, isa))
		return FSA_C_FAULT_WP;
	if (hints & (FS_H_SPURIOUS | FS_H_INVALIDATED))
		return FSA_C_FAULT_RETRY;
	return FSA_C_FAULT_MAPPED;
}

enum fsa_huge at_huge(uint32_t hints)
{
	static const uint32_t of[FSA_NHUGE] = {
#define X(e, bytes, hint) [FSA_HUGE_##e] = (hint),
		FSA_HUGE_SIZES(X)
#undef X
	};
	int h = 0;

	while (h < FSA_NHUGE && !(hints & of[h]))
		h++;
	return (enum fsa_huge)h;
}
