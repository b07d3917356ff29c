/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds by how much the guest's kernel moved itself at boot, from the guest addresses of a
 * recording and the symbols of that kernel.
 *
 * x86-64 moves its kernel by a multiple of 2 MiB (CONFIG_PHYSICAL_ALIGN) within the 1 GiB from
 * 0xffffffff80000000. So there are at most 512 candidates, and each is held against the exits whose
 * reason names the instruction that the guest stood at:
 *  - with a vmlinux, the bytes there must be that instruction (hlt, in/out, rdmsr/wrmsr, cpuid,
 * ..);
 *  - with names only, a hlt must stand in one of the kernel's idle functions, and likewise for the
 *    functions that do port I/O and that access MSRs.
 * Each agreement is worth as many bits as the chance of it at a wrong candidate is small, each
 * disagreement counts against. And the addresses of the kernel's range must lie in its code. A
 * slide is claimed only when one candidate alone has the evidence: at least FSV_KASLR_BITS from at
 * least two different addresses, at most a quarter of the addresses against it, and no other
 * candidate with more than half as many bits. 9 bits choose among 512 candidates; the rest is the
 * margin: a file of another kernel is believed once in 2^14 recordings.
 *
 * A kallsyms read from a running guest already carries its true addresses: there the only candidate
 * is 0, and it is given up when the exits speak against it.
 */
#ifndef FORKSCOPE_KASLR_H
#define FORKSCOPE_KASLR_H

#include "attribute/model.h"
#include "render/symbols.h"

#define FSV_KASLR_BITS 23

/*
 * Sets the slide of @s, or that it is unknown and why. @only_fork: look at this fork only, 0 = all.
 * Returns whether it is known.
 */
bool fsv_kaslr_find(struct fsv_syms *s, const struct fsa_result *res, unsigned int only_fork);

#endif
