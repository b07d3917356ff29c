/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds by how much the guest's kernel moved itself at boot, from the guest addresses of a
 * recording and the symbols of that kernel.
 *
 * x86-64 moves its kernel by a multiple of 2 MiB (CONFIG_PHYSICAL_ALIGN) within the 1 GiB from
 * 0xffffffff80000000, so there are at most 512 candidates. For each, nearly all addresses of the
 * kernel's range must lie in its code. Then there are two proofs:
 *
 *  Function starts. A fork touches its code for the first time, and most often by a call. Of the
 *  memory faults that are the fetch of the very instruction (the fault's address has the same place
 *  in its page as the RIP), 82 to 100 % were the first instruction of a function in four recordings
 *  of the lab, in every part of the code; at wrong candidates it is 3 %. Proven when one candidate
 *  has at least FSY_KASLR_STARTS of them, that is half of the fetches and three times as many as at
 *  any other candidate.
 *
 *  Instructions. Exits whose reason names the instruction that the guest stood at: with a vmlinux
 * the bytes there must be that instruction (hlt, in/out, rdmsr/wrmsr, cpuid, ...); with names only,
 * a hlt must stand in one of the kernel's idle functions, and likewise port I/O and MSR accesses in
 *  functions that are known for them. Each agreement is worth as many bits as its chance at a
 * random place of this file's code is small, once per function; each disagreement counts against.
 * Proven with FSY_KASLR_BITS from at least two functions, at most a quarter of the addresses
 * against it, and no other candidate with more than half as many bits. 9 bits choose among 512
 * candidates; the rest is the margin: a file of another kernel is believed once in 2^14 recordings.
 *
 * Two proofs that disagree prove nothing. Nor does one where a whole part of the code has no
 * function starts: that is the file of another build, and its names would be wrong there.
 *
 * A kallsyms of a running guest has true addresses: unless another slide is proven, 0 is taken, and
 * said to be taken and not proven. It is given up when the addresses do not lie in its code, or
 * when there are so many fetches that the right file would have been proven.
 */
#ifndef FORKSCOPE_GUESTSYMS_KASLR_H
#define FORKSCOPE_GUESTSYMS_KASLR_H

#include "attribute/model/model.h"
#include "guestsyms/symtable.h"

#define FSY_KASLR_BITS   23
#define FSY_KASLR_STARTS 24

/*
 * Sets the slide of @s, or that it is unknown and why. @only_fork: look at this fork only, 0 = all.
 * Returns whether it is known.
 */
bool fsy_kaslr_find(struct fsy_syms *s, const struct fsa_result *res, unsigned int only_fork);

/*
 * For symbols that came out of the guests' own memory, at the addresses at which their kernel ran:
 * the slide can only be 0. Looks at the forks of that guest (struct fsa_guest.id). Takes 0, with
 * the evidence or as not proven; where the exits speak against it, no name is used, and why.
 */
bool fsy_kaslr_check_own(struct fsy_syms *s, const struct fsa_result *res, const uint8_t id[16]);

#endif
