/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recorder in guest memory, laid out as bpf/guest_ring.h says and written to as a guest would:
 * for tests of those who read it. Frames stand in no order, as a guest's do.
 */
#ifndef FORKSCOPE_CRAFT_RING_H
#define FORKSCOPE_CRAFT_RING_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "bpf/guest_ring.h"

struct craft_ring {
	uint8_t *mem;  /* guest-physical 0 */
	uint64_t base; /* first frame of the recorder: the directory is behind all others */
	unsigned int rings, pages; /* the last ring is the agent's; pages of records of each */
	unsigned int blob_pages;   /* of the symbols; META has one page */
};

/* Frames that the recorder takes, without the directory. */
static inline uint64_t craft_frames(const struct craft_ring *c)
{
	return 1 + (uint64_t)c->rings * (c->pages + 1) + c->blob_pages + 1;
}

static inline uint64_t craft_dir_gfn(const struct craft_ring *c)
{
	return c->base + craft_frames(c);
}

/* Entry @i of the list of frames: from the end to the beginning, so that none follow each other. */
static inline uint64_t craft_gfn(const struct craft_ring *c, uint64_t i)
{
	return c->base + craft_frames(c) - 1 - i;
}

static inline void *craft_at(const struct craft_ring *c, uint64_t gfn)
{
	return c->mem + gfn * FSG_PAGE;
}

static inline struct fsg_dir *craft_dir(const struct craft_ring *c)
{
	return craft_at(c, craft_dir_gfn(c));
}

static inline struct fsg_ring_head *craft_head(const struct craft_ring *c, unsigned int ring)
{
	return craft_at(c, craft_gfn(c, craft_dir(c)->parts[ring].first));
}

static inline struct fsg_rec *craft_slot(const struct craft_ring *c, unsigned int ring, uint64_t n)
{
	uint64_t at = n % ((uint64_t)c->pages * (FSG_PAGE / sizeof(struct fsg_rec)));
	uint64_t page = at / (FSG_PAGE / sizeof(struct fsg_rec));
	struct fsg_rec *recs =
		craft_at(c, craft_gfn(c, craft_dir(c)->parts[ring].first + 1 + page));

	return recs + at % (FSG_PAGE / sizeof(struct fsg_rec));
}

/* Writes a record as a guest does: its number first, its sequence last. Returns the number. */
static inline uint64_t craft_write(const struct craft_ring *c, unsigned int ring,
				   struct fsg_rec rec)
{
	uint64_t n = craft_head(c, ring)->head++;

	rec.seq = (uint32_t)(n + 1);
	*craft_slot(c, ring, n) = rec;
	return n;
}

static inline void craft_part(const struct craft_ring *c, uint16_t kind, uint16_t index,
			      uint32_t *first, uint32_t pages, uint64_t bytes)
{
	struct fsg_dir *d = craft_dir(c);

	d->parts[d->nparts++] = (struct fsg_part){
		.kind = kind, .index = index, .first = *first, .pages = pages, .bytes = bytes};
	*first += pages;
}

/*
 * Lays it out, empty; META and symbols are @meta and @symbols, @symbol_bytes long (deflated by the
 * caller; they fit in blob_pages).
 */
static inline void craft_lay(const struct craft_ring *c, uint8_t id, const char *meta,
			     const void *symbols, size_t symbol_bytes)
{
	struct fsg_dir *d = craft_dir(c);
	uint32_t first = 1; /* entry 0 is the list itself */
	uint64_t *list = craft_at(c, craft_gfn(c, 0));

	memset(craft_at(c, c->base), 0, (size_t)(craft_frames(c) + 1) * FSG_PAGE);
	for (uint64_t i = 0; i < craft_frames(c); i++)
		list[i] = craft_gfn(c, i);
	strcpy(d->magic, FSG_MAGIC);
	d->major = FSG_MAJOR;
	d->dir_bytes = sizeof(*d);
	d->rec_bytes = sizeof(struct fsg_rec);
	d->flags = FSG_D_BPF | FSG_D_SPLIT;
	d->ncpus = c->rings - 1;
	d->nlists = 1;
	d->list_gfn[0] = craft_gfn(c, 0);
	memset(d->id, id, sizeof(d->id));
	for (unsigned int i = 0; i < c->rings; i++) {
		int agent = i == c->rings - 1;

		craft_part(c, agent ? FSG_PART_AGENT : FSG_PART_RING, (uint16_t)(agent ? 0 : i),
			   &first, c->pages + 1, (uint64_t)c->pages * FSG_PAGE);
		*craft_head(c, i) = (struct fsg_ring_head){
			.mark = FSG_RING_MARK, .index = i, .dir_gfn = craft_dir_gfn(c)};
	}
	craft_part(c, FSG_PART_SYMBOLS, 0, &first, c->blob_pages, symbol_bytes);
	for (size_t at = 0; at < symbol_bytes; at += FSG_PAGE) {
		size_t n = symbol_bytes - at < FSG_PAGE ? symbol_bytes - at : FSG_PAGE;

		memcpy(craft_at(c, craft_gfn(c, first - c->blob_pages + at / FSG_PAGE)),
		       (const uint8_t *)symbols + at, n);
	}
	craft_part(c, FSG_PART_META, 0, &first, 1, strlen(meta));
	memcpy(craft_at(c, craft_gfn(c, first - 1)), meta, strlen(meta));
}

#endif
