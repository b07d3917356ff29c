// SPDX-License-Identifier: BSD-2-Clause
/* The working set of forks: which pages of the memory file how many of them touched, and when. */
#include "experiment/workset.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/vec.h"
#include "experiment/numbers.h"

struct seen {
	uint64_t offset, at;
	uint32_t fork;
};

struct all_seen {
	FS_VEC(struct seen) v;
};

static int by_page(const void *x, const void *y)
{
	const struct seen *a = x, *b = y;

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return a->fork < b->fork ? -1 : a->fork > b->fork;
}

static int by_time(const void *x, const void *y)
{
	const struct fsx_page *a = x, *b = y;

	if (a->at_ns != b->at_ns)
		return a->at_ns < b->at_ns ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* The window's touches of @f, which is number @index of those looked at. */
static int collect(const struct fsa_fork *f, uint32_t index, struct all_seen *all,
		   struct fsx_workset *w)
{
	for (size_t i = 0; i < f->ntouches; i++) {
		const struct fsa_touch *t = &f->touches[i];

		if (t->at_ns < f->start_ns || t->at_ns >= f->end_ns)
			continue;
		w->other += t->other_file;
		if (t->offset == FSA_NOWHERE)
			w->nowhere++;
		else if (fs_vec_push(&all->v, (struct seen){.offset = t->offset,
							    .at = t->at_ns - f->start_ns,
							    .fork = index}))
			return -ENOMEM;
	}
	return 0;
}

/* One page, touched by the forks of @s[@n], in their order. @times is room for n numbers. */
static struct fsx_page one_page(const struct seen *s, size_t n, uint64_t *times,
				struct fsx_workset *w)
{
	struct fsx_page p = {.offset = s->offset};
	uint32_t run = 0;

	/* two pages of guest memory may be one of the file: a fork counts once */
	for (size_t i = 0; i < n; i++) {
		if (i && s[i].fork == s[i - 1].fork)
			continue;
		times[p.forks++] = s[i].at;
		run += s[i].fork == run;
	}
	p.at_ns = fsx_median(times, p.forks);
	w->by_forks[p.forks]++;
	for (uint32_t i = 1; i <= run; i++)
		w->common[i]++;
	for (size_t i = s->fork + 1; i <= w->forks; i++)
		w->any[i]++;
	return p;
}

static int make_pages(struct all_seen *all, struct fsx_workset *w)
{
	uint64_t *times = calloc(all->v.n + 1, sizeof(*times));

	w->pages = calloc(all->v.n + 1, sizeof(*w->pages));
	w->by_forks = calloc(w->forks + 1, sizeof(*w->by_forks));
	w->common = calloc(w->forks + 1, sizeof(*w->common));
	w->any = calloc(w->forks + 1, sizeof(*w->any));
	if (!times || !w->pages || !w->by_forks || !w->common || !w->any) {
		free(times);
		return -ENOMEM;
	}
	if (all->v.n)
		qsort(all->v.v, all->v.n, sizeof(*all->v.v), by_page);
	for (size_t i = 0, k; i < all->v.n; i = k) {
		for (k = i + 1; k < all->v.n && all->v.v[k].offset == all->v.v[i].offset; k++)
			;
		w->pages[w->n++] = one_page(&all->v.v[i], k - i, times, w);
	}
	if (w->n)
		qsort(w->pages, w->n, sizeof(*w->pages), by_time);
	free(times);
	return 0;
}

int fsx_workset_make(const struct fsa_fork *const *forks, size_t n, struct fsx_workset *w)
{
	struct all_seen all = {0};
	int ret = 0;

	*w = (struct fsx_workset){0};
	for (size_t i = 0; i < n && !ret; i++)
		if (forks[i]->complete)
			ret = collect(forks[i], (uint32_t)w->forks++, &all, w);
	ret = ret ? ret : make_pages(&all, w);
	fs_vec_free(&all.v);
	if (ret)
		fsx_workset_free(w);
	return ret;
}

void fsx_workset_free(struct fsx_workset *w)
{
	free(w->pages);
	free(w->by_forks);
	free(w->common);
	free(w->any);
	*w = (struct fsx_workset){0};
}

size_t fsx_workset_pages(const struct fsx_workset *w, size_t min_forks)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		n += w->pages[i].forks >= min_forks;
	return n;
}

uint64_t fsx_workset_by_then(const struct fsx_workset *w, size_t min_forks, double share)
{
	double want = share * (double)fsx_workset_pages(w, min_forks);
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++) {
		n += w->pages[i].forks >= min_forks;
		if (n && (double)n >= want)
			return w->pages[i].at_ns;
	}
	return 0;
}

/* --- ranges --- */

struct span {
	uint64_t offset, end, at;
};

static int by_offset(const void *x, const void *y)
{
	const struct span *a = x, *b = y;

	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static int by_first(const void *x, const void *y)
{
	const struct span *a = x, *b = y;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return by_offset(x, y);
}

/* Merges @p[@n] in place; how many are left. */
static size_t merge(struct span *p, size_t n, uint64_t gap)
{
	size_t k = 0;

	if (n)
		qsort(p, n, sizeof(*p), by_offset);
	for (size_t i = 0; i < n; i++) {
		if (k && p[i].offset - p[k - 1].end <= gap) {
			p[k - 1].end = p[i].end;
			if (p[i].at < p[k - 1].at)
				p[k - 1].at = p[i].at;
		} else {
			p[k++] = p[i];
		}
	}
	if (k)
		qsort(p, k, sizeof(*p), by_first);
	return k;
}

int fsx_workset_ranges(const struct fsx_workset *w, size_t min_forks, uint64_t gap,
		       struct fs_ranges *out, uint64_t **at)
{
	struct span *p = calloc(w->n + 1, sizeof(*p));
	uint64_t *times = at ? calloc(w->n + 1, sizeof(*times)) : NULL;
	int ret = !p || (at && !times) ? -ENOMEM : 0;
	size_t n = 0;

	for (size_t i = 0; i < w->n && !ret; i++)
		if (w->pages[i].forks >= min_forks)
			p[n++] = (struct span){w->pages[i].offset, w->pages[i].offset + FSX_PAGE,
					       w->pages[i].at_ns};
	n = ret ? 0 : merge(p, n, gap);
	for (size_t i = 0; i < n && !ret; i++) {
		ret = fs_vec_push(out, (struct fs_range){p[i].offset, p[i].end - p[i].offset});
		if (times)
			times[i] = p[i].at;
	}
	free(p);
	if (ret) {
		free(times);
		return ret;
	}
	if (at)
		*at = times;
	return 0;
}
