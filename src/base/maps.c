// SPDX-License-Identifier: BSD-2-Clause
/* Parses /proc/PID/maps, and compares the files of mappings. */
#include "base/maps.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

/* "7f0000000000-7f0000001000 rw-p 00000000 fe:00 1234   /path" */
bool fs_map_parse(char *line, struct fs_map *m)
{
	unsigned int major_no, minor_no;
	uint64_t ino;
	char perms[5];
	int path = 0;

	line[strcspn(line, "\n")] = 0;
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &m->start,
		   &m->end, perms, &m->offset, &major_no, &minor_no, &ino, &path) < 7 ||
	    m->end <= m->start || strlen(perms) != 4)
		return false;
	m->readable = perms[0] == 'r';
	m->writable = perms[1] == 'w';
	m->executable = perms[2] == 'x';
	m->shared = perms[3] == 's';
	m->dev = makedev(major_no, minor_no);
	m->ino = ino;
	m->path = path ? line + path : line + strlen(line);
	return true;
}

int fs_maps_each(const char *maps, int (*fn)(const struct fs_map *m, void *arg), void *arg)
{
	FILE *f = fopen(maps, "re");
	char *line = NULL;
	struct fs_map m;
	size_t room = 0;
	int ret = 0;

	if (!f)
		return -errno;
	errno = 0;
	while (!ret && getline(&line, &room, f) > 0)
		if (fs_map_parse(line, &m))
			ret = fn(&m, arg);
	/* permission may be refused at the first read, not at the opening */
	if (!ret && !feof(f))
		ret = errno ? -errno : -EIO;
	free(line);
	fclose(f);
	return ret;
}

/* --- which file ----------------------------------------------------------------------------- */

struct own {
	uint64_t at;
	dev_t dev;
};

static int note_own(const struct fs_map *m, void *arg)
{
	struct own *own = arg;

	if (own->at < m->start || own->at >= m->end)
		return 0;
	own->dev = m->dev;
	return 1;
}

int fs_map_file(int fd, struct fs_map_file *f)
{
	struct statfs fs;
	struct own own;
	struct stat st;
	size_t len;
	void *p;

	if (fstat(fd, &st) || fstatfs(fd, &fs))
		return -errno;
	*f = (struct fs_map_file){
		.dev = st.st_dev,
		.shown = st.st_dev,
		.ino = st.st_ino,
		.overlay = fs.f_type == OVERLAYFS_SUPER_MAGIC,
		.size = st.st_size,
		.mtime = st.st_mtim,
	};
	/* never touched, so it needs no memory, not even of the huge pages of a hugetlbfs */
	len = fs.f_type == HUGETLBFS_MAGIC ? (size_t)fs.f_bsize : 4096;
	p = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
	if (p == MAP_FAILED)
		return 0;
	own = (struct own){.at = (uintptr_t)p, .dev = st.st_dev};
	if (fs_maps_each("/proc/self/maps", note_own, &own) == 1)
		f->shown = own.dev;
	munmap(p, len);
	return 0;
}

/* Is the file behind @link one of an overlay? */
static bool leads_to_overlay(const char *link)
{
	struct statfs fs;

	return !statfs(link, &fs) && fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

/*
 * A file system that does not answer must not stop us: AT_STATX_DONT_SYNC takes what the kernel
 * knows. An overlay gives its files the inode numbers, sizes and times of what is below them (of
 * files on one file system, and mostly of others).
 */
enum fs_same_file fs_link_is(const char *link, const struct fs_map_file *f)
{
	struct statx st;

	if (statx(AT_FDCWD, link, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_INO | STATX_SIZE | STATX_MTIME, &st))
		return FS_FILE_UNKNOWN;
	if (st.stx_ino != f->ino)
		return FS_FILE_OTHER;
	if (makedev(st.stx_dev_major, st.stx_dev_minor) == f->dev)
		return FS_FILE_SAME;
	if (st.stx_size != (uint64_t)f->size || st.stx_mtime.tv_sec != f->mtime.tv_sec ||
	    (long)st.stx_mtime.tv_nsec != f->mtime.tv_nsec)
		return FS_FILE_OTHER;
	return f->overlay || leads_to_overlay(link) ? FS_FILE_LAYER : FS_FILE_OTHER;
}

int fs_fd_access(const char *fdinfo)
{
	FILE *f = fopen(fdinfo, "re");
	unsigned int flags;
	char line[128];
	int mode = f ? -ENODATA : -errno;

	while (f && mode < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "flags: %o", &flags) == 1)
			mode = (int)(flags & O_ACCMODE);
	if (f)
		fclose(f);
	return mode;
}

enum fs_same_file fs_map_is(const char *proc, pid_t pid, const struct fs_map *m,
			    const struct fs_map_file *f)
{
	bool here = m->dev == f->dev || m->dev == f->shown;
	char link[256];

	if (!m->ino || m->ino != f->ino)
		return FS_FILE_OTHER;
	if (here && f->dev == f->shown)
		return FS_FILE_SAME;
	/* a disk's own device is shown as it is: neither btrfs nor an overlay has one */
	if (!here && !f->overlay && major(m->dev))
		return FS_FILE_OTHER;
	snprintf(link, sizeof(link), "%s/%d/map_files/%" PRIx64 "-%" PRIx64, proc, (int)pid,
		 m->start, m->end);
	return fs_link_is(link, f);
}
