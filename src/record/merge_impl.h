/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a merge: streams, and the heap over them. */
#ifndef FORKSCOPE_MERGE_IMPL_H
#define FORKSCOPE_MERGE_IMPL_H

#include "base/vec.h"
#include "record/kinds.h"
#include "record/merge.h"
#include "record/scan.h"

#define FSR_MERGE_MAX_LEN 512u /* bytes of the longest struct of this program */

struct fsr_merge_part {
	struct fsr_merge_part *next;
	struct fsr_buf *buf; /* NULL = not held: re-read from @off */
	const uint8_t *recs; /* in @buf */
	uint64_t off;
	size_t bytes; /* left */
	uint64_t first_ts;
	bool sorted;
};

struct fsr_merge_stream {
	struct fsr_merge_part *head, *tail;
	struct fs_ev last; /* of the part at the tail */
	uint32_t cpu;
	const uint8_t *pos, *end; /* records that are being delivered */
	struct fsr_buf *buf;      /* they stand in it */
	bool loaded;              /* pos and end are those of the head */
};

struct fsr_merge_entry {
	uint64_t ts; /* of its stream's next record */
	uint32_t stream;
};

struct fsr_merge {
	struct fsr_info *info;
	int fd;
	size_t budget;
	struct fsr_pool pool;
	FS_VEC(struct fsr_merge_stream *) streams;
	struct fsr_merge_entry *heap; /* room for each stream */
	uint32_t nheap, heap_room;
	struct fsr_merge_stream
		*cur; /* at the top of the heap, deliverable below @limit without a look */
	uint64_t limit;
	uint64_t horizon;
	uint64_t last_ts; /* delivered */
	struct fsr_seqs seqs;
	uint16_t need[FSR_KIND_MAX + 1]; /* bytes of each known kind, 0xffff = unknown */
	_Alignas(8) uint8_t filled[FSR_MERGE_MAX_LEN];
};

/* The record of @s that comes next. */
static inline const struct fs_ev *fsr_merge_record(const struct fsr_merge_stream *s)
{
	return (const void *)s->pos;
}

/*
 * The stream for a part of @cpu that begins at @first: its CPU's own one, any idle one, or a new
 * one. At the limit the CPU's own one takes it all the same: what is too late then is counted.
 * Returns 0 and its index in *@out, or -ENOMEM.
 */
int fsr_merge_pick(struct fsr_merge *m, uint32_t cpu, const struct fs_ev *first, uint32_t *out);

/* Brings an unsorted part of @count records that is held in memory into order. 0 or -ENOMEM. */
int fsr_merge_sort(struct fsr_merge *m, struct fsr_merge_part *p, uint32_t count);

/* Takes the next records of @s from its parts. Returns 1, 0 = it has none left, or -errno. */
int fsr_merge_load(struct fsr_merge *m, struct fsr_merge_stream *s);

#endif
