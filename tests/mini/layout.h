/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest-physical addresses of a mini VM. Linear addresses are these plus MINI_HIGH. */
#ifndef MINI_LAYOUT_H
#define MINI_LAYOUT_H

#define MINI_HIGH   0xffffffff80000000ull
#define MINI_GDT    0x1000
#define MINI_IDT    0x2000
#define MINI_PML4   0x3000
#define MINI_PDPT   0x4000
#define MINI_PD     0x5000
#define MINI_CODE   0x8000
#define MINI_STACK  0x10000  /* one page per vCPU, downwards from the end of the page */
#define MINI_DATA   0x200000 /* touched pages, vCPU after vCPU */
#define MINI_VECTOR 0x40

#endif
