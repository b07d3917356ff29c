/* SPDX-License-Identifier: BSD-2-Clause */
/* What a VM is taken for, and what the user asks: where windows begin and end, what is kept. */
#ifndef FORKSCOPE_OPTIONS_H
#define FORKSCOPE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bpf/event.h"

/* What the user asked: where the window begins and ends. */
enum fsa_start_kind { FSA_START_RESUME, FSA_START_LOAD, FSA_START_SPAWN };
enum fsa_end_kind {
	FSA_END_ACK,
	FSA_END_FIRST_TX,
	FSA_END_TCP,
	FSA_END_PIO,
	FSA_END_MARK,
	FSA_END_AFTER
};

/* What a VM is: a restored one, one that boots, or nothing that can have a window. */
enum fsa_vm_kind { FSA_K_NONE, FSA_K_RESTORE, FSA_K_BOOT };

/* X(ENUM, kind, "what was seen"): why a VM is taken for what it is */
#define FSA_VM_WHYS(X)                                                                                                                      \
	X(UNSEEN, NONE, "none of its vCPUs was seen to enter the guest")                                                                    \
	X(LATE, NONE, "it ran before the recording saw it")                                                                                 \
	X(OTHER_VCPU, NONE, "its first vCPU was not seen to enter the guest")                                                               \
	X(UNPAGED, BOOT, "its first entry is without paging (CR0.PG is 0)")                                                                 \
	X(KERNEL, RESTORE, "its first entry is with paging, in the half of addresses of kernels")                                           \
	X(SYSCALLS, RESTORE, "its first entry is with paging and system calls (EFER.SCE is 1)")                                             \
	X(LEGACY, RESTORE, "its first entry is with paging outside of long mode (a 32-bit guest)")                                          \
	X(SET_UP, RESTORE, "its first entry is with paging and CR4.PGE or CR4.OSFXSR")                                                      \
	X(IDENTITY, BOOT,                                                                                                                   \
	  "its first entry is with paging at a low address, but without EFER.SCE, CR4.PGE and CR4.OSFXSR, as a VMM starts a 64-bit kernel") \
	X(LOW, BOOT, "its first entry is at a low address, and no other register could be read")                                            \
	X(UNREAD, RESTORE, "no register could be read at its first entry")                                                                  \
	X(ASKED_RESTORE, RESTORE, "as was asked (--kind restore)")                                                                          \
	X(ASKED_BOOT, BOOT, "as was asked (--kind boot)")

enum fsa_vm_why {
#define X(e, kind, text) FSA_W_##e,
	FSA_VM_WHYS(X)
#undef X
		FSA_NWHYS
};

/* Bits of `valid`, as in a FIRST_RUN record: which registers could be read. */
enum { FSA_V_RIP = 1, FSA_V_CR0 = 2, FSA_V_CR4 = 4, FSA_V_EFER = 8 };

/* One VM of the recording, whether it is a fork or not. */
struct fsa_vm {
	uint32_t vm, pid;
	char comm[FS_COMM_LEN];
	enum fsa_vm_why why;
	uint64_t first_run_ns; /* the first KVM_RUN of a vCPU; 0 = not seen */
	uint64_t rip, cr0, cr4, efer;
	uint32_t valid;
};
enum fsa_vm_kind fsa_vm_kind(const struct fsa_vm *vm);
const char *fsa_vm_why(const struct fsa_vm *vm); /* a sentence without a full stop */

struct fsa_opts {
	enum fsa_vm_kind kind; /* NONE: as seen; else all whose beginning was seen are that */
	enum fsa_start_kind start;
	enum fsa_end_kind end;
	char end_name[64];     /* ack stage or mark name */
	uint32_t end_port;     /* tcp, pio */
	uint64_t end_after_ns; /* after:<duration> */
	uint64_t timeout_ns; /* a fork with no end by then is timed out; 0 = as recorded, else 60 s
			      */
	int only_fork;       /* 1-based fork number, 0 = all */
	bool drop_segs;      /* segs are not kept: memory does not grow with the recording */
	bool no_guest;       /* as if the recording had no guest recordings: the host-only ledger */
	bool one_snapshot; /* all forks (of a variant) are of one snapshot, whatever their files are
			    */
	bool keep_faults;  /* forks get their path_faults and touches, as many as there are */
};

/*
 * Parses "ack:mailbox", "first-tx", "tcp:22", "pio:0xf4", "mark:ready", "after:250ms" into @o.
 * Returns 0, or -EINVAL with the reason in @err.
 */
int fsa_parse_end(const char *text, struct fsa_opts *o, char *err, size_t err_len);
int fsa_parse_start(const char *text, struct fsa_opts *o, char *err, size_t err_len);
/* Writes the end in the same words. Returns @buf. */
const char *fsa_end_text(const struct fsa_opts *o, char *buf, size_t len);

#endif
