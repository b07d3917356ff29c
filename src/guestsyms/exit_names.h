/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the reasons for which a processor leaves guest mode. The numbers are the architecture's:
 * AMD64 Architecture Programmer's Manual, volume 2, appendix C (SVM intercept exit codes); Intel
 * SDM, volume 3, appendix C (VMX basic exit reasons).
 */
#ifndef FORKSCOPE_GUESTSYMS_EXIT_NAMES_H
#define FORKSCOPE_GUESTSYMS_EXIT_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define FSY_EXIT_LEN 40          /* enough for every text that is made here */
#define FSY_NO_EXIT  0xffffffffu /* struct fsa_seg.reason: the segment had no exit */

/*
 * What kind of instruction made the guest leave, as far as the reason alone shows: the guest RIP of
 * such an exit stands at (or just behind) that very instruction.
 */
enum fsy_insn {
	FSY_I_NONE, /* not the instruction's doing: an interrupt, a memory fault, ... */
	FSY_I_HLT,
	FSY_I_IO,  /* in, out, ins, outs */
	FSY_I_MSR, /* rdmsr, wrmsr */
	FSY_I_CPUID,
	FSY_I_PAUSE,
	FSY_I_MWAIT,
	FSY_I_HYPERCALL,
	FSY_I_CR, /* mov to or from a control register */
};

/*
 * "NPF", "HLT", "exception 14", or the bare number ("SVM 0x9f0") of a reason that the table lacks.
 * @isa is enum fs_isa. Returns @buf (FSY_EXIT_LEN bytes), "" for FSY_NO_EXIT.
 */
const char *fsy_exit_name(unsigned int isa, uint32_t reason, char *buf, size_t len);

enum fsy_insn fsy_exit_insn(unsigned int isa, uint32_t reason);

#endif
