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
#include "mailbox/store.h"

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

	if (fs_mbox_is_hugetlb(fd))
		return "it is on hugetlbfs, which has it nowhere else";
	if (!fstatfs(fd, &fs) && (uint32_t)fs.f_type == OVERLAYFS_SUPER_MAGIC)
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

/* --- which count is to be believed ------------------------------------------------------------ */

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

int fs_cache_of_hugetlb(const struct stat *st, const struct fs_range *r, uint64_t *bytes)
{
	uint64_t size = (uint64_t)st->st_size, there = (uint64_t)st->st_blocks * 512;
	uint64_t rest = r->offset < size ? size - r->offset : 0;
	uint64_t inside = r->size < rest ? r->size : rest;

	if (there >= size)
		*bytes = inside;
	else if (!there || inside == size)
		*bytes = there;
	else
		return -EOPNOTSUPP;
	return 0;
}

enum method { BY_MINCORE, BY_CACHESTAT, BY_ALLOCATION };

static enum method find_method(int fd)
{
	if (fs_mbox_is_hugetlb(fd))
		return BY_ALLOCATION;
	return cachestat_sees_what_is_read(fd) ? BY_CACHESTAT : BY_MINCORE;
}

/* What the file's pages are counted by: found out once for each file. */
static enum method method_of(int fd, const struct stat *st)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct {
		dev_t dev;
		ino_t ino;
		bool known;
		enum method by;
	} files[VERIFIED];
	static size_t next;
	enum method by;
	size_t i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < VERIFIED; i++)
		if (files[i].known && files[i].dev == st->st_dev && files[i].ino == st->st_ino)
			break;
	if (i == VERIFIED) {
		i = next++ % VERIFIED;
		files[i].known = true;
		files[i].dev = st->st_dev;
		files[i].ino = st->st_ino;
		files[i].by = find_method(fd);
	}
	by = files[i].by;
	pthread_mutex_unlock(&lock);
	return by;
}

int fs_cache_resident(int fd, const struct fs_range *r, uint64_t *bytes)
{
	enum method by;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	by = method_of(fd, &st);
	if (by == BY_ALLOCATION)
		return fs_cache_of_hugetlb(&st, r, bytes);
	if (by == BY_CACHESTAT && !by_cachestat(fd, r, bytes))
		return 0;
	return by_mincore(fd, r, bytes);
}
