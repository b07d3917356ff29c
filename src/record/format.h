/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The .fsr recording on disk. Little endian. docs/format.md is its description for others.
 *
 *   struct fsr_file_header, then chunks: struct fsr_chunk_header + payload, padded to 8 bytes.
 *
 * A recording that was cut short is readable up to its last whole chunk. A reader needs the same
 * major version; chunk types, event kinds and flags that it does not know are skipped and counted.
 */
#ifndef FORKSCOPE_FORMAT_H
#define FORKSCOPE_FORMAT_H

#include <stdint.h>

#define FSR_MAGIC       "FSRECORD" /* 8 bytes, no NUL */
#define FSR_MAJOR       1
#define FSR_MINOR       1
#define FSR_CHUNK_MAGIC 0x4b435346u /* "FSCK" */
#define FSR_MAX_CHUNK   (64u << 20) /* bytes of payload; a longer one is corrupt */

struct fsr_file_header {
	char magic[8];
	uint16_t major, minor;
	uint32_t header_bytes; /* of this header; chunks begin there */
	uint64_t created_ns;   /* CLOCK_REALTIME */
	uint64_t flags;        /* none yet */
	uint32_t crc;          /* zlib crc32 of the bytes before it */
	uint32_t pad;
};

/* X(number, NAME, "what it holds"): append-only */
#define FSR_CHUNK_TYPES(X)                                                                        \
	X(1, META, "JSON object: tool, kernel, hooks, filters, what was asked")                   \
	X(2, EVENTS, "struct fsr_events, then raw records of one CPU in order (bpf/event.h)")     \
	X(3, ROUND, "struct fsr_round: every record before its horizon stands before it")         \
	X(4, STACKS, "host kernel stacks: struct fsr_stack, then its addresses; repeated")        \
	X(5, SYMBOLS,                                                                             \
	  "deflated text of kernel symbols that the stacks need: 'addr name [module]'")           \
	X(6, STATS, "JSON object: losses per VM and CPU, run time of each BPF program, own cost") \
	X(7, END, "JSON object: why the recording ended; its presence means it is complete")      \
	X(8, GUEST,                                                                               \
	  "one reading of a fork's guest rings: struct fsr_guest, then parts (since 1.1)")        \
	X(9, GUEST_BLOB, "struct fsr_guest_blob, then symbols or META of a guest (since 1.1)")

enum fsr_chunk_type {
#define X(num, name, doc) FSR_##name = num,
	FSR_CHUNK_TYPES(X)
#undef X
};

struct fsr_chunk_header {
	uint32_t magic;
	uint16_t type;
	uint16_t flags;
	uint32_t seq;   /* 0, 1, 2, ...: a hole means that chunks are missing */
	uint32_t bytes; /* payload, before padding */
	uint32_t crc;   /* zlib crc32 of the payload */
	uint32_t hcrc;  /* zlib crc32 of the five fields above */
};

struct fsr_events {
	uint32_t cpu;
	uint32_t count; /* records; advisory, the bytes decide */
};

struct fsr_round {
	uint64_t horizon_ns; /* CLOCK_MONOTONIC at which the round of draining began */
};

/* X(number, NAME, "what became of the guest recording") : append-only */
#define FSR_GUEST_STATES(X)                                                          \
	X(0, READ, "read")                                                           \
	X(1, ABSENT, "no recorder in the guest's memory")                            \
	X(2, GONE, "the VMM ended before its memory was read")                       \
	X(3, DENIED, "the VMM's memory may not be read, or is not a normal mapping") \
	X(4, BAD, "what the guest's memory holds is not a recorder's (see why)")     \
	X(5, NO_SNAPSHOT, "what the rings held at the snapshot is not known (no memory file)")

enum fsr_guest_state {
#define X(num, name, doc) FSR_GS_##name = num,
	FSR_GUEST_STATES(X)
#undef X
};

/*
 * One reading of a fork's recorder (bpf/guest_ring.h) through the VMM's mapping. Several readings
 * of one VM add up: a ring's part goes on where the last one ended.
 */
struct fsr_guest {
	uint32_t vm, tgid;
	uint64_t at_ns, done_ns; /* CLOCK_MONOTONIC: the reading began, ended */
	uint64_t dir_gpa;
	uint8_t id[16];  /* struct fsg_dir.id */
	uint32_t state;  /* enum fsr_guest_state */
	uint32_t nparts; /* struct fsr_guest_part and its bytes, each padded to 8 */
	char why[96];    /* what was wrong, "" */
};

enum fsr_guest_part_kind {
	FSR_GP_DIR = 1,    /* struct fsg_dir as it was read, FSG_PAGE bytes */
	FSR_GP_RING = 2,   /* struct fsg_rec of CPU `index`, in order, newer than the snapshot */
	FSR_GP_AGENT = 3,  /* the same, of the agent's ring */
	FSR_GP_FRAMES = 4, /* u64 guest frame numbers of all pages of the recorder */
};

struct fsr_guest_part {
	uint16_t kind, index;
	uint32_t bytes;
	uint64_t first; /* number of the first record */
	uint64_t lost;  /* since the reading before, or the snapshot: overwritten, or not written */
	uint32_t torn;  /* whose sequence did not fit: left out */
	uint32_t pad;
};

struct fsr_guest_blob {
	uint8_t id[16];
	uint32_t kind; /* FSG_PART_SYMBOLS (still deflated) or FSG_PART_META */
	uint32_t bytes;
	uint64_t raw_bytes; /* of symbols, inflated, as the guest says */
};

struct fsr_stack {
	uint32_t id;
	uint32_t depth; /* addresses that follow, innermost first, u64 each */
};

#endif
