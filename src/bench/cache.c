// SPDX-License-Identifier: BSD-2-Clause
#include "bench/cache.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

#define PIECE (256ull << 20) /* bytes that are mapped at once to ask about them */

int fs_cache_drop(int fd)
{
	if (fdatasync(fd) && errno != EROFS && errno != EINVAL)
		return -errno;
	return -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* Linux 6.5 and later. */
static int by_cachestat(int fd, const struct fs_range *r, uint64_t *bytes)
{
	struct {
		uint64_t cached, dirty, writeback, evicted, recently_evicted;
	} st;

	if (syscall(SYS_cachestat, fd, r, &st, 0))
		return -errno;
	*bytes = st.cached * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}

/* Whole pages from @off on, which is the start of one. */
static int piece_by_mincore(int fd, uint64_t off, uint64_t len, uint64_t *bytes)
{
	static __thread unsigned char in[PIECE / 4096];
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, (off_t)off);
	int rc;

	if (p == MAP_FAILED)
		return -errno;
	rc = mincore(p, len, in) ? -errno : 0;
	for (uint64_t i = 0; !rc && i < (len + page - 1) / page; i++)
		*bytes += in[i] & 1 ? page : 0;
	munmap(p, len);
	return rc;
}

static int by_mincore(int fd, const struct fs_range *r, uint64_t *bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), end = r->off + r->len;
	int rc = 0;

	*bytes = 0;
	for (uint64_t at = r->off & ~(page - 1); at < end && !rc; at += PIECE)
		rc = piece_by_mincore(fd, at, end - at < PIECE ? end - at : PIECE, bytes);
	return rc;
}

int fs_cache_resident(int fd, const struct fs_range *r, uint64_t *bytes)
{
	int rc = by_cachestat(fd, r, bytes);

	return rc ? by_mincore(fd, r, bytes) : 0;
}
