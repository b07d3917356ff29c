// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fills the VMM's page table from outside: process_vm_readv() of one byte in each page faults the
 * page in as the VMM's own read would. (madvise(MADV_POPULATE_READ) cannot be had for another
 * process: process_madvise() does not take it.)
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include "base/err.h"
#include "bench/prefetch.h"

#define PAGE  4096ull
#define BATCH 256

/* A line of /proc/PID/maps that maps this file: where, and which bytes. */
struct mapping {
	uint64_t start, end, off;
};

static bool parse_mapping(const char *line, const struct stat *st, struct mapping *m)
{
	unsigned int major, minor;
	uint64_t inode;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %x:%x %" SCNu64, &m->start,
		   &m->end, &m->off, &major, &minor, &inode) != 6)
		return false;
	return inode == st->st_ino && makedev(major, minor) == st->st_dev;
}

/* One byte of each page of [@at, @at + @pages pages) of the process. Pages that cannot be read are
 * left out: what they are is seen by the guest's fault. */
static int touch(pid_t pid, uint64_t at, uint64_t pages)
{
	char sink[BATCH];
	struct iovec local = {sink, 0}, remote[BATCH];

	while (pages) {
		uint64_t n = pages < BATCH ? pages : BATCH;
		ssize_t got;

		for (uint64_t i = 0; i < n; i++)
			remote[i] = (struct iovec){(void *)(uintptr_t)(at + i * PAGE), 1};
		local.iov_len = n;
		got = process_vm_readv(pid, &local, 1, remote, n, 0);
		if (got < 0 && errno != EFAULT)
			return -errno;
		n = got > 0 ? (uint64_t)got : 1;
		at += n * PAGE;
		pages -= n;
	}
	return 0;
}

int fs_populate(struct fs_prefetch_run *p, const struct fs_range *r, char *err, size_t len)
{
	uint64_t found = 0;
	char path[64], line[512];
	struct stat st;
	FILE *f;
	int rc = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)p->vmm);
	f = fopen(path, "re");
	if (!f || fstat(p->fd, &st)) {
		rc = fs_errf(err, len, -errno, "populating: reading %s: %m", path);
		if (f)
			fclose(f);
		return rc;
	}
	while (!rc && fgets(line, sizeof(line), f)) {
		uint64_t from, to;
		struct mapping m;

		if (!parse_mapping(line, &st, &m))
			continue;
		from = r->off > m.off ? r->off : m.off;
		to = m.off + (m.end - m.start);
		to = r->off + r->len < to ? r->off + r->len : to;
		if (from >= to)
			continue;
		rc = touch(p->vmm, m.start + (from - m.off), (to - from + PAGE - 1) / PAGE);
		found += to - from;
	}
	fclose(f);
	p->missed += found < r->len ? r->len - found : 0;
	return rc ? fs_errf(err, len, rc, "populating through VMM %d: %s", (int)p->vmm,
			    strerror(-rc))
		  : 0;
}
