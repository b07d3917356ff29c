// SPDX-License-Identifier: BSD-2-Clause
/* The directory of a recorder in a guest's memory, checked, and the frames of its parts. */
#include "record/guest/ring_parse.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"

#define PER_LIST (FSG_PAGE / (uint32_t)sizeof(uint64_t))
#define BATCH    64 /* pages that are read at once */

int fsr_read_pages(const struct fsr_mem *m, const uint64_t *gfn, size_t n, fsr_page *to, bool *got)
{
	memset(got, 0, n * sizeof(*got));
	for (size_t at = 0; at < n; at += BATCH) {
		size_t some = n - at < BATCH ? n - at : BATCH;
		int ret = m->pages(m->arg, gfn + at, some, to + at, got + at);

		if (ret)
			return ret;
	}
	return 0;
}

static int check_part(const struct fsg_dir *d, unsigned int i, char why[FSR_WHY])
{
	const struct fsg_part *p = &d->parts[i];
	uint64_t frames = (uint64_t)d->nlists * PER_LIST, room = (uint64_t)p->pages * FSG_PAGE;

	if ((uint64_t)p->first + p->pages > frames)
		return fs_errf(why, FSR_WHY, -EBADMSG,
			       "part %u lies behind the end of the lists of frames", i);
	switch (p->kind) {
	case FSG_PART_RING:
	case FSG_PART_AGENT:
		if (p->bytes < FSG_PAGE || (p->bytes & (p->bytes - 1)) ||
		    p->bytes + FSG_PAGE != room || p->index >= FSG_MAX_CPUS)
			return fs_errf(why, FSR_WHY, -EBADMSG,
				       "part %u: a ring of %llu bytes in %u pages, CPU %u", i,
				       (unsigned long long)p->bytes, p->pages, p->index);
		for (unsigned int k = 0; k < i; k++)
			if (d->parts[k].kind == p->kind && d->parts[k].index == p->index)
				return fs_errf(why, FSR_WHY, -EBADMSG,
					       "parts %u and %u are rings of one CPU", k, i);
		return 0;
	case FSG_PART_SYMBOLS:
	case FSG_PART_META:
		if (p->bytes > room || p->bytes > (p->kind == FSG_PART_META ? FSR_MAX_PART_META
									    : FSR_MAX_PART_SYMBOLS))
			return fs_errf(why, FSR_WHY, -EBADMSG, "part %u: %llu bytes in %u pages", i,
				       (unsigned long long)p->bytes, p->pages);
		return 0;
	}
	return 0; /* of a newer minor: left alone */
}

int fsr_dir_check(const fsr_page page, char why[FSR_WHY])
{
	static const char magic[32] = FSG_MAGIC;
	struct fsg_dir d;

	memcpy(&d, page, sizeof(d));
	if (memcmp(d.magic, magic, sizeof(magic)))
		return -ENOENT;
	if (d.major != FSG_MAJOR)
		return fs_errf(why, FSR_WHY, -EBADMSG,
			       "a recorder of version %u.%u: this program reads %u.x", d.major,
			       d.minor, FSG_MAJOR);
	if (d.dir_bytes < sizeof(d) || d.dir_bytes > FSG_PAGE ||
	    d.rec_bytes != sizeof(struct fsg_rec))
		return fs_errf(why, FSR_WHY, -EBADMSG, "a directory of %u bytes, records of %u",
			       d.dir_bytes, d.rec_bytes);
	if (d.nparts > FSG_MAX_PARTS || d.nlists > FSG_MAX_LISTS)
		return fs_errf(why, FSR_WHY, -EBADMSG, "%u parts, %u lists", d.nparts, d.nlists);
	for (unsigned int i = 0; i < d.nparts; i++) {
		int ret = check_part(&d, i, why);

		if (ret)
			return ret;
	}
	return 0;
}

static int bad_frame(const char *of, unsigned int i, uint64_t gfn, char why[FSR_WHY])
{
	return fs_errf(why, FSR_WHY, -EBADMSG, "%s %u: frame 0x%llx is not memory of the VM", of, i,
		       (unsigned long long)gfn);
}

static int read_lists(const struct fsr_mem *m, struct fsr_layout *l, char why[FSR_WHY])
{
	const struct fsg_dir *d = &l->d.dir;
	uint64_t lists[FSG_MAX_LISTS];
	bool got[FSG_MAX_LISTS];
	int ret;

	memcpy(lists, d->list_gfn, sizeof(lists));
	for (unsigned int i = 0; i < d->nlists; i++)
		if (!m->inside(m->arg, d->list_gfn[i]))
			return bad_frame("list", i, d->list_gfn[i], why);
	l->nframes = (size_t)d->nlists * PER_LIST;
	l->frames = calloc(l->nframes + 1, sizeof(*l->frames));
	if (!l->frames)
		return -ENOMEM;
	ret = fsr_read_pages(m, lists, d->nlists, (fsr_page *)(void *)l->frames, got);
	for (unsigned int i = 0; i < d->nlists && !ret; i++)
		if (!got[i])
			ret = fs_errf(why, FSR_WHY, -EAGAIN, "list %u cannot be read", i);
	return ret;
}

/* Every frame that a part names is memory of the VM. */
static int check_frames(const struct fsr_mem *m, const struct fsr_layout *l, char why[FSR_WHY])
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

int fsr_layout_load(const struct fsr_mem *m, uint64_t gfn, struct fsr_layout *l, char why[FSR_WHY])
{
	bool got = false;
	int ret;

	memset(l, 0, sizeof(*l));
	*why = '\0';
	l->gfn = gfn;
	if (!m->inside(m->arg, gfn))
		return -ENOENT;
	ret = m->pages(m->arg, &gfn, 1, &l->d.page, &got);
	if (!ret)
		ret = got ? fsr_dir_check(l->d.page, why) : -ENOENT;
	if (!ret)
		ret = read_lists(m, l, why);
	if (!ret)
		ret = check_frames(m, l, why);
	if (ret)
		fsr_layout_free(l);
	return ret;
}

void fsr_layout_free(struct fsr_layout *l)
{
	free(l->frames);
	l->frames = NULL;
	l->nframes = 0;
}

size_t fsr_layout_frames(const struct fsr_layout *l, uint64_t *out)
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

bool fsr_is_ring(const struct fsr_layout *l, unsigned int i)
{
	return i < l->d.dir.nparts && (l->d.dir.parts[i].kind == FSG_PART_RING ||
				       l->d.dir.parts[i].kind == FSG_PART_AGENT);
}
