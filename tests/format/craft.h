/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recordings made byte by byte, sound and unsound ones: without the writer, so that what the
 * reader takes is held against the format and not against our own other half.
 */
#ifndef FORKSCOPE_TEST_CRAFT_H
#define FORKSCOPE_TEST_CRAFT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "bpf/event.h"
#include "record/format.h"

struct craft {
	uint8_t bytes[1 << 16];
	size_t n;
	uint32_t seq;
};

static inline void craft_header(struct craft *c, uint16_t major, uint16_t minor, uint32_t bytes)
{
	struct fsr_file_header h = {.major = major, .minor = minor, .header_bytes = bytes};

	memset(c, 0, sizeof(*c));
	memcpy(h.magic, FSR_MAGIC, 8);
	h.crc = (uint32_t)crc32_z(0, (const void *)&h, offsetof(struct fsr_file_header, crc));
	memcpy(c->bytes, &h, sizeof(h));
	c->n = bytes > sizeof(h) && bytes < 4096 ? bytes : sizeof(h);
}

/* A chunk whose header claims @claim bytes and number @seq, but is otherwise sound. */
static inline void craft_chunk_as(struct craft *c, uint16_t type, const void *data, size_t bytes,
				  uint32_t claim, uint32_t seq)
{
	struct fsr_chunk_header h = {
		.magic = FSR_CHUNK_MAGIC,
		.type = type,
		.seq = seq,
		.bytes = claim,
		.crc = (uint32_t)crc32_z(0, data, bytes),
	};

	h.hcrc = (uint32_t)crc32_z(0, (const void *)&h, offsetof(struct fsr_chunk_header, hcrc));
	memcpy(c->bytes + c->n, &h, sizeof(h));
	if (bytes)
		memcpy(c->bytes + c->n + sizeof(h), data, bytes);
	c->n += sizeof(h) + ((bytes + 7) & ~(size_t)7);
}

static inline void craft_chunk(struct craft *c, uint16_t type, const void *data, size_t bytes)
{
	craft_chunk_as(c, type, data, bytes, (uint32_t)bytes, c->seq++);
}

/* An EVENTS chunk of one RUN record at @ts on CPU 0. */
static inline void craft_event(struct craft *c, uint64_t ts)
{
	struct {
		struct fsr_events head;
		struct fs_ev_run run;
	} p = {.head = {.count = 1},
	       .run.h = {.ts = ts, .kind = FS_EV_RUN, .len = sizeof(struct fs_ev_run)}};

	craft_chunk(c, FSR_EVENTS, &p, sizeof(p));
}

#endif
