/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few types of the programs that know nothing of the kernel's: stable interfaces only. Takes
 * the place of vmlinux.h, whose every access is relocated and would ask for the kernel's BTF.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
enum { false = 0, true = 1 };

#define NULL ((void *)0)

enum bpf_map_type { BPF_MAP_TYPE_ARRAY = 2 };
enum { BPF_F_MMAPABLE = 1 << 10 };

/* As ptrace gives it out. */
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax, ip, cs, flags, sp, ss;
};

/* linux/netlink.h */
struct nlmsghdr {
	__u32 nlmsg_len;
	__u16 nlmsg_type;
};

/* Of a raw tracepoint. */
struct bpf_raw_tracepoint_args {
	__u64 args[1];
};

#endif
