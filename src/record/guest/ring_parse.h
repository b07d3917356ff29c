/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recorder in a guest's memory (bpf/guest_ring.h), taken apart. Pure: memory comes through a
 * function, so that it can be a VMM's, a file's, or a fuzzer's. Everything in it is hostile: each
 * count, size and frame number is bounded before it is used, and nothing outside of the VM's memory
 * is asked for.
 */
#ifndef FORKSCOPE_RINGPARSE_H
#define FORKSCOPE_RINGPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bpf/guest_ring.h"
#include "record/guest/guest_chunk.h"

#define FSR_MAX_PART_SYMBOLS (32u << 20) /* bytes in the guest's memory, deflated */
#define FSR_MAX_PART_META    (1u << 20)
#define FSR_MAX_READING      (32u << 20) /* bytes of records of one reading */
#define FSR_WHY              96

typedef uint8_t fsr_page[FSG_PAGE];

/* Guest-physical memory. */
struct fsr_mem {
	/*
	 * Copies the @n pages of @gfn to @to and sets got[i] for each that could be read (the
	 * others are not touched). Returns 0, or a negative errno when nothing more can be read at
	 * all.
	 */
	int (*pages)(void *arg, const uint64_t *gfn, size_t n, fsr_page *to, bool *got);
	/* Is this frame memory of the VM? */
	bool (*inside)(void *arg, uint64_t gfn);
	void *arg;
};

/* A directory that was found sound, and the frames of its parts. */
struct fsr_layout {
	uint64_t gfn;
	union {
		struct fsg_dir dir;
		fsr_page page; /* as it was read */
	} d;
	uint64_t *frames; /* of the lists, nframes of them; 0 where a list could not be read */
	size_t nframes;
};

/*
 * Is @page a directory that this program can read? Returns 0, -ENOENT (it does not begin with the
 * magic), or -EBADMSG with the reason in @why.
 */
int fsr_dir_check(const fsr_page page, char why[FSR_WHY]);

/*
 * Reads the directory at @gfn and its lists. Returns 0 (free it with fsr_layout_free()), -ENOENT
 * (there is none, or the page cannot be read), -EBADMSG with @why, -ENOMEM, or the memory's error.
 */
int fsr_layout_load(const struct fsr_mem *m, uint64_t gfn, struct fsr_layout *l, char why[FSR_WHY]);
void fsr_layout_free(struct fsr_layout *l);

/* All frames of the recorder: directory, lists, parts. Returns their number; @out may be NULL. */
size_t fsr_layout_frames(const struct fsr_layout *l, uint64_t *out);

/*
 * The @n pages of @gfn to @to, in steps, so that a long part does not need its pages twice in
 * memory; got[i]: could be read. Returns 0 or the memory's error.
 */
int fsr_read_pages(const struct fsr_mem *m, const uint64_t *gfn, size_t n, fsr_page *to, bool *got);

/* Is part @i a ring of a CPU, or the agent's? */
bool fsr_is_ring(const struct fsr_layout *l, unsigned int i);

/*
 * The head of ring @i. Returns 0, -EAGAIN (the page cannot be read), -EBADMSG (it is none), or the
 * memory's error.
 */
int fsr_ring_head(const struct fsr_mem *m, const struct fsr_layout *l, unsigned int i,
		  struct fsg_ring_head *h);

/* How far a ring has been read. */
struct fsr_ring_pos {
	uint64_t next; /* number of the next record; at first the head at the snapshot */
	uint64_t lost; /* fsg_ring_head.lost when it was looked at last */
};

/* What a reading of a ring brought. */
struct fsr_ring_out {
	struct fsr_guest_part part; /* as a GUEST chunk wants it */
	struct fsg_rec *recs;
	size_t n;
	/*
	 * Of part.torn: whose writing had begun, far from the end. A guest that runs ends it soon:
	 * another reading from the same place has them whole.
	 */
	uint64_t unfinished;
};

/*
 * Reads what ring @i got since @pos, at most FSR_MAX_READING bytes (the latest), and moves @pos on.
 * If one of the last 8 is being written, it is left for the next reading, with those behind it; the
 * @last one takes all that is whole, and does not count it as partial (part.torn). One further back
 * is an interrupted program's: partial, and @out->unfinished. Returns 0 (free out->recs), -EAGAIN
 * (its head cannot be read), -EBADMSG (no ring, or its head is behind @pos: it is another's),
 * -ENOMEM, or the memory's error.
 */
int fsr_ring_read(const struct fsr_mem *m, const struct fsr_layout *l, unsigned int i, bool last,
		  struct fsr_ring_pos *pos, struct fsr_ring_out *out);

/*
 * The bytes of the SYMBOLS or META part. Returns 0 and *out (to be freed) with *n bytes, -ENOENT
 * (the directory has none), -EAGAIN (a page of it cannot be read), -ENOMEM, or the memory's error.
 */
int fsr_blob_read(const struct fsr_mem *m, const struct fsr_layout *l, enum fsg_part_kind kind,
		  uint8_t **out, size_t *n, uint64_t *raw_bytes);

#endif
