// SPDX-License-Identifier: BSD-2-Clause
#include "record/guest/ring_parse.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"

#define PER_PAGE  (FSG_PAGE / (uint32_t)sizeof(struct fsg_rec))
#define PER_LIST  (FSG_PAGE / (uint32_t)sizeof(uint64_t))
#define BATCH     64           /* pages that are read at once */
#define MAX_HEAD  (1ull << 62) /* a counter beyond it is no count */
#define IN_FLIGHT 8            /* records at the end whose writing is not waited for */

/* --- directory --- */

static int check_part(const struct fsg_dir *d, unsigned int i, char why[FSG_WHY])
{
	const struct fsg_part *p = &d->parts[i];
	uint64_t frames = (uint64_t)d->nlists * PER_LIST, room = (uint64_t)p->pages * FSG_PAGE;

	if ((uint64_t)p->first + p->pages > frames)
		return fs_errf(why, FSG_WHY, -EBADMSG,
			       "part %u lies behind the end of the lists of frames", i);
	switch (p->kind) {
	case FSG_PART_RING:
	case FSG_PART_AGENT:
		if (p->bytes < FSG_PAGE || (p->bytes & (p->bytes - 1)) ||
		    p->bytes + FSG_PAGE != room || p->index >= FSG_MAX_CPUS)
			return fs_errf(why, FSG_WHY, -EBADMSG,
				       "part %u: a ring of %llu bytes in %u pages, CPU %u", i,
				       (unsigned long long)p->bytes, p->pages, p->index);
		for (unsigned int k = 0; k < i; k++)
			if (d->parts[k].kind == p->kind && d->parts[k].index == p->index)
				return fs_errf(why, FSG_WHY, -EBADMSG,
					       "parts %u and %u are rings of one CPU", k, i);
		return 0;
	case FSG_PART_SYMBOLS:
	case FSG_PART_META:
		if (p->bytes > room ||
		    p->bytes > (p->kind == FSG_PART_META ? FSG_MAX_META : FSG_MAX_SYMBOLS))
			return fs_errf(why, FSG_WHY, -EBADMSG, "part %u: %llu bytes in %u pages", i,
				       (unsigned long long)p->bytes, p->pages);
		return 0;
	}
	return 0; /* of a newer minor: left alone */
}

int fsg_dir_check(const fsg_page page, char why[FSG_WHY])
{
	static const char magic[32] = FSG_MAGIC;
	struct fsg_dir d;

	memcpy(&d, page, sizeof(d));
	if (memcmp(d.magic, magic, sizeof(magic)))
		return -ENOENT;
	if (d.major != FSG_MAJOR)
		return fs_errf(why, FSG_WHY, -EBADMSG,
			       "a recorder of version %u.%u: this program reads %u.x", d.major,
			       d.minor, FSG_MAJOR);
	if (d.dir_bytes < sizeof(d) || d.dir_bytes > FSG_PAGE ||
	    d.rec_bytes != sizeof(struct fsg_rec))
		return fs_errf(why, FSG_WHY, -EBADMSG, "a directory of %u bytes, records of %u",
			       d.dir_bytes, d.rec_bytes);
	if (d.nparts > FSG_MAX_PARTS || d.nlists > FSG_MAX_LISTS)
		return fs_errf(why, FSG_WHY, -EBADMSG, "%u parts, %u lists", d.nparts, d.nlists);
	for (unsigned int i = 0; i < d.nparts; i++) {
		int err = check_part(&d, i, why);

		if (err)
			return err;
	}
	return 0;
}

/* The pages of @gfn in pieces, so that a long part does not need its pages twice in memory. */
static int read_pages(const struct fsg_mem *m, const uint64_t *gfn, size_t n, fsg_page *to,
		      bool *got)
{
	memset(got, 0, n * sizeof(*got));
	for (size_t at = 0; at < n; at += BATCH) {
		size_t some = n - at < BATCH ? n - at : BATCH;
		int err = m->pages(m->arg, gfn + at, some, to + at, got + at);

		if (err)
			return err;
	}
	return 0;
}

static int bad_frame(const char *of, unsigned int i, uint64_t gfn, char why[FSG_WHY])
{
	return fs_errf(why, FSG_WHY, -EBADMSG, "%s %u: frame 0x%llx is no memory of the VM", of, i,
		       (unsigned long long)gfn);
}

static int read_lists(const struct fsg_mem *m, struct fsg_layout *l, char why[FSG_WHY])
{
	const struct fsg_dir *d = &l->d.dir;
	uint64_t lists[FSG_MAX_LISTS];
	bool got[FSG_MAX_LISTS];
	int err;

	memcpy(lists, d->list_gfn, sizeof(lists));
	for (unsigned int i = 0; i < d->nlists; i++)
		if (!m->inside(m->arg, d->list_gfn[i]))
			return bad_frame("list", i, d->list_gfn[i], why);
	l->nframes = (size_t)d->nlists * PER_LIST;
	l->frames = calloc(l->nframes + 1, sizeof(*l->frames));
	if (!l->frames)
		return -ENOMEM;
	err = read_pages(m, lists, d->nlists, (fsg_page *)(void *)l->frames, got);
	for (unsigned int i = 0; i < d->nlists && !err; i++)
		if (!got[i])
			err = fs_errf(why, FSG_WHY, -EAGAIN, "list %u cannot be read", i);
	return err;
}

/* Every frame that a part names is memory of the VM. */
static int check_frames(const struct fsg_mem *m, const struct fsg_layout *l, char why[FSG_WHY])
{
	const struct fsg_dir *d = &l->d.dir;

	for (unsigned int i = 0; i < d->nparts; i++) {
		const uint64_t *gfn = l->frames + d->parts[i].first;

		for (uint32_t k = 0; k < d->parts[i].pages; k++)
			if (!m->inside(m->arg, gfn[k]))
				return bad_frame("part", i, gfn[k], why);
	}
	return 0;
}

int fsg_layout_load(const struct fsg_mem *m, uint64_t gfn, struct fsg_layout *l, char why[FSG_WHY])
{
	bool got = false;
	int err;

	memset(l, 0, sizeof(*l));
	*why = '\0';
	l->gfn = gfn;
	if (!m->inside(m->arg, gfn))
		return -ENOENT;
	err = m->pages(m->arg, &gfn, 1, &l->d.page, &got);
	if (!err)
		err = got ? fsg_dir_check(l->d.page, why) : -ENOENT;
	if (!err)
		err = read_lists(m, l, why);
	if (!err)
		err = check_frames(m, l, why);
	if (err)
		fsg_layout_free(l);
	return err;
}

void fsg_layout_free(struct fsg_layout *l)
{
	free(l->frames);
	l->frames = NULL;
	l->nframes = 0;
}

size_t fsg_layout_frames(const struct fsg_layout *l, uint64_t *out)
{
	const struct fsg_dir *d = &l->d.dir;
	size_t n = 1 + d->nlists;

	if (out) {
		out[0] = l->gfn;
		memcpy(out + 1, d->list_gfn, d->nlists * sizeof(*out));
	}
	for (unsigned int i = 0; i < d->nparts; i++) {
		if (out)
			memcpy(out + n, l->frames + d->parts[i].first,
			       d->parts[i].pages * sizeof(*out));
		n += d->parts[i].pages;
	}
	return n;
}

/* --- rings --- */

bool fsg_is_ring(const struct fsg_layout *l, unsigned int i)
{
	return i < l->d.dir.nparts && (l->d.dir.parts[i].kind == FSG_PART_RING ||
				       l->d.dir.parts[i].kind == FSG_PART_AGENT);
}

int fsg_ring_head(const struct fsg_mem *m, const struct fsg_layout *l, unsigned int i,
		  struct fsg_ring_head *h)
{
	const struct fsg_part *p = &l->d.dir.parts[i];
	fsg_page page;
	bool got = false;
	int err;

	if (!fsg_is_ring(l, i))
		return -EBADMSG;
	err = m->pages(m->arg, &l->frames[p->first], 1, &page, &got);
	if (err)
		return err;
	if (!got)
		return -EAGAIN;
	memcpy(h, page, sizeof(*h));
	if (h->mark != FSG_RING_MARK || h->head > MAX_HEAD || h->lost > MAX_HEAD)
		return -EBADMSG;
	return 0;
}

/* The pages that hold the records [from, to), which are fewer than the ring has place for. */
struct window {
	uint64_t from, to, cap;
	uint64_t first_page; /* number of from's page, counted from record 0 on */
	size_t npages;
	fsg_page *pages;
	bool *got;
	bool *written; /* of each record: its sequence was there before @pages was copied */
	uint64_t *gfn;
};

static int alloc_window(const struct fsg_layout *l, const struct fsg_part *p, struct window *w)
{
	uint64_t ring_pages = p->pages - 1;

	w->cap = p->bytes / sizeof(struct fsg_rec);
	w->first_page = w->from / PER_PAGE;
	w->npages = (size_t)((w->to - 1) / PER_PAGE - w->first_page + 1);
	w->pages = malloc(w->npages * sizeof(*w->pages));
	w->got = calloc(w->npages, sizeof(*w->got));
	w->written = calloc((size_t)(w->to - w->from), sizeof(*w->written));
	w->gfn = malloc(w->npages * sizeof(*w->gfn));
	if (!w->pages || !w->got || !w->written || !w->gfn)
		return -ENOMEM;
	for (size_t i = 0; i < w->npages; i++)
		w->gfn[i] = l->frames[p->first + 1 + (w->first_page + i) % ring_pages];
	return 0;
}

static void free_window(struct window *w)
{
	free(w->pages);
	free(w->got);
	free(w->written);
	free(w->gfn);
}

enum fate { WHOLE, BEGUN, TORN, UNREAD };

/* Does record @n of the window say by its sequence that it is whole, or that its writing began? */
static enum fate says(const struct window *w, uint64_t n, struct fsg_rec *rec)
{
	size_t i = (size_t)(n / PER_PAGE - w->first_page);
	uint32_t behind;

	if (!w->got[i])
		return UNREAD;
	memcpy(rec, w->pages[i] + n % PER_PAGE * sizeof(*rec), sizeof(*rec));
	behind = (uint32_t)(n + 1) - rec->seq;
	if (!behind)
		return rec->kind != FSG_K_NONE ? WHOLE : TORN;
	/* void, or what stood in its place the last time round, or before */
	return !rec->seq || behind % w->cap == 0 ? BEGUN : TORN;
}

/*
 * Copies the window twice: a copy is not taken in one moment, so that of a record that is being
 * written its last word, the sequence, can come with older ones. What had it in the first copy is
 * whole in the second.
 */
static int load_window(const struct fsg_mem *m, struct window *w)
{
	int err = read_pages(m, w->gfn, w->npages, w->pages, w->got);
	struct fsg_rec rec;

	if (err)
		return err;
	for (uint64_t n = w->from; n < w->to; n++)
		w->written[n - w->from] = says(w, n, &rec) == WHOLE;
	memset(w->got, 0, w->npages * sizeof(*w->got));
	return read_pages(m, w->gfn, w->npages, w->pages, w->got);
}

static enum fate look_at(const struct window *w, uint64_t n, struct fsg_rec *rec)
{
	enum fate fate = says(w, n, rec);

	return fate == WHOLE && !w->written[n - w->from] ? BEGUN : fate;
}

/* What of [pos->next, head) is to be read: not what was overwritten, nor more than is taken. */
static void aim(const struct fsg_part *p, const struct fsg_ring_head *h,
		const struct fsg_ring_pos *pos, struct window *w)
{
	uint64_t most = p->bytes / sizeof(struct fsg_rec);

	if (most > FSG_MAX_READING / sizeof(struct fsg_rec))
		most = FSG_MAX_READING / sizeof(struct fsg_rec);
	w->to = h->head;
	w->from = h->head - pos->next > most ? h->head - most : pos->next;
}

/* The first record to take: what was begun while the window was copied overwrites its oldest. */
static uint64_t first_kept(const struct window *w, const struct fsg_ring_head *after)
{
	uint64_t oldest = after->head > w->cap ? after->head - w->cap : 0;

	if (oldest <= w->from)
		return w->from;
	return oldest < w->to ? oldest : w->to;
}

/* The first record of the window's end that is being written, or the end: programs nest. */
static uint64_t first_in_flight(const struct window *w, uint64_t from)
{
	uint64_t n = w->to - from > IN_FLIGHT ? w->to - IN_FLIGHT : from;
	struct fsg_rec rec;

	while (n < w->to && look_at(w, n, &rec) != BEGUN)
		n++;
	return n;
}

/*
 * Takes the whole records from @from on into @out. What is being written at the window's end is
 * left for the next reading, with what came in between; if this is the @last, it is no part of what
 * was written.
 */
static int take_records(struct window *w, uint64_t from, bool last, struct fsg_ring_out *out)
{
	uint64_t begun = first_in_flight(w, from), unread = 0, torn = 0;

	if (!last)
		w->to = begun;
	out->recs = malloc((size_t)(w->to - from + 1) * sizeof(*out->recs));
	if (!out->recs)
		return -ENOMEM;
	for (uint64_t n = from; n < w->to; n++) {
		enum fate fate = look_at(w, n, &out->recs[out->n]);

		unread += fate == UNREAD;
		out->unfinished += fate == BEGUN && n < begun;
		torn += fate == TORN || (fate == BEGUN && n < begun);
		if (fate != WHOLE)
			continue;
		if (!out->n)
			out->part.first = n;
		out->n++;
	}
	out->part.lost += unread;
	out->part.torn = (uint32_t)torn;
	out->part.bytes = (uint32_t)(out->n * sizeof(*out->recs));
	return 0;
}

int fsg_ring_read(const struct fsg_mem *m, const struct fsg_layout *l, unsigned int i, bool last,
		  struct fsg_ring_pos *pos, struct fsg_ring_out *out)
{
	const struct fsg_part *p = &l->d.dir.parts[i];
	struct fsg_ring_head before, after;
	struct window w = {0};
	uint64_t from;
	int err = fsg_ring_head(m, l, i, &before);

	memset(out, 0, sizeof(*out));
	if (err)
		return err;
	if (before.head < pos->next || before.lost < pos->lost)
		return -EBADMSG;
	out->part.kind = p->kind == FSG_PART_RING ? FSR_GP_RING : FSR_GP_AGENT;
	out->part.index = p->index;
	out->part.lost = before.lost - pos->lost;
	out->part.first = pos->next;
	aim(p, &before, pos, &w);
	if (w.from < w.to) {
		err = alloc_window(l, p, &w);
		if (!err)
			err = load_window(m, &w);
		if (!err)
			err = fsg_ring_head(m, l, i, &after);
		if (!err) {
			from = first_kept(&w, &after);
			out->part.lost += from - pos->next;
			err = take_records(&w, from, last, out);
		}
		free_window(&w);
	}
	if (!err)
		*pos = (struct fsg_ring_pos){.next = w.to, .lost = before.lost};
	return err;
}

/* --- symbols, META --- */

static int read_blob(const struct fsg_mem *m, const struct fsg_layout *l, const struct fsg_part *p,
		     uint8_t **out)
{
	size_t n = (size_t)((p->bytes + FSG_PAGE - 1) / FSG_PAGE);
	fsg_page *pages = malloc(n * sizeof(*pages) + 1);
	bool *got = malloc(n * sizeof(*got) + 1);
	int err = pages && got ? read_pages(m, l->frames + p->first, n, pages, got) : -ENOMEM;

	for (size_t i = 0; i < n && !err; i++)
		err = got[i] ? 0 : -EAGAIN;
	free(got);
	*out = (uint8_t *)pages;
	if (err) {
		free(pages);
		*out = NULL;
	}
	return err;
}

int fsg_blob_read(const struct fsg_mem *m, const struct fsg_layout *l, enum fsg_part_kind kind,
		  uint8_t **out, size_t *n, uint64_t *raw_bytes)
{
	const struct fsg_dir *d = &l->d.dir;

	for (unsigned int i = 0; i < d->nparts; i++) {
		if (d->parts[i].kind != kind || !d->parts[i].bytes)
			continue;
		*n = (size_t)d->parts[i].bytes;
		*raw_bytes = d->parts[i].raw_bytes;
		return read_blob(m, l, &d->parts[i], out);
	}
	return -ENOENT;
}
