// SPDX-License-Identifier: BSD-2-Clause
/* The page cache of a file: emptied, and counted by the call that can be believed. */
#include "bench/cache.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

#define STEP     (256ull << 20) /* bytes that are mapped at once to ask about them */
#define VERIFIED 64             /* files that are remembered */
#define NOT_ANY  65534          /* st_uid of an owner that this user namespace does not have */

int fs_cache_drop(int fd)
{
	if (fdatasync(fd) && errno != EROFS && errno != EINVAL)
		return -errno;
	return -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

const char *fs_cache_why_kept(int fd)
{
	struct statfs fs;
	uint32_t type = fstatfs(fd, &fs) ? 0 : (uint32_t)fs.f_type;

	if (type == HUGETLBFS_MAGIC)
		return "it is on hugetlbfs, which has it nowhere else";
	if (type == OVERLAYFS_SUPER_MAGIC)
		return "it is a file of an overlay, and pages of the lower file that are not written back yet cannot be dropped through it (run sync first); or a process maps or writes it";
	return "a process maps or writes it";
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
static int step_by_mincore(int fd, uint64_t off, uint64_t len, uint64_t *bytes)
{
	static __thread unsigned char in[STEP / 4096];
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	/* of huge pages: none is set aside for the file's holes */
	void *p = mmap(NULL, len, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, (off_t)off);
	int ret;

	if (p == MAP_FAILED)
		return -errno;
	ret = mincore(p, len, in) ? -errno : 0;
	for (uint64_t i = 0; !ret && i < (len + page - 1) / page; i++)
		*bytes += in[i] & 1 ? page : 0;
	munmap(p, len);
	return ret;
}

/* Of a file that the caller neither owns nor may write, mincore() says that all is resident. */
static bool may_mincore(int fd)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fstat(fd, &st))
		return false;
	return st.st_uid == geteuid() || (!geteuid() && st.st_uid != NOT_ANY) ||
	       !faccessat(AT_FDCWD, path, W_OK, AT_EACCESS);
}

static int by_mincore(int fd, const struct fs_range *r, uint64_t *bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), end = r->offset + r->size;
	int ret = may_mincore(fd) ? 0 : -EPERM;

	*bytes = 0;
	for (uint64_t at = r->offset & ~(page - 1); at < end && !ret; at += STEP)
		ret = step_by_mincore(fd, at, end - at < STEP ? end - at : STEP, bytes);
	return ret;
}

/* --- whether cachestat() is to be believed --------------------------------------------------- */

/* Reads one page, without those behind it: readahead is a matter of the open file. */
static bool read_one(int fd, uint64_t off)
{
	char path[32], one;
	bool done;
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return false;
	posix_fadvise(own, 0, 0, POSIX_FADV_RANDOM);
	done = pread(own, &one, 1, (off_t)off) == 1;
	close(own);
	return done;
}

/*
 * A file that lies on top of another one (overlayfs) has a page cache that stays empty, and
 * cachestat() counts that one without an error. So a page is read: where mincore(), which asks
 * about a mapping, sees it, cachestat() must as well.
 */
static bool cachestat_sees_what_is_read(int fd)
{
	const struct fs_range page = {0, (uint64_t)sysconf(_SC_PAGESIZE)};
	uint64_t before = 0, mapped = 0, counted = 0;
	bool same;

	if (by_cachestat(fd, &page, &counted) || by_mincore(fd, &page, &before) ||
	    !read_one(fd, page.offset))
		return false;
	same = !by_mincore(fd, &page, &mapped) && mapped && !by_cachestat(fd, &page, &counted) &&
	       counted == mapped;
	if (!before)
		posix_fadvise(fd, 0, (off_t)page.size, POSIX_FADV_DONTNEED);
	return same;
}

/* Verified once for each file. */
static bool believe_cachestat(int fd)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct {
		dev_t dev;
		ino_t ino;
		bool known, good;
	} files[VERIFIED];
	static size_t next;
	struct stat st;
	bool good;
	size_t i;

	if (fstat(fd, &st))
		return false;
	pthread_mutex_lock(&lock);
	for (i = 0; i < VERIFIED; i++)
		if (files[i].known && files[i].dev == st.st_dev && files[i].ino == st.st_ino)
			break;
	if (i == VERIFIED) {
		i = next++ % VERIFIED;
		files[i].known = true;
		files[i].dev = st.st_dev;
		files[i].ino = st.st_ino;
		files[i].good = cachestat_sees_what_is_read(fd);
	}
	good = files[i].good;
	pthread_mutex_unlock(&lock);
	return good;
}

int fs_cache_of_hugetlb(const struct stat *st, const struct fs_range *r, uint64_t *bytes)
{
	uint64_t size = (uint64_t)st->st_size, there = (uint64_t)st->st_blocks * 512;
	bool whole = !r->offset && r->size >= size;

	if (there && there < size && !whole)
		return -EOPNOTSUPP;
	*bytes = whole ? (there < size ? there : size) : there ? r->size : 0;
	return 0;
}

int fs_cache_resident(int fd, const struct fs_range *r, uint64_t *bytes)
{
	struct statfs fs;
	struct stat st;

	if (!fstatfs(fd, &fs) && fs.f_type == HUGETLBFS_MAGIC)
		return fstat(fd, &st) ? -errno : fs_cache_of_hugetlb(&st, r, bytes);
	if (believe_cachestat(fd) && !by_cachestat(fd, r, bytes))
		return 0;
	return by_mincore(fd, r, bytes);
}
