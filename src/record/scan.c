// SPDX-License-Identifier: BSD-2-Clause
/* Checks a run of raw records, counts gaps in their numbers, and sorts them. */
#include "record/scan.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int64_t account(struct fsr_seq *s, uint32_t seq)
{
	int32_t ahead;
	int64_t was = (int64_t)s->holes;

	if (!s->seen) {
		s->seen = true;
		s->next = seq + 1;
		return 0;
	}
	ahead = (int32_t)(seq - s->next);
	if (ahead >= 0) {
		s->holes += (uint32_t)ahead;
		s->next = seq + 1;
	} else if (s->holes) {
		s->holes--; /* it was only late: an interrupt's records stand before it */
	}
	return (int64_t)s->holes - was;
}

/* NULL without memory: then this CPU's losses are not counted. */
static struct fsr_seq *seq_of(struct fsr_seqs *s, uint16_t cpu)
{
	struct fsr_seq **page = &s->page[cpu >> 8];

	if (!*page)
		*page = calloc(256, sizeof(**page));
	return *page ? &(*page)[cpu & 255] : NULL;
}

void fsr_seqs_clear(struct fsr_seqs *s)
{
	for (int i = 0; i < 256; i++)
		if (s->page[i])
			memset(s->page[i], 0, 256 * sizeof(*s->page[i]));
}

void fsr_seqs_free(struct fsr_seqs *s)
{
	for (int i = 0; i < 256; i++)
		free(s->page[i]);
}

int64_t fsr_scan(const void *recs, size_t bytes, struct fsr_seqs *seqs, struct fsr_run *run)
{
	const uint8_t *p = recs, *end = p + bytes;
	const struct fs_ev *first = recs, *last = recs;
	uint32_t count = 0;
	int64_t holes = 0;
	bool sorted = true;

	while ((size_t)(end - p) >= sizeof(struct fs_ev)) {
		const struct fs_ev *ev = (const void *)p;
		size_t len = ev->len;

		if (len < sizeof(*ev) || len % 8 || len > (size_t)(end - p))
			break;
		if (!fsr_before(ev, last)) {
			last = ev;
		} else {
			sorted = false;
			if (fsr_before(ev, first))
				first = ev;
		}
		if (seqs && ev->cpu != FSR_NO_CPU) {
			struct fsr_seq *seq = seq_of(seqs, ev->cpu);

			holes += seq ? account(seq, ev->seq) : 0;
		}
		count++;
		p += len;
	}
	*run = (struct fsr_run){.bytes = (size_t)(p - (const uint8_t *)recs), .count = count};
	run->sorted = sorted;
	if (count) {
		run->first = *first;
		run->last = *last;
	}
	return holes;
}

static int compare(const void *a, const void *b)
{
	const struct fs_ev *x = *(const struct fs_ev *const *)a,
			   *y = *(const struct fs_ev *const *)b;

	if (fsr_before(x, y))
		return -1;
	if (fsr_before(y, x))
		return 1;
	return x < y ? -1 : x > y; /* as they stand: the order must not depend on the C library */
}

/* Insertion, which is quick for the few records that stand a few places off. */
static bool insert_all(const struct fs_ev **v, size_t n)
{
	size_t moves = 0;

	for (size_t i = 1; i < n; i++) {
		const struct fs_ev *ev = v[i];
		size_t j = i;

		for (; j && fsr_before(ev, v[j - 1]); j--)
			v[j] = v[j - 1];
		v[j] = ev;
		moves += i - j;
		if (moves > 8 * n + 64)
			return false;
	}
	return true;
}

int fsr_sort(const void *from, size_t bytes, uint32_t count, void *to)
{
	const struct fs_ev **v = malloc(count * sizeof(*v));
	const uint8_t *p = from, *end = p + bytes;
	uint8_t *out = to;
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	for (; p < end && n < count; p += v[n - 1]->len)
		v[n++] = (const void *)p;
	if (!insert_all(v, n))
		qsort(v, n, sizeof(*v), compare);
	for (size_t i = 0; i < n; i++) {
		memcpy(out, v[i], v[i]->len);
		out += v[i]->len;
	}
	free(v);
	return 0;
}
