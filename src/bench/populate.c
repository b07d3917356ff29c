// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fills the VMM's page table from outside: process_vm_readv() of one byte in each page faults the
 * page in as the VMM's own read would. (madvise(MADV_POPULATE_READ) cannot be had for another
 * process: process_madvise() does not take it.)
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include "base/err.h"
#include "bench/prefetch.h"

#define PAGE  4096ull
#define BATCH 256

/* What is looked for in the VMM's mappings. */
struct look {
	struct fs_prefetch_run *p;
	uint64_t from, to;                  /* bytes of the file, from a page's begin on */
	bool read[FS_PREFETCH_STEP / PAGE]; /* its pages: read through some mapping */
};

/*
 * One byte of each page of [@at, @at + @n pages) of the process; read[] says of which. What cannot
 * be read (behind the file's end, a disk's error) is left to the guest's own fault.
 */
static int touch(pid_t pid, uint64_t at, uint64_t n, bool *read)
{
	char sink[BATCH];
	struct iovec local = {sink, 0}, remote[BATCH];

	for (uint64_t i = 0; i < n;) {
		uint64_t batch = n - i < BATCH ? n - i : BATCH;
		ssize_t got;

		for (uint64_t k = 0; k < batch; k++)
			remote[k] = (struct iovec){(void *)(uintptr_t)(at + (i + k) * PAGE), 1};
		local.iov_len = batch;
		got = process_vm_readv(pid, &local, 1, remote, batch, 0);
		if (got < 0 && errno != EFAULT)
			return -errno;
		for (ssize_t k = 0; k < got; k++)
			read[i++] = true;
		if (got < (ssize_t)batch)
			i++; /* the one that could not be read */
	}
	return 0;
}

static int touch_mapped(const struct fs_map *m, void *arg)
{
	struct look *l = arg;
	uint64_t from = l->from > m->offset ? l->from : m->offset;
	uint64_t to = m->offset + (m->end - m->start);
	enum fs_same_file same;

	if (to > l->to)
		to = l->to;
	if (from >= to)
		return 0;
	same = fs_map_is("/proc", l->p->vmm, m, &l->p->file);
	if (same != FS_FILE_SAME && same != FS_FILE_LAYER)
		return 0;
	return touch(l->p->vmm, m->start + (from - m->offset), (to - from + PAGE - 1) / PAGE,
		     &l->read[(from - l->from) / PAGE]);
}

int fs_populate(struct fs_prefetch_run *p, const struct fs_range *r, char *err, size_t len)
{
	struct look l = {.p = p, .from = r->offset & ~(PAGE - 1), .to = r->offset + r->size};
	char path[64];
	int ret = p->file.ino ? 0 : fs_map_file(p->fd, &p->file);

	if (l.to - l.from > FS_PREFETCH_STEP)
		return fs_errf(err, len, -EINVAL, "populating: a range is larger than a step");
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)p->vmm);
	if (!ret)
		ret = fs_maps_each(path, touch_mapped, &l);
	for (uint64_t at = l.from; at < l.to; at += PAGE) {
		uint64_t end = at + PAGE < l.to ? at + PAGE : l.to;

		if (!l.read[(at - l.from) / PAGE])
			p->missed += end - (at > r->offset ? at : r->offset);
	}
	return ret ? fs_errf(err, len, ret, "populating through VMM %d: %s", (int)p->vmm,
			     strerror(-ret))
		   : 0;
}
