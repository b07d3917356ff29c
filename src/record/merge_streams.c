// SPDX-License-Identifier: BSD-2-Clause
/* The streams of a merge: which one takes a part, and the records of its parts as they are needed.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "record/merge_impl.h"

#define WINDOW      (128u << 10) /* bytes of a part that are re-read at a time; > the longest record */
#define MAX_STREAMS 8192u

/* Room in the heap for one more stream. */
static int grow_heap(struct fsr_merge *m)
{
	uint32_t room = m->heap_room ? 2 * m->heap_room : 16;
	struct fsr_merge_entry *heap;

	if (m->streams.n < m->heap_room)
		return 0;
	heap = reallocarray(m->heap, room, sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	m->heap = heap;
	m->heap_room = room;
	return 0;
}

int fsr_merge_pick(struct fsr_merge *m, uint32_t cpu, const struct fs_ev *first, uint32_t *out)
{
	uint32_t own = UINT32_MAX, idle = UINT32_MAX;
	struct fsr_merge_stream *s;

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

int fsr_merge_sort(struct fsr_merge *m, struct fsr_merge_part *p, uint32_t count)
{
	struct fsr_buf *b = fsr_pool_get(&m->pool, p->bytes);
	int ret;

	if (!b)
		return -ENOMEM;
	ret = fsr_sort(p->recs, p->bytes, count, b->bytes);
	if (ret) {
		fsr_pool_put(&m->pool, b);
		return ret;
	}
	fsr_pool_put(&m->pool, p->buf);
	p->buf = b;
	p->recs = b->bytes;
	p->sorted = true;
	return 0;
}

/* Re-reads the next window of a part that is not held. Returns 0 or a negative errno. */
static int read_window(struct fsr_merge *m, struct fsr_merge_stream *s, struct fsr_merge_part *p)
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

int fsr_merge_load(struct fsr_merge *m, struct fsr_merge_stream *s)
{
	struct fsr_merge_part *p;
	int ret;

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
			ret = read_window(m, s, p);
			if (ret)
				return ret;
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
		while (s->pos < s->end && fsr_merge_record(s)->ts < m->last_ts) {
			m->info->bad_events++;
			m->info->late_events++;
			s->pos += fsr_merge_record(s)->len;
		}
		if (s->pos < s->end) {
			s->loaded = true;
			return 1;
		}
	}
}
