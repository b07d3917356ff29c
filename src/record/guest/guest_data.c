// SPDX-License-Identifier: BSD-2-Clause
/* All readings of one VM, joined. */
#include "record/guest/guest_data.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/sum.h"
#include "record/guest/guest_chunk.h"
#include "record/text/guest_text.h"
#include "record/inspect.h"
#include "record/tables.h"

#define MAX_RINGS  FSG_MAX_PARTS
#define MAX_FRAMES (FSG_MAX_LISTS * (FSG_PAGE / 8) + FSG_MAX_LISTS + 1)
#define MAX_AHEAD  (1u << 22) /* records that the largest ring has place for */

struct join_ring {
	struct fsr_guest_ring ring;
	FS_VEC(struct fsg_rec) recs;
	uint64_t next; /* number expected next */
	bool begun;
};

struct join {
	struct fsr_guest_data *g;
	struct join_ring rings[MAX_RINGS];
	size_t nrings;
	FS_VEC(uint64_t) frames;
	size_t bytes; /* of records */
	bool read;    /* a reading with state READ was taken */
};

static struct join_ring *ring_of(struct join *j, const struct fsr_guest_part *part)
{
	struct join_ring *r;

	for (size_t i = 0; i < j->nrings; i++) {
		r = &j->rings[i];
		if (r->ring.kind == part->kind && r->ring.index == part->index)
			return r;
	}
	if (j->nrings == MAX_RINGS)
		return NULL;
	r = &j->rings[j->nrings++];
	r->ring.kind = part->kind;
	r->ring.index = part->index;
	r->ring.first = part->first;
	return r;
}

/* One record, if its number goes on from those before it. Returns 0 or -ENOMEM. */
static int take_rec(struct join *j, struct join_ring *r, const struct fsg_rec *rec)
{
	uint64_t n = fsr_guest_number(rec->seq, r->next);

	if (n < r->next || n - r->next > MAX_AHEAD || !rec->kind) {
		r->ring.partial++;
		return 0;
	}
	r->next = n + 1;
	if (rec->kind == FSG_K_WRAP)
		return 0;
	if (j->bytes + sizeof(*rec) > FSR_MAX_TABLE) {
		r->ring.lost++;
		return 0;
	}
	if (fs_vec_push(&r->recs, *rec))
		return -ENOMEM;
	if (!r->begun)
		r->ring.first = n;
	r->begun = true;
	j->bytes += sizeof(*rec);
	return 0;
}

static int take_ring(struct join *j, const struct fsr_guest_part *part, const void *data)
{
	struct join_ring *r = ring_of(j, part);
	int ret = 0;

	if (!r)
		return 0;
	r->ring.lost = fs_sum(r->ring.lost, part->lost);
	r->ring.partial += part->torn;
	if (part->first > r->next || !r->begun)
		r->next = part->first; /* what lies between is in the part's own count */
	for (size_t at = 0; !ret && at + sizeof(struct fsg_rec) <= part->bytes;
	     at += sizeof(struct fsg_rec))
		ret = take_rec(j, r, (const void *)((const uint8_t *)data + at));
	return ret;
}

static int take_frames(struct join *j, const struct fsr_guest_part *part, const void *data)
{
	size_t n = part->bytes / sizeof(uint64_t);

	if (n > MAX_FRAMES - j->frames.n)
		n = MAX_FRAMES - j->frames.n;
	if (!n)
		return 0;
	if (fs_vec_reserve(&j->frames, n))
		return -ENOMEM;
	memcpy(j->frames.v + j->frames.n, data, n * sizeof(uint64_t));
	j->frames.n += n;
	return 0;
}

static int take_part(struct join *j, const struct fsr_guest_part *part, const void *data)
{
	switch (part->kind) {
	case FSR_GP_DIR:
		memset(&j->g->dir, 0, sizeof(j->g->dir));
		memcpy(&j->g->dir, data,
		       part->bytes < sizeof(j->g->dir) ? part->bytes : sizeof(j->g->dir));
		return 0;
	case FSR_GP_RING:
	case FSR_GP_AGENT:
		return take_ring(j, part, data);
	case FSR_GP_FRAMES:
		return take_frames(j, part, data);
	}
	return 0; /* of a newer minor */
}

/* What a reading says of itself. Returns whether its parts are to be taken. */
static bool take_head(struct join *j, const struct fsr_guest *h)
{
	struct fsr_guest_data *g = j->g;

	if (j->read && (h->state != FSR_GS_READ || memcmp(h->id, g->dir.id, sizeof(h->id)))) {
		/* what was read before stands; g->why says why there is no more */
		snprintf(g->why, sizeof(g->why), "%.*s", (int)sizeof(h->why) - 1,
			 *h->why ? h->why : "a later reading found another recorder");
		return false;
	}
	g->tgid = h->tgid;
	g->state = h->state;
	g->read_ns = h->at_ns;
	g->done_ns = h->done_ns;
	g->dir_gpa = h->dir_gpa;
	snprintf(g->why, sizeof(g->why), "%.*s", (int)sizeof(h->why) - 1, h->why);
	return h->state == FSR_GS_READ;
}

static int take_reading(struct join *j, const void *payload, size_t bytes)
{
	struct fsr_guest_part part;
	const void *data;
	size_t at = 0;
	int got, ret = 0;

	if (!take_head(j, payload))
		return 0;
	while (!ret && (got = fsr_guest_next(payload, bytes, &at, &part, &data)) > 0)
		ret = take_part(j, &part, data);
	if (!ret && got < 0) {
		j->g->state = FSR_GS_BAD;
		snprintf(j->g->why, sizeof(j->g->why), "its parts in the recording do not add up");
		return 0;
	}
	/* the head decides whose the directory is */
	memcpy(j->g->dir.id, ((const struct fsr_guest *)payload)->id, sizeof(j->g->dir.id));
	j->read = true;
	return ret;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void hand_over_frames(struct join *j)
{
	size_t kept = 0;

	if (j->frames.n)
		qsort(j->frames.v, j->frames.n, sizeof(*j->frames.v), by_number);
	for (size_t i = 0; i < j->frames.n; i++)
		if (!kept || j->frames.v[i] != j->frames.v[kept - 1])
			j->frames.v[kept++] = j->frames.v[i];
	j->g->frames = j->frames.v;
	j->g->nframes = kept;
	j->frames.v = NULL;
}

/* Moves what was joined into its public form. Returns 0 or -ENOMEM. */
static int hand_over(struct join *j)
{
	struct fsr_guest_data *g = j->g;

	if (g->state != FSR_GS_READ) {
		memset(&g->dir, 0, sizeof(g->dir));
		return 0;
	}
	hand_over_frames(j);
	g->rings = calloc(j->nrings + 1, sizeof(*g->rings));
	if (!g->rings)
		return -ENOMEM;
	for (; g->nrings < j->nrings; g->nrings++) {
		struct join_ring *r = &j->rings[g->nrings];

		r->ring.recs = r->recs.v;
		r->ring.n = r->recs.n;
		r->recs.v = NULL;
		g->rings[g->nrings] = r->ring;
		g->lost = fs_sum(g->lost, r->ring.lost);
		g->partial += r->ring.partial;
	}
	return 0;
}

static int join_all(struct join *j, struct fsr_reader *r, uint32_t vm)
{
	int ret = 0, found = 0;

	for (size_t i = 0; !ret && i < fsr_guest_readings(r); i++) {
		size_t bytes;
		void *payload;

		if (fsr_guest_reading_vm(r, i) != vm)
			continue;
		payload = fsr_guest_payload(r, i, &bytes);
		ret = payload ? take_reading(j, payload, bytes) : -errno;
		free(payload);
		found = 1;
	}
	if (!ret && found)
		ret = hand_over(j);
	return ret ? ret : found;
}

int fsr_guest_load(struct fsr_reader *r, uint32_t vm, struct fsr_guest_data **out)
{
	struct join *j = calloc(1, sizeof(*j));
	int found = -ENOMEM;

	*out = NULL;
	if (!j)
		return -ENOMEM;
	j->g = calloc(1, sizeof(*j->g));
	if (j->g) {
		j->g->vm = vm;
		found = join_all(j, r, vm);
	}
	if (found > 0)
		*out = j->g;
	else
		fsr_guest_free(j->g);
	for (size_t i = 0; i < j->nrings; i++)
		fs_vec_free(&j->rings[i].recs);
	fs_vec_free(&j->frames);
	free(j);
	return found;
}

void fsr_guest_free(struct fsr_guest_data *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->nrings; i++)
		free((void *)(uintptr_t)g->rings[i].recs);
	free(g->rings);
	free(g->frames);
	free(g);
}
