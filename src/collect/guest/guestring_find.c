// SPDX-License-Identifier: BSD-2-Clause
/* Where a guest's recorder is, and where its rings stood when the snapshot was made. */
#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "collect/guest/guestring_impl.h"

#define MAX_HITS  64                  /* places that a search looks at */
#define SEARCH_NS (2000ull * 1000000) /* a search gives up after this long */

/* --- finding the directory --- */

void fs_guestring_remember(struct fs_guestring *r, uint64_t gfn)
{
	size_t i = 0;

	while (i < r->nknown && r->known[i] != gfn)
		i++;
	if (i == r->nknown && r->nknown < FS_MAX_KNOWN)
		r->nknown++;
	if (i == FS_MAX_KNOWN)
		i--;
	memmove(&r->known[1], &r->known[0], i * sizeof(r->known[0]));
	r->known[0] = gfn;
}

/* Is it at @gfn? Then it is loaded. One whose head is sound but whose rest is broken is reported,
 * and not used. */
static bool verify(struct fs_reading *g, uint64_t gfn)
{
	char why[FSR_WHY];
	int ret = fsr_layout_load(fs_guestmem_now(g->mem), gfn, &g->l, why);

	if (!ret) {
		g->found = true;
		return true;
	}
	if (ret != -ENOENT)
		fs_reading_state(g, FSR_GS_BAD, "%s", *why ? why : strerror(-ret));
	return false;
}

static bool at_known_place(struct fs_reading *g)
{
	for (size_t i = 0; i < g->r->nknown; i++)
		if (verify(g, g->r->known[i]))
			return true;
	return false;
}

/* Where a memory file that was given has it. */
static bool at_place_in_file(struct fs_reading *g)
{
	for (size_t i = 0; i < g->r->nfiles; i++) {
		const struct fs_memfile *f = &g->r->files[i];

		for (size_t k = 0; k < 2 * f->n; k++) {
			enum fs_file_order order = k % 2 ? FS_ORDER_HVA : FS_ORDER_GPA;
			uint64_t gfn =
				fs_guestmem_frame_at(g->mem, f->fd, f->offsets[k / 2], order);

			if (gfn != UINT64_MAX && verify(g, gfn))
				return true;
		}
	}
	return false;
}

struct hits {
	uint64_t gfn[MAX_HITS];
	size_t n;
};

/* A page that is a directory, or a ring's head that names one. */
static bool look_at_page(uint64_t gfn, const void *data, void *arg)
{
	static const char magic[32] = FSG_MAGIC;
	struct fsg_ring_head head;
	struct hits *h = arg;

	memcpy(&head, data, sizeof(head));
	if (head.mark == FSG_RING_MARK && head.dir_gfn)
		gfn = head.dir_gfn;
	else if (memcmp(data, magic, sizeof(magic)))
		return true;
	for (size_t i = 0; i < h->n; i++)
		if (h->gfn[i] == gfn)
			return true;
	h->gfn[h->n++] = gfn;
	return h->n < MAX_HITS;
}

/* Takes the one of the places found that is a directory. Two of them: that is reported. */
static bool take_hit(struct fs_reading *g, const struct hits *h)
{
	struct fsr_layout first = {0};
	size_t sound = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (!verify(g, h->gfn[i]))
			continue;
		if (sound++)
			fsr_layout_free(&g->l);
		else
			first = g->l;
	}
	g->l = first;
	if (sound > 1) {
		fsr_layout_free(&g->l);
		fs_reading_state(g, FSR_GS_BAD,
				 "%zu recorders in one guest: which is the last is not known",
				 sound);
	}
	g->found = sound == 1;
	return sound > 0;
}

/*
 * What the fork has written comes first: the heads of the rings are there if anything was recorded
 * since the snapshot. Then what is mapped of the snapshot.
 */
static int search(struct fs_reading *g)
{
	uint64_t until = fs_mono_ns() + SEARCH_NS;
	int64_t looked = 0;

	for (int anon = 1; anon >= 0; anon--) {
		struct hits h = {.n = 0};
		int64_t pages = fs_guestmem_scan(g->mem, anon, sizeof(struct fsg_ring_head), until,
						 look_at_page, &h);

		if (pages < 0)
			return (int)pages;
		looked += pages;
		if (take_hit(g, &h))
			return 0;
	}
	if (g->head.state == FSR_GS_READ)
		fs_reading_state(g, FSR_GS_ABSENT,
				 "no recorder in the %lld pages that are present%s",
				 (long long)looked, fs_mono_ns() > until ? " (gave up)" : "");
	return 0;
}

static bool same_file(const struct fs_backing *a, const struct fs_backing *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->mtime_ns == b->mtime_ns &&
	       a->size == b->size;
}

/* Was a search in a fork of this snapshot in vain? Frame 0 stands for all of the memory. */
static bool known_to_be_without(struct fs_reading *g, struct fs_backing *b, bool *has_file)
{
	*has_file = fs_guestmem_backing(g->mem, 0, b);
	for (size_t i = 0; *has_file && i < g->r->without.n; i++)
		if (same_file(&g->r->without.v[i], b))
			return true;
	return false;
}

int fs_guestring_find(struct fs_reading *g)
{
	struct fs_backing b;
	bool has_file;
	int ret = 0;

	if (g->vm->begun) {
		verify(g, g->vm->gfn);
		if (g->found && memcmp(g->l.d.dir.id, g->vm->id, sizeof(g->vm->id))) {
			fsr_layout_free(&g->l);
			g->found = false;
		}
		if (!g->found)
			fs_reading_state(g, FSR_GS_BAD, "its recorder is gone, or another");
		return !g->found && fs_guestmem_ended(g->mem) ? -ESRCH : 0;
	}
	if (at_known_place(g) || at_place_in_file(g))
		return 0;
	if (known_to_be_without(g, &b, &has_file)) {
		fs_reading_state(g, FSR_GS_ABSENT, "none was in another fork of this snapshot");
		return 0;
	}
	ret = search(g);
	/* of one that ended meanwhile nothing is known, of its snapshot neither */
	if (!ret && !g->found && fs_guestmem_ended(g->mem))
		return -ESRCH;
	if (!ret && !g->found && has_file && g->head.state == FSR_GS_ABSENT)
		if (fs_vec_push(&g->r->without, b))
			fs_debug("out of memory: this snapshot will be searched again");
	return ret;
}

/* --- the snapshot --- */

/*
 * Reads where the rings stood in the snapshot. A snapshot that has another recorder there, or none,
 * is older than the arming: then everything is newer. Returns false where it does not fit.
 */
static bool heads_in(struct fs_reading *g, const struct fsr_mem *m, bool surely,
		     struct fsr_ring_pos pos[FSG_MAX_PARTS])
{
	struct fsr_layout then;
	char why[FSR_WHY];
	bool same = !fsr_layout_load(m, g->l.gfn, &then, why);
	bool ok = true;

	memset(pos, 0, FSG_MAX_PARTS * sizeof(*pos));
	if (same) {
		same = !memcmp(then.d.dir.id, g->l.d.dir.id, sizeof(then.d.dir.id));
		fsr_layout_free(&then);
	}
	if (!same)
		return surely;
	for (unsigned int i = 0; i < g->l.d.dir.nparts && ok; i++) {
		struct fsg_ring_head h;

		if (!fsr_is_ring(&g->l, i))
			continue;
		ok = !fsr_ring_head(m, &g->l, i, &h);
		if (ok)
			pos[i] = (struct fsr_ring_pos){.next = h.head, .lost = h.lost};
	}
	return ok;
}

/* From the file that is mapped, remembered for all forks of it. Returns whether there is one. */
static bool heads_of_backing(struct fs_reading *g)
{
	const uint8_t *id = g->l.d.dir.id;
	struct fs_ring_snapshot s = {0};

	if (!fs_guestmem_backing(g->mem, g->l.gfn, &s.file))
		return false;
	for (size_t i = 0; i < g->r->snapshots.n; i++) {
		struct fs_ring_snapshot *known = &g->r->snapshots.v[i];

		if (!same_file(&known->file, &s.file) || memcmp(known->id, id, sizeof(known->id)))
			continue;
		memcpy(g->vm->pos, known->pos, sizeof(known->pos));
		return true;
	}
	if (!heads_in(g, fs_guestmem_snapshot(g->mem), true, s.pos)) {
		fs_reading_state(g, FSR_GS_BAD,
				 "the snapshot's rings are not where the directory says");
		return true;
	}
	memcpy(s.id, id, sizeof(s.id));
	memcpy(g->vm->pos, s.pos, sizeof(s.pos));
	if (fs_vec_push(&g->r->snapshots, s))
		fs_debug("out of memory: this snapshot will be read again");
	return true;
}

void fs_guestring_find_heads(struct fs_reading *g)
{
	if (g->vm->begun || heads_of_backing(g))
		return;
	for (size_t i = 0; i < 2 * g->r->nfiles; i++) {
		fs_guestmem_set_file(g->mem, g->r->files[i / 2].fd,
				     i % 2 ? FS_ORDER_HVA : FS_ORDER_GPA);
		if (heads_in(g, fs_guestmem_snapshot(g->mem), false, g->vm->pos))
			return;
	}
	fs_reading_state(g, FSR_GS_NO_SNAPSHOT,
			 g->r->nfiles
				 ? "the memory file given is not that of its snapshot"
				 : "its memory is not mapped from a file: name it (--memfile)");
}
