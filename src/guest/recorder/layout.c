// SPDX-License-Identifier: BSD-2-Clause
/* Lays out directory, rings and store, and lists the frames that they are in. */
#include "guest/recorder/layout.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "base/err.h"

#define PER_LIST (FSG_PAGE / sizeof(uint64_t))

static size_t pages_for(size_t bytes)
{
	return (bytes + FSG_PAGE - 1) / FSG_PAGE;
}

static struct fsg_dir *dir_of(struct guest_layout *l)
{
	return (struct fsg_dir *)(void *)l->dir.at;
}

static struct fsg_ring_head *head_at(uint8_t *at)
{
	return (struct fsg_ring_head *)(void *)at;
}

/* Adds a part of the next @pages frames of the list; @frame counts them. */
static void add_part(struct fsg_dir *d, struct fsg_part part, uint32_t *frame)
{
	part.first = *frame;
	*frame += part.pages;
	d->parts[d->nparts++] = part;
}

/* In the order in which the frames stand in the list: rings, then the store behind its lists. */
static void describe_parts(struct guest_layout *l, size_t meta_pages, size_t symbol_pages)
{
	struct fsg_dir *d = dir_of(l);
	uint32_t frame = 0;

	for (unsigned int i = 0; l->rings && i < l->cpus; i++)
		add_part(d,
			 (struct fsg_part){.kind = FSG_PART_RING,
					   .index = (uint16_t)i,
					   .pages = (uint32_t)l->ring_pages,
					   .bytes = (l->ring_pages - 1) * FSG_PAGE},
			 &frame);
	add_part(d,
		 (struct fsg_part){.kind = FSG_PART_AGENT,
				   .pages = GUEST_AGENT_PAGES,
				   .bytes = (GUEST_AGENT_PAGES - 1) * FSG_PAGE},
		 &frame);
	add_part(d,
		 (struct fsg_part){.kind = FSG_PART_META,
				   .pages = (uint32_t)meta_pages,
				   .bytes = l->meta_bytes},
		 &frame);
	if (symbol_pages)
		add_part(d,
			 (struct fsg_part){.kind = FSG_PART_SYMBOLS,
					   .pages = (uint32_t)symbol_pages,
					   .bytes = l->symbols->bytes,
					   .raw_bytes = l->symbols->raw_bytes},
			 &frame);
}

static int fill_lists(struct guest_layout *l, size_t nlists, char *err, size_t len)
{
	size_t nrings = l->rings ? l->rings->pages : 0, total = nrings + l->store.pages;
	uint64_t *gfn = calloc(total, sizeof(*gfn)), *list = (uint64_t *)(void *)l->store.at;
	int ret = gfn ? 0 : -ENOMEM;

	if (!ret)
		ret = guest_block_frames(&l->dir, &l->dir_gfn);
	if (!ret && nrings)
		ret = guest_block_frames(l->rings, gfn);
	if (!ret)
		ret = guest_block_frames(&l->store, gfn + nrings);
	if (!ret) {
		/* rings, then what stands behind the lists in the store */
		memcpy(list, gfn, nrings * sizeof(*gfn));
		memcpy(list + nrings, gfn + nrings + nlists,
		       (l->store.pages - nlists) * sizeof(*gfn));
		memcpy(dir_of(l)->list_gfn, gfn + nrings, nlists * sizeof(*gfn));
	}
	free(gfn);
	if (ret == -EPERM)
		return fs_errf(
			err, len, ret,
			"the kernel hides where pages lie in memory (/proc/self/pagemap shows no frame numbers): run as root, with the capability SYS_ADMIN");
	return ret ? fs_errf(err, len, ret, "cannot learn where pages lie in memory: %s",
			     strerror(-ret))
		   : 0;
}

static void fill_heads(struct guest_layout *l)
{
	struct fsg_ring_head *agent = head_at(l->store.at + l->agent_page * FSG_PAGE);

	for (unsigned int i = 0; l->rings && i < l->cpus; i++)
		head_at(l->rings->at + i * l->ring_pages * FSG_PAGE)->dir_gfn = l->dir_gfn;
	agent->mark = FSG_RING_MARK;
	agent->dir_gfn = l->dir_gfn;
}

int guest_layout_make(struct guest_layout *l, bool bpf, char *err, size_t len)
{
	size_t meta_pages = pages_for(l->meta_bytes), symbol_pages = pages_for(l->symbols->bytes);
	size_t body = GUEST_AGENT_PAGES + meta_pages + symbol_pages;
	size_t nlists = pages_for(((l->rings ? l->rings->pages : 0) + body) * sizeof(uint64_t));
	struct fsg_dir *d = dir_of(l);
	int ret;

	if (nlists > FSG_MAX_LISTS)
		return fs_errf(err, len, -E2BIG, "the rings are too big: %zu pages can be listed",
			       FSG_MAX_LISTS * PER_LIST);
	ret = guest_block_new(&l->store, "guest_store", nlists + body, bpf);
	if (ret)
		return fs_errf(err, len, ret, "cannot make %zu pages of memory: %s", nlists + body,
			       strerror(-ret));
	l->agent_page = nlists;
	l->meta_page = l->agent_page + GUEST_AGENT_PAGES;
	memcpy(l->store.at + l->meta_page * FSG_PAGE, l->meta, l->meta_bytes);
	if (symbol_pages)
		memcpy(l->store.at + (l->meta_page + meta_pages) * FSG_PAGE, l->symbols->z,
		       l->symbols->bytes);
	d->major = FSG_MAJOR;
	d->minor = FSG_MINOR;
	d->dir_bytes = sizeof(*d);
	d->rec_bytes = sizeof(struct fsg_rec);
	d->ncpus = l->rings ? l->cpus : 0;
	d->nlists = (uint32_t)nlists;
	describe_parts(l, meta_pages, symbol_pages);
	if (getrandom(d->id, sizeof(d->id), GRND_NONBLOCK) != sizeof(d->id))
		memcpy(d->id, &d, sizeof(void *)); /* no entropy yet: the host has more to go by */
	ret = fill_lists(l, nlists, err, len);
	if (!ret)
		fill_heads(l);
	return ret;
}

void guest_layout_publish(struct guest_layout *l)
{
	__sync_synchronize(); /* last of all: what it names is there */
	memcpy(dir_of(l)->magic, FSG_MAGIC, sizeof(FSG_MAGIC));
}
