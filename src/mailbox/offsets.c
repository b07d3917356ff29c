// SPDX-License-Identifier: BSD-2-Clause
/* Remembers in the user's cache where a memory file has its mailbox. */
#include "mailbox/offsets.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fresh.h"

#define LINE_BEGIN "forkscope-mailbox-offset "
#define LINE_FORMAT                                                                     \
	LINE_BEGIN "1 key %016" PRIx64 " dev %" PRIu64 " ino %" PRIu64 " size %" PRIu64 \
		   " mtime %" PRId64 ".%09ld offset %" PRIu64 "\n"
#define LINE_MAX_LEN 256

/* FNV-1a over a string and its NUL. */
static uint64_t hash(uint64_t h, const char *s)
{
	do {
		h = (h ^ (uint8_t)*s) * 0x100000001b3ull;
	} while (*s++);
	return h;
}

/* ~/.cache/forkscope or its like, made when missing. The token is in no name and no file. */
static int cache_folder(char *path, size_t room)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	struct stat st;
	int n;

	if (base && base[0] == '/')
		n = snprintf(path, room, "%s", base);
	else if (home && home[0] == '/')
		n = snprintf(path, room, "%s/.cache", home);
	else
		return -ENOENT;
	if (n < 0 || (size_t)n + sizeof("/forkscope") > room)
		return -ENAMETOOLONG;
	(void)mkdir(path, 0700);
	strcat(path, "/forkscope");
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	/* root's cache in somebody's home (sudo keeps HOME) would be theirs to redirect */
	if (lstat(path, &st) || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 022))
		return -EPERM;
	return 0;
}

void fs_offsets_open(struct fs_offset_memory *m, const char *memfile, const struct fs_mbox_query *q,
		     const char *chosen)
{
	char *real = realpath(memfile, NULL), kinds[16];
	size_t len;

	snprintf(kinds, sizeof(kinds), "%u", q->kinds);
	m->key = hash(0xcbf29ce484222325ull, real ? real : memfile);
	m->key = hash(hash(hash(m->key, kinds), q->name ? q->name : ""), q->token);
	free(real);
	m->path[0] = 0;
	if (chosen) {
		snprintf(m->path, sizeof(m->path), "%s", chosen);
		return;
	}
	if (cache_folder(m->path, sizeof(m->path) - 48)) {
		m->path[0] = 0;
		return;
	}
	len = strlen(m->path);
	snprintf(m->path + len, sizeof(m->path) - len, "/mailbox-%016" PRIx64, m->key);
}

/* The line for a file and an offset; two lines are equal up to the offset when all else is. */
static int format_line(char *line, size_t room, const struct fs_offset_memory *m,
		       const struct stat *st, uint64_t offset)
{
	return snprintf(line, room, LINE_FORMAT, m->key, (uint64_t)st->st_dev, (uint64_t)st->st_ino,
			(uint64_t)st->st_size, (int64_t)st->st_mtim.tv_sec,
			(long)st->st_mtim.tv_nsec, offset);
}

int fs_offsets_get(const struct fs_offset_memory *m, const struct stat *st, uint64_t *offset)
{
	char line[LINE_MAX_LEN], wanted[LINE_MAX_LEN], *number, *end;
	ssize_t n;
	int fd;

	if (!m->path[0])
		return -ENOENT;
	fd = open(m->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -ENOENT;
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (n <= 0)
		return -ENOENT;
	line[n] = 0;
	number = strstr(line, " offset ");
	if (!number)
		return -ENOENT;
	number += strlen(" offset ");
	errno = 0;
	*offset = strtoull(number, &end, 10);
	if (errno || end == number)
		return -ENOENT;
	/* what would be written now must be what was written then */
	format_line(wanted, sizeof(wanted), m, st, *offset);
	return strcmp(line, wanted) ? -ENOENT : 0;
}

/* A file of that name, if there is one, is of ours: not a memory file that was named by mistake. */
static const char *const ours[] = {LINE_BEGIN, NULL};

int fs_offsets_put(const struct fs_offset_memory *m, const struct stat *st, uint64_t offset)
{
	char line[LINE_MAX_LEN], fresh[PATH_MAX + 16];
	int fd, len, ret = 0;

	if (!m->path[0])
		return -ENOENT;
	if (fs_fresh_check(m->path, ours))
		return -EEXIST;
	len = format_line(line, sizeof(line), m, st, offset);
	snprintf(fresh, sizeof(fresh), "%s.%d", m->path, (int)getpid());
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, line, (size_t)len) != len)
		ret = -EIO;
	if (close(fd) && !ret)
		ret = -errno;
	if (!ret && rename(fresh, m->path))
		ret = -errno;
	if (ret)
		unlink(fresh);
	return ret;
}
