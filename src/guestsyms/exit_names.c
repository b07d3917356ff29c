// SPDX-License-Identifier: BSD-2-Clause
/* The tables of exit reasons of SVM and VMX: their names, and the instruction behind them. */
#include "guestsyms/exit_names.h"
#include <stdio.h>
#include "bpf/event.h"

/* X(code, "name", instruction) */
#define SVM_EXITS(X)                          \
	X(0x000, "READ_CR0", CR)              \
	X(0x002, "READ_CR2", CR)              \
	X(0x003, "READ_CR3", CR)              \
	X(0x004, "READ_CR4", CR)              \
	X(0x008, "READ_CR8", CR)              \
	X(0x010, "WRITE_CR0", CR)             \
	X(0x012, "WRITE_CR2", CR)             \
	X(0x013, "WRITE_CR3", CR)             \
	X(0x014, "WRITE_CR4", CR)             \
	X(0x018, "WRITE_CR8", CR)             \
	X(0x060, "INTR", NONE)                \
	X(0x061, "NMI", NONE)                 \
	X(0x062, "SMI", NONE)                 \
	X(0x063, "INIT", NONE)                \
	X(0x064, "VINTR", NONE)               \
	X(0x065, "CR0_SEL_WRITE", CR)         \
	X(0x066, "IDTR_READ", NONE)           \
	X(0x067, "GDTR_READ", NONE)           \
	X(0x068, "LDTR_READ", NONE)           \
	X(0x069, "TR_READ", NONE)             \
	X(0x06a, "IDTR_WRITE", NONE)          \
	X(0x06b, "GDTR_WRITE", NONE)          \
	X(0x06c, "LDTR_WRITE", NONE)          \
	X(0x06d, "TR_WRITE", NONE)            \
	X(0x06e, "RDTSC", NONE)               \
	X(0x06f, "RDPMC", NONE)               \
	X(0x070, "PUSHF", NONE)               \
	X(0x071, "POPF", NONE)                \
	X(0x072, "CPUID", CPUID)              \
	X(0x073, "RSM", NONE)                 \
	X(0x074, "IRET", NONE)                \
	X(0x075, "SWINT", NONE)               \
	X(0x076, "INVD", NONE)                \
	X(0x077, "PAUSE", PAUSE)              \
	X(0x078, "HLT", HLT)                  \
	X(0x079, "INVLPG", NONE)              \
	X(0x07a, "INVLPGA", NONE)             \
	X(0x07b, "IOIO", IO)                  \
	X(0x07c, "MSR", MSR)                  \
	X(0x07d, "TASK_SWITCH", NONE)         \
	X(0x07e, "FERR_FREEZE", NONE)         \
	X(0x07f, "SHUTDOWN", NONE)            \
	X(0x080, "VMRUN", NONE)               \
	X(0x081, "VMMCALL", HYPERCALL)        \
	X(0x082, "VMLOAD", NONE)              \
	X(0x083, "VMSAVE", NONE)              \
	X(0x084, "STGI", NONE)                \
	X(0x085, "CLGI", NONE)                \
	X(0x086, "SKINIT", NONE)              \
	X(0x087, "RDTSCP", NONE)              \
	X(0x088, "ICEBP", NONE)               \
	X(0x089, "WBINVD", NONE)              \
	X(0x08a, "MONITOR", NONE)             \
	X(0x08b, "MWAIT", MWAIT)              \
	X(0x08c, "MWAIT_COND", MWAIT)         \
	X(0x08d, "XSETBV", NONE)              \
	X(0x08e, "RDPRU", NONE)               \
	X(0x08f, "EFER_WRITE_TRAP", NONE)     \
	X(0x0a0, "INVLPGB", NONE)             \
	X(0x0a1, "INVLPGB_ILLEGAL", NONE)     \
	X(0x0a2, "INVPCID", NONE)             \
	X(0x0a3, "MCOMMIT", NONE)             \
	X(0x0a4, "TLBSYNC", NONE)             \
	X(0x0a5, "BUS_LOCK", NONE)            \
	X(0x0a6, "IDLE_HLT", HLT)             \
	X(0x400, "NPF", NONE)                 \
	X(0x401, "AVIC_INCOMPLETE_IPI", NONE) \
	X(0x402, "AVIC_NOACCEL", NONE)        \
	X(0x403, "VMGEXIT", NONE)

#define VMX_EXITS(X)                       \
	X(0, "EXCEPTION_NMI", NONE)        \
	X(1, "EXTERNAL_INTERRUPT", NONE)   \
	X(2, "TRIPLE_FAULT", NONE)         \
	X(3, "INIT_SIGNAL", NONE)          \
	X(4, "SIPI_SIGNAL", NONE)          \
	X(5, "IO_SMI", NONE)               \
	X(6, "OTHER_SMI", NONE)            \
	X(7, "INTERRUPT_WINDOW", NONE)     \
	X(8, "NMI_WINDOW", NONE)           \
	X(9, "TASK_SWITCH", NONE)          \
	X(10, "CPUID", CPUID)              \
	X(11, "GETSEC", NONE)              \
	X(12, "HLT", HLT)                  \
	X(13, "INVD", NONE)                \
	X(14, "INVLPG", NONE)              \
	X(15, "RDPMC", NONE)               \
	X(16, "RDTSC", NONE)               \
	X(17, "RSM", NONE)                 \
	X(18, "VMCALL", HYPERCALL)         \
	X(19, "VMCLEAR", NONE)             \
	X(20, "VMLAUNCH", NONE)            \
	X(21, "VMPTRLD", NONE)             \
	X(22, "VMPTRST", NONE)             \
	X(23, "VMREAD", NONE)              \
	X(24, "VMRESUME", NONE)            \
	X(25, "VMWRITE", NONE)             \
	X(26, "VMXOFF", NONE)              \
	X(27, "VMXON", NONE)               \
	X(28, "CR_ACCESS", CR)             \
	X(29, "DR_ACCESS", NONE)           \
	X(30, "IO_INSTRUCTION", IO)        \
	X(31, "MSR_READ", MSR)             \
	X(32, "MSR_WRITE", MSR)            \
	X(33, "INVALID_STATE", NONE)       \
	X(34, "MSR_LOAD_FAIL", NONE)       \
	X(36, "MWAIT", MWAIT)              \
	X(37, "MONITOR_TRAP_FLAG", NONE)   \
	X(39, "MONITOR", NONE)             \
	X(40, "PAUSE", PAUSE)              \
	X(41, "MCE_DURING_VMENTRY", NONE)  \
	X(43, "TPR_BELOW_THRESHOLD", NONE) \
	X(44, "APIC_ACCESS", NONE)         \
	X(45, "EOI_INDUCED", NONE)         \
	X(46, "GDTR_IDTR", NONE)           \
	X(47, "LDTR_TR", NONE)             \
	X(48, "EPT_VIOLATION", NONE)       \
	X(49, "EPT_MISCONFIG", NONE)       \
	X(50, "INVEPT", NONE)              \
	X(51, "RDTSCP", NONE)              \
	X(52, "PREEMPTION_TIMER", NONE)    \
	X(53, "INVVPID", NONE)             \
	X(54, "WBINVD", NONE)              \
	X(55, "XSETBV", NONE)              \
	X(56, "APIC_WRITE", NONE)          \
	X(57, "RDRAND", NONE)              \
	X(58, "INVPCID", NONE)             \
	X(59, "VMFUNC", NONE)              \
	X(60, "ENCLS", NONE)               \
	X(61, "RDSEED", NONE)              \
	X(62, "PML_FULL", NONE)            \
	X(63, "XSAVES", NONE)              \
	X(64, "XRSTORS", NONE)             \
	X(66, "SPP_EVENT", NONE)           \
	X(67, "UMWAIT", NONE)              \
	X(68, "TPAUSE", NONE)              \
	X(74, "BUS_LOCK", NONE)            \
	X(75, "NOTIFY", NONE)

struct exit_row {
	uint32_t code;
	const char *name;
	enum fsy_insn insn;
};

#define ROW(code, name, insn) {code, name, FSY_I_##insn},
static const struct exit_row svm_exits[] = {SVM_EXITS(ROW)};
static const struct exit_row vmx_exits[] = {VMX_EXITS(ROW)};
#undef ROW

#define SVM_DR_FIRST   0x020u /* reads, then from 0x030 writes, of debug registers 0 to 15 */
#define SVM_DR_LAST    0x03fu
#define SVM_EXCP_FIRST 0x040u /* one code per exception vector */
#define SVM_EXCP_LAST  0x05fu

static const struct exit_row *find(unsigned int isa, uint32_t *reason)
{
	const struct exit_row *rows = svm_exits;
	size_t n = sizeof(svm_exits) / sizeof(svm_exits[0]);

	if (isa == FS_ISA_VMX) {
		rows = vmx_exits;
		n = sizeof(vmx_exits) / sizeof(vmx_exits[0]);
		*reason &= 0xffff; /* the basic reason; bit 31: the entry failed */
	} else if (isa != FS_ISA_SVM) {
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		if (rows[i].code == *reason)
			return &rows[i];
	return NULL;
}

const char *fsy_exit_name(unsigned int isa, uint32_t reason, char *buf, size_t len)
{
	const char *failed = isa == FS_ISA_VMX && (reason >> 31) ? " (entry failed)" : "";
	const struct exit_row *row;

	if (reason == FSY_NO_EXIT) {
		snprintf(buf, len, "%s", "");
		return buf;
	}
	row = find(isa, &reason);
	if (row)
		snprintf(buf, len, "%s%s", row->name, failed);
	else if (isa == FS_ISA_SVM && reason >= SVM_EXCP_FIRST && reason <= SVM_EXCP_LAST)
		snprintf(buf, len, "exception %u", reason - SVM_EXCP_FIRST);
	else if (isa == FS_ISA_SVM && reason >= SVM_DR_FIRST && reason <= SVM_DR_LAST)
		snprintf(buf, len, "%s_DR%u", reason < 0x30 ? "READ" : "WRITE", reason & 15);
	else if (isa == FS_ISA_SVM || isa == FS_ISA_VMX)
		snprintf(buf, len, "%s 0x%x%s", isa == FS_ISA_SVM ? "SVM" : "VMX", reason, failed);
	else
		snprintf(buf, len, "exit 0x%x", reason);
	return buf;
}

enum fsy_insn fsy_exit_insn(unsigned int isa, uint32_t reason)
{
	const struct exit_row *row;

	if (reason == FSY_NO_EXIT || (isa == FS_ISA_VMX && (reason >> 31)))
		return FSY_I_NONE;
	row = find(isa, &reason);
	return row ? row->insn : FSY_I_NONE;
}
