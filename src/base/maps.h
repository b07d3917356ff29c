/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/PID/maps, its one parser, and which file a mapping or a descriptor of a process is. */
#ifndef FORKSCOPE_MAPS_H
#define FORKSCOPE_MAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

/* One line: a mapping. */
struct fs_map {
	uint64_t start, end, offset; /* bytes; `offset` into the file */
	bool readable, writable, executable, shared;
	dev_t dev;        /* as maps shows it: on btrfs and overlayfs not what stat() says */
	ino_t ino;        /* 0 = anonymous */
	const char *path; /* as the kernel wrote it, "" = none; in the line that was parsed */
};

/* Parses @line, whose newline it cuts off. Returns false when it is no line of maps. */
bool fs_map_parse(char *line, struct fs_map *m);

/*
 * Hands each mapping of the file @maps ("/proc/1/maps") to @fn until that returns something else
 * than 0. Returns that, 0, or a negative errno: -EACCES and the like when the mappings may not be
 * read, -ENOENT or -ESRCH when the process has ended.
 */
int fs_maps_each(const char *maps, int (*fn)(const struct fs_map *m, void *arg), void *arg);

/* A file, as stat() and as maps show it. */
struct fs_map_file {
	dev_t dev, shown; /* by stat(); in maps */
	ino_t ino;
	bool overlay; /* a file of an overlay, whose content is another file's */
	off_t size;
	struct timespec mtime;
};

/*
 * Learns both of the file @fd, which is open for reading: a page of it is mapped for a moment, and
 * looked up in this process's own maps. (Where that cannot be done, `shown` is what stat() says.)
 * Returns 0 or a negative errno.
 */
int fs_map_file(int fd, struct fs_map_file *f);

/* Is it this file? */
enum fs_same_file {
	FS_FILE_OTHER,
	FS_FILE_SAME,
	FS_FILE_LAYER,   /* as far as can be seen one is a file of an overlay, the other its content
			  */
	FS_FILE_UNKNOWN, /* it has the same inode number, and more may not be known from here */
};

/*
 * Compares the file of mapping @m of process @pid with @f. Where device and inode are not enough
 * (btrfs shows one device for all subvolumes; an overlay shows its own), the link in
 * @proc/PID/map_files is followed. @proc is "/proc" but in tests.
 */
enum fs_same_file fs_map_is(const char *proc, pid_t pid, const struct fs_map *m,
			    const struct fs_map_file *f);

/* The same for what a link leads to: @proc/PID/fd/N. UNKNOWN: the link may not be followed. */
enum fs_same_file fs_link_is(const char *link, const struct fs_map_file *f);

/*
 * How a descriptor of a process was opened, by the file @fdinfo ("/proc/1/fdinfo/3"): O_RDONLY,
 * O_WRONLY or O_RDWR, or a negative errno.
 */
int fs_fd_access(const char *fdinfo);

#endif
