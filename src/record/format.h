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
#define FSR_MINOR       0
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
	X(7, END, "JSON object: why the recording ended; its presence means it is complete")

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

struct fsr_stack {
	uint32_t id;
	uint32_t depth; /* addresses that follow, innermost first, u64 each */
};

#endif
