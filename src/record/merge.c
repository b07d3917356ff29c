// SPDX-License-Identifier: BSD-2-Clause
#include "record/merge.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/vec.h"
#include "record/kinds.h"
#include "record/scan.h"

#define WINDOW      (128u << 10) /* bytes of a part that are re-read at a time; > the longest record */
#define MAX_STREAMS 8192u
#define MAX_LEN     512u /* bytes of the longest struct of this program */

struct part {
	struct part *next;
	struct fsr_buf *buf; /* NULL = not held: re-read from @off */
	const uint8_t *recs; /* in @buf */
	uint64_t off;
	size_t bytes; /* left */
	uint64_t first_ts;
	bool sorted;
};

struct stream {
	struct part *head, *tail;
	struct fs_ev last; /* of the part at the tail */
	uint32_t cpu;
	const uint8_t *pos, *end; /* records that are being delivered */
	struct fsr_buf *buf;      /* they stand in it */
	bool loaded;              /* pos and end are those of the head */
};

struct entry {
	uint64_t ts; /* of its stream's next record */
	uint32_t stream;
};

struct fsr_merge {
	struct fsr_info *info;
	int fd;
	size_t budget;
	struct fsr_pool pool;
	FS_VEC(struct stream *) streams;
	struct entry *heap; /* room for each stream */
	uint32_t nheap, heap_room;
	struct stream *cur; /* at the top of the heap, deliverable below @limit without a look */
	uint64_t limit;
	uint64_t horizon;
	uint64_t last_ts; /* delivered */
	struct fsr_seqs seqs;
	uint16_t need[FSR_KIND_MAX + 1]; /* bytes of each known kind, 0xffff = unknown */
	_Alignas(8) uint8_t filled[MAX_LEN];
};

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

static const struct fs_ev *next_record(const struct stream *s)
{
	return (const void *)s->pos;
}

/* Order of two streams by their next records; one that is not loaded counts by its time alone. */
static bool entry_before(const struct fsr_merge *m, const struct entry *a, const struct entry *b)
{
	const struct stream *x, *y;

	if (a->ts != b->ts)
		return a->ts < b->ts;
	x = m->streams.v[a->stream];
	y = m->streams.v[b->stream];
	if (x->loaded && y->loaded)
		return fsr_before(next_record(x), next_record(y));
	return !x->loaded && y->loaded; /* load it before deciding */
}

static void sift_down(struct fsr_merge *m, uint32_t i)
{
	struct entry moved = m->heap[i];

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
	struct entry e = {.ts = ts, .stream = stream};
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
 * Makes the heap true again after records were taken from its top. An entry's time may be earlier
 * than its stream's next record only while the stream is not loaded; then nothing looks into it.
 */
static void settle(struct fsr_merge *m)
{
	struct stream *s;

	m->cur = NULL;
	if (!m->nheap)
		return;
	s = m->streams.v[m->heap[0].stream];
	if (!s->loaded)
		return;
	if (s->pos == s->end) {
		s->loaded = false;
	} else {
		m->heap[0].ts = next_record(s)->ts;
		sift_down(m, 0);
	}
}

/* Room in the heap for one more stream. */
static int grow_heap(struct fsr_merge *m)
{
	uint32_t room = m->heap_room ? 2 * m->heap_room : 16;
	struct entry *heap;

	if (m->streams.n < m->heap_room)
		return 0;
	heap = reallocarray(m->heap, room, sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	m->heap = heap;
	m->heap_room = room;
	return 0;
}

/*
 * The stream for a part of @cpu that begins at @first: its CPU's own one, any idle one, or a new
 * one. At the limit the CPU's own one takes it all the same: what is too late then is counted.
 */
static int pick_stream(struct fsr_merge *m, uint32_t cpu, const struct fs_ev *first, uint32_t *out)
{
	uint32_t own = UINT32_MAX, idle = UINT32_MAX;
	struct stream *s;

	for (uint32_t i = 0; i < m->streams.n; i++) {
		s = m->streams.v[i];
		if (s->head && s->cpu == cpu) {
			if (!fsr_before(first, &s->last)) {
				*out = i;
				return 0;
			}
			own = i;
		} else if (!s->head && (idle == UINT32_MAX || s->cpu == cpu)) {
			idle = i;
		}
	}
	if (idle != UINT32_MAX) {
		*out = idle;
	} else if (m->streams.n >= MAX_STREAMS) {
		*out = own != UINT32_MAX ? own : cpu % MAX_STREAMS;
	} else {
		s = calloc(1, sizeof(*s));
		if (!s || grow_heap(m) || fs_vec_push(&m->streams, s)) {
			free(s);
			return -ENOMEM;
		}
		*out = (uint32_t)m->streams.n - 1;
	}
	m->streams.v[*out]->cpu = cpu;
	return 0;
}

/* Brings an unsorted part that is held in memory into order. */
static int sort_part(struct fsr_merge *m, struct part *p, uint32_t count)
{
	struct fsr_buf *b = fsr_pool_get(&m->pool, p->bytes);
	int err;

	if (!b)
		return -ENOMEM;
	err = fsr_sort(p->recs, p->bytes, count, b->bytes);
	if (err) {
		fsr_pool_put(&m->pool, b);
		return err;
	}
	fsr_pool_put(&m->pool, p->buf);
	p->buf = b;
	p->recs = b->bytes;
	p->sorted = true;
	return 0;
}

int fsr_merge_add(struct fsr_merge *m, uint32_t cpu, struct fsr_buf *b, const void *recs,
		  size_t bytes, uint64_t file_off, uint32_t count)
{
	struct fsr_run run;
	struct stream *s;
	struct part *p;
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
	if (!p || pick_stream(m, cpu, &run.first, &si)) {
		free(p);
		fsr_pool_put(&m->pool, b);
		return -ENOMEM;
	}
	*p = (struct part){
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
	} else if (!p->sorted && sort_part(m, p, run.count)) {
		free(p);
		fsr_pool_put(&m->pool, b);
		return -ENOMEM;
	}
	s = m->streams.v[si];
	s->last = run.last;
	settle(m); /* before an entry is compared with the top, and for the limit */
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
	settle(m);
}

/* Re-reads the next window of a part that is not held. Returns 0 or a negative errno. */
static int read_window(struct fsr_merge *m, struct stream *s, struct part *p)
{
	size_t want = p->bytes < WINDOW ? p->bytes : WINDOW, got = 0;
	struct fsr_run run;
	struct fsr_buf *sorted;

	if (!s->buf || s->buf->room < want) {
		fsr_pool_put(&m->pool, s->buf);
		s->buf = fsr_pool_get(&m->pool, want);
		if (!s->buf)
			return -ENOMEM;
	}
	while (got < want) {
		ssize_t r = pread(m->fd, s->buf->bytes + got, want - got, (off_t)(p->off + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r ? -errno : -EIO; /* the file changed since it was checked */
		got += (size_t)r;
	}
	fsr_scan(s->buf->bytes, got, NULL, &run);
	if (!run.bytes)
		return -EIO; /* as above: it had been found well-formed */
	p->off += run.bytes;
	p->bytes -= run.bytes;
	if (!run.sorted) {
		sorted = fsr_pool_get(&m->pool, want);
		if (!sorted)
			return -ENOMEM;
		if (fsr_sort(s->buf->bytes, run.bytes, run.count, sorted->bytes)) {
			fsr_pool_put(&m->pool, sorted);
			return -ENOMEM;
		}
		fsr_pool_put(&m->pool, s->buf);
		s->buf = sorted;
	}
	s->pos = s->buf->bytes;
	s->end = s->pos + run.bytes;
	return 0;
}

/* Takes the next records of @s from its parts. Returns 1, 0 = it has none left, or -errno. */
static int load(struct fsr_merge *m, struct stream *s)
{
	struct part *p;
	int err;

	s->loaded = false;
	for (;;) {
		p = s->head;
		if (p->bytes && p->buf) {
			fsr_pool_put(&m->pool, s->buf);
			s->buf = p->buf;
			p->buf = NULL;
			s->pos = p->recs;
			s->end = p->recs + p->bytes;
			p->bytes = 0;
		} else if (p->bytes) {
			err = read_window(m, s, p);
			if (err)
				return err;
		} else {
			s->head = p->next;
			free(p);
			if (s->head)
				continue;
			fsr_pool_put(&m->pool, s->buf);
			s->buf = NULL;
			s->tail = NULL;
			return 0;
		}
		/* What lies before the last delivered record came after its horizon: dropped. */
		while (s->pos < s->end && next_record(s)->ts < m->last_ts) {
			m->info->bad_events++;
			m->info->late_events++;
			s->pos += next_record(s)->len;
		}
		if (s->pos < s->end) {
			s->loaded = true;
			return 1;
		}
	}
}

/* Sets m->cur to the stream of the next record. Returns 1, 0 = none below the horizon, -errno. */
static int choose(struct fsr_merge *m)
{
	settle(m);
	while (m->nheap) {
		struct entry *top = &m->heap[0];
		struct stream *s = m->streams.v[top->stream];
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
		have = load(m, s);
		if (have < 0)
			return have;
		if (have)
			settle(m);
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
	struct stream *s;
	int have;

	for (;;) {
		s = m->cur;
		if (!s || s->pos == s->end || next_record(s)->ts >= m->limit) {
			have = choose(m);
			if (have <= 0)
				return have;
			s = m->cur;
		}
		rec = next_record(s);
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
		struct stream *s = m->streams.v[i];

		while (s->head) {
			struct part *p = s->head;

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
