// SPDX-License-Identifier: BSD-2-Clause
/* The records of a recorder's rings while the guest may be writing them, and its symbols and META.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "record/guest/ring_parse.h"

#define PER_PAGE  (FSG_PAGE / (uint32_t)sizeof(struct fsg_rec))
#define MAX_HEAD  (1ull << 62) /* a counter beyond it is no count */
#define IN_FLIGHT 8            /* records at the end whose writing is not waited for */

int fsr_ring_head(const struct fsr_mem *m, const struct fsr_layout *l, unsigned int i,
		  struct fsg_ring_head *h)
{
	const struct fsg_part *p = &l->d.dir.parts[i];
	fsr_page page;
	bool got = false;
	int ret;

	if (!fsr_is_ring(l, i))
		return -EBADMSG;
	ret = m->pages(m->arg, &l->frames[p->first], 1, &page, &got);
	if (ret)
		return ret;
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
	fsr_page *pages;
	bool *got;
	bool *written; /* of each record: its sequence was there before @pages was copied */
	uint64_t *gfn;
};

static int alloc_window(const struct fsr_layout *l, const struct fsg_part *p, struct window *w)
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

enum state { WHOLE, BEGUN, PARTIAL, UNREAD };

/* Does record @n of the window say by its sequence that it is whole, or that its writing began? */
static enum state state_by_seq(const struct window *w, uint64_t n, struct fsg_rec *rec)
{
	size_t i = (size_t)(n / PER_PAGE - w->first_page);
	uint32_t behind;

	if (!w->got[i])
		return UNREAD;
	memcpy(rec, w->pages[i] + n % PER_PAGE * sizeof(*rec), sizeof(*rec));
	behind = (uint32_t)(n + 1) - rec->seq;
	if (!behind)
		return rec->kind != FSG_K_NONE ? WHOLE : PARTIAL;
	/* void, or what stood in its place the last time round, or before */
	return !rec->seq || behind % w->cap == 0 ? BEGUN : PARTIAL;
}

/*
 * Copies the window twice: a copy is not taken in one moment, so that of a record that is being
 * written its last word, the sequence, can come with older ones. What had it in the first copy is
 * whole in the second.
 */
static int load_window(const struct fsr_mem *m, struct window *w)
{
	int ret = fsr_read_pages(m, w->gfn, w->npages, w->pages, w->got);
	struct fsg_rec rec;

	if (ret)
		return ret;
	for (uint64_t n = w->from; n < w->to; n++)
		w->written[n - w->from] = state_by_seq(w, n, &rec) == WHOLE;
	memset(w->got, 0, w->npages * sizeof(*w->got));
	return fsr_read_pages(m, w->gfn, w->npages, w->pages, w->got);
}

static enum state look_at(const struct window *w, uint64_t n, struct fsg_rec *rec)
{
	enum state state = state_by_seq(w, n, rec);

	return state == WHOLE && !w->written[n - w->from] ? BEGUN : state;
}

/* What of [pos->next, head) is to be read: not what was overwritten, nor more than is taken. */
static void set_read_window(const struct fsg_part *p, const struct fsg_ring_head *h,
			    const struct fsr_ring_pos *pos, struct window *w)
{
	uint64_t most = p->bytes / sizeof(struct fsg_rec);

	if (most > FSR_MAX_READING / sizeof(struct fsg_rec))
		most = FSR_MAX_READING / sizeof(struct fsg_rec);
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
static int take_records(struct window *w, uint64_t from, bool last, struct fsr_ring_out *out)
{
	uint64_t begun = first_in_flight(w, from), unread = 0, partial = 0;

	if (!last)
		w->to = begun;
	out->recs = malloc((size_t)(w->to - from + 1) * sizeof(*out->recs));
	if (!out->recs)
		return -ENOMEM;
	for (uint64_t n = from; n < w->to; n++) {
		enum state state = look_at(w, n, &out->recs[out->n]);

		unread += state == UNREAD;
		out->unfinished += state == BEGUN && n < begun;
		partial += state == PARTIAL || (state == BEGUN && n < begun);
		if (state != WHOLE)
			continue;
		if (!out->n)
			out->part.first = n;
		out->n++;
	}
	out->part.lost += unread;
	out->part.torn = (uint32_t)partial;
	out->part.bytes = (uint32_t)(out->n * sizeof(*out->recs));
	return 0;
}

int fsr_ring_read(const struct fsr_mem *m, const struct fsr_layout *l, unsigned int i, bool last,
		  struct fsr_ring_pos *pos, struct fsr_ring_out *out)
{
	const struct fsg_part *p = &l->d.dir.parts[i];
	struct fsg_ring_head before, after;
	struct window w = {0};
	uint64_t from;
	int ret = fsr_ring_head(m, l, i, &before);

	memset(out, 0, sizeof(*out));
	if (ret)
		return ret;
	if (before.head < pos->next || before.lost < pos->lost)
		return -EBADMSG;
	out->part.kind = p->kind == FSG_PART_RING ? FSR_GP_RING : FSR_GP_AGENT;
	out->part.index = p->index;
	out->part.lost = before.lost - pos->lost;
	out->part.first = pos->next;
	set_read_window(p, &before, pos, &w);
	if (w.from < w.to) {
		ret = alloc_window(l, p, &w);
		if (!ret)
			ret = load_window(m, &w);
		if (!ret)
			ret = fsr_ring_head(m, l, i, &after);
		if (!ret) {
			from = first_kept(&w, &after);
			out->part.lost += from - pos->next;
			ret = take_records(&w, from, last, out);
		}
		free_window(&w);
	}
	if (!ret)
		*pos = (struct fsr_ring_pos){.next = w.to, .lost = before.lost};
	return ret;
}

/* --- symbols, META --- */

static int read_blob(const struct fsr_mem *m, const struct fsr_layout *l, const struct fsg_part *p,
		     uint8_t **out)
{
	size_t n = (size_t)((p->bytes + FSG_PAGE - 1) / FSG_PAGE);
	fsr_page *pages = malloc(n * sizeof(*pages) + 1);
	bool *got = malloc(n * sizeof(*got) + 1);
	int ret = pages && got ? fsr_read_pages(m, l->frames + p->first, n, pages, got) : -ENOMEM;

	for (size_t i = 0; i < n && !ret; i++)
		ret = got[i] ? 0 : -EAGAIN;
	free(got);
	*out = (uint8_t *)pages;
	if (ret) {
		free(pages);
		*out = NULL;
	}
	return ret;
}

int fsr_blob_read(const struct fsr_mem *m, const struct fsr_layout *l, enum fsg_part_kind kind,
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
