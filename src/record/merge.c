// SPDX-License-Identifier: BSD-2-Clause
/* A heap over streams of records yields them in one order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "record/merge_impl.h"

struct fsr_merge *fsr_merge_new(int fd, struct fsr_info *info, size_t budget)
{
	struct fsr_merge *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->fd = fd;
	m->info = info;
	m->budget = budget;
	for (unsigned int kind = 0; kind <= FSR_KIND_MAX; kind++) {
		uint16_t bytes = fsr_kind_bytes((uint16_t)kind);

		m->need[kind] = bytes ? bytes : 0xffff;
	}
	return m;
}

struct fsr_buf *fsr_merge_buf(struct fsr_merge *m, size_t bytes)
{
	return fsr_pool_get(&m->pool, bytes);
}

void fsr_merge_drop(struct fsr_merge *m, struct fsr_buf *b)
{
	fsr_pool_put(&m->pool, b);
}

/* Order of two streams by their next records; one that is not loaded counts by its time alone. */
static bool entry_before(const struct fsr_merge *m, const struct fsr_merge_entry *a,
			 const struct fsr_merge_entry *b)
{
	const struct fsr_merge_stream *x, *y;

	if (a->ts != b->ts)
		return a->ts < b->ts;
	x = m->streams.v[a->stream];
	y = m->streams.v[b->stream];
	if (x->loaded && y->loaded)
		return fsr_before(fsr_merge_record(x), fsr_merge_record(y));
	return !x->loaded && y->loaded; /* load it before deciding */
}

static void sift_down(struct fsr_merge *m, uint32_t i)
{
	struct fsr_merge_entry moved = m->heap[i];

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child >= m->nheap)
			break;
		if (child + 1 < m->nheap && entry_before(m, &m->heap[child + 1], &m->heap[child]))
			child++;
		if (!entry_before(m, &m->heap[child], &moved))
			break;
		m->heap[i] = m->heap[child];
		i = child;
	}
	m->heap[i] = moved;
}

static void push(struct fsr_merge *m, uint32_t stream, uint64_t ts)
{
	struct fsr_merge_entry e = {.ts = ts, .stream = stream};
	uint32_t i = m->nheap++;

	while (i && entry_before(m, &e, &m->heap[(i - 1) / 2])) {
		m->heap[i] = m->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	m->heap[i] = e;
}

static void pop(struct fsr_merge *m)
{
	m->heap[0] = m->heap[--m->nheap];
	if (m->nheap)
		sift_down(m, 0);
}

/*
 * Restores the order of the heap after records were taken from its top. An entry's time may be
 * earlier than its stream's next record only while the stream is not loaded; then nothing looks
 * into it.
 */
static void restore_top(struct fsr_merge *m)
{
	struct fsr_merge_stream *s;

	m->cur = NULL;
	if (!m->nheap)
		return;
	s = m->streams.v[m->heap[0].stream];
	if (!s->loaded)
		return;
	if (s->pos == s->end) {
		s->loaded = false;
	} else {
		m->heap[0].ts = fsr_merge_record(s)->ts;
		sift_down(m, 0);
	}
}

int fsr_merge_add(struct fsr_merge *m, uint32_t cpu, struct fsr_buf *b, const void *recs,
		  size_t bytes, uint64_t file_off, uint32_t count)
{
	struct fsr_run run;
	struct fsr_merge_stream *s;
	struct fsr_merge_part *p;
	uint32_t si;

	m->info->seq_holes += (uint64_t)fsr_scan(recs, bytes, &m->seqs, &run);
	if (run.bytes < bytes) /* what follows a malformed record cannot be found */
		m->info->bad_events += count > run.count && count <= bytes / sizeof(struct fs_ev)
					       ? count - run.count
					       : 1;
	if (!run.count) {
		fsr_pool_put(&m->pool, b);
		return 0;
	}
	p = malloc(sizeof(*p));
	if (!p || fsr_merge_pick(m, cpu, &run.first, &si)) {
		free(p);
		fsr_pool_put(&m->pool, b);
		return -ENOMEM;
	}
	*p = (struct fsr_merge_part){
		.buf = b,
		.recs = recs,
		.off = file_off,
		.bytes = run.bytes,
		.first_ts = run.first.ts,
		.sorted = run.sorted,
	};
	if (m->pool.in_use > m->budget) {
		fsr_pool_put(&m->pool, b);
		p->buf = NULL;
	} else if (!p->sorted && fsr_merge_sort(m, p, run.count)) {
		free(p);
		fsr_pool_put(&m->pool, b);
		return -ENOMEM;
	}
	s = m->streams.v[si];
	s->last = run.last;
	restore_top(m); /* before an entry is compared with the top, and for the limit */
	if (s->head) {
		s->tail = s->tail->next = p;
	} else {
		s->head = s->tail = p;
		s->loaded = false;
		push(m, si, p->first_ts);
	}
	return 0;
}

void fsr_merge_horizon(struct fsr_merge *m, uint64_t horizon)
{
	m->horizon = horizon;
	restore_top(m);
}

/* Sets m->cur to the stream of the next record. Returns 1, 0 = none below the horizon, -errno. */
static int choose(struct fsr_merge *m)
{
	restore_top(m);
	while (m->nheap) {
		struct fsr_merge_entry *top = &m->heap[0];
		struct fsr_merge_stream *s = m->streams.v[top->stream];
		int have;

		if (top->ts >= m->horizon && m->horizon != UINT64_MAX)
			return 0;
		if (s->loaded) {
			m->limit = m->horizon;
			for (uint32_t i = 1; i < 3 && i < m->nheap; i++)
				if (m->heap[i].ts < m->limit)
					m->limit = m->heap[i].ts;
			m->cur = s;
			return 1;
		}
		have = fsr_merge_load(m, s);
		if (have < 0)
			return have;
		if (have)
			restore_top(m);
		else
			pop(m);
	}
	return 0;
}

/* A record that is not simply delivered: 1 = *@ev is a zero-filled copy, 0 = skipped. */
static int odd_record(struct fsr_merge *m, const struct fs_ev *rec, const struct fs_ev **ev)
{
	uint16_t bytes = fsr_kind_bytes(rec->kind);

	if (!bytes) {
		m->info->unknown_events++;
		return 0;
	}
	memcpy(m->filled, rec, rec->len);
	memset(m->filled + rec->len, 0, bytes - rec->len);
	((struct fs_ev *)(void *)m->filled)->len = bytes;
	*ev = (const void *)m->filled;
	return 1;
}

int fsr_merge_next(struct fsr_merge *m, const struct fs_ev **ev)
{
	const struct fs_ev *rec;
	struct fsr_merge_stream *s;
	int have;

	for (;;) {
		s = m->cur;
		if (!s || s->pos == s->end || fsr_merge_record(s)->ts >= m->limit) {
			have = choose(m);
			if (have <= 0)
				return have;
			s = m->cur;
		}
		rec = fsr_merge_record(s);
		s->pos += rec->len;
		m->last_ts = rec->ts;
		*ev = rec;
		if ((rec->kind <= FSR_KIND_MAX && rec->len >= m->need[rec->kind]) ||
		    odd_record(m, rec, ev)) {
			m->info->events++;
			return 1;
		}
	}
}

size_t fsr_merge_peak(const struct fsr_merge *m)
{
	return m->pool.peak;
}

void fsr_merge_reset(struct fsr_merge *m)
{
	for (size_t i = 0; i < m->streams.n; i++) {
		struct fsr_merge_stream *s = m->streams.v[i];

		while (s->head) {
			struct fsr_merge_part *p = s->head;

			s->head = p->next;
			fsr_pool_put(&m->pool, p->buf);
			free(p);
		}
		fsr_pool_put(&m->pool, s->buf);
		free(s);
	}
	m->streams.n = 0;
	m->nheap = 0;
	m->cur = NULL;
	m->horizon = 0;
	m->last_ts = 0;
	fsr_seqs_clear(&m->seqs);
}

void fsr_merge_free(struct fsr_merge *m)
{
	if (!m)
		return;
	fsr_merge_reset(m);
	fsr_seqs_free(&m->seqs);
	fs_vec_free(&m->streams);
	fsr_pool_free(&m->pool);
	free(m->heap);
	free(m);
}
