// SPDX-License-Identifier: BSD-2-Clause
/* Copies a memory file, by shared blocks where the file system can. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include <unistd.h>
#include "base/err.h"
#include "mailbox/patch.h"
#include "mailbox/store.h"

#define BLOCK (1u << 20)

static bool is_zero(const uint8_t *bytes, size_t n)
{
	return !n || (!bytes[0] && !memcmp(bytes, bytes + 1, n - 1));
}

/* Writes what was read; zeros are in the fresh file already, and stay holes (of hugetlbfs). */
static int write_out(int to, const void *buffer, size_t n, off_t at)
{
	return is_zero(buffer, n) ? 0 : fs_mbox_store(to, buffer, n, (uint64_t)at);
}

/* Copies [@at, @end), by the kernel if it can (which may share blocks), else through @buffer. */
static int copy_range(int from, int to, off_t at, off_t end, void *buffer)
{
	while (at < end) {
		loff_t in = at, out = at;
		size_t want = end - at < (off_t)(1u << 30) ? (size_t)(end - at) : 1u << 30;
		ssize_t n = copy_file_range(from, &in, to, &out, want, 0);
		int ret;

		if (n <= 0) {
			n = pread(from, buffer, want < BLOCK ? want : BLOCK, at);
			if (n < 0 && errno == EINTR)
				continue;
			if (n == 0)
				return -ESTALE; /* it was longer when we began */
			if (n < 0)
				return -errno;
			ret = write_out(to, buffer, (size_t)n, at);
			if (ret)
				return ret;
		}
		at += n;
	}
	return 0;
}

static int copy_data(int from, int to, off_t size)
{
	void *buffer = malloc(BLOCK);
	off_t at = 0;
	int ret = buffer ? 0 : -ENOMEM;

	if (!ret && ftruncate(to, size))
		ret = -errno;
	while (!ret && at < size) {
		off_t data = lseek(from, at, SEEK_DATA), end;

		if (data < 0 && errno == ENXIO)
			break; /* the rest is a hole */
		end = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
		if (data < 0 || end <= data) {
			data = at;
			end = size;
		}
		if (end > size)
			end = size;
		ret = copy_range(from, to, data, end, buffer);
		at = end;
	}
	free(buffer);
	return ret;
}

void fs_mbox_copy_abort(struct fs_mbox_copy *c)
{
	close(c->fd);
	unlink(c->partial);
}

int fs_mbox_copy_make(struct fs_mbox_copy *c, int from, const struct stat *st, const char *out,
		      char *err, size_t err_len)
{
	struct stat there;
	int ret = 0;

	if ((size_t)snprintf(c->out, sizeof(c->out), "%s", out) >= sizeof(c->out))
		return fs_errf(err, err_len, -ENAMETOOLONG, "the name of the copy is too long");
	if (!lstat(out, &there))
		return fs_errf(err, err_len, -EEXIST, "%s exists already", out);
	snprintf(c->partial, sizeof(c->partial), "%s.partial-%d", out, (int)getpid());
	c->fd = open(c->partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (c->fd < 0)
		return fs_errf(err, err_len, -errno, "making %s: %s", c->partial, strerror(errno));
	if (fs_mbox_is_hugetlb(c->fd)) { /* a copy there would use up the host's huge pages */
		fs_mbox_copy_abort(c);
		return fs_errf(
			err, err_len, -EOPNOTSUPP,
			"%s would be on hugetlbfs, where copies are not made: give a path on another file system",
			out);
	}
	c->method = "reflink";
	if (ioctl(c->fd, FICLONE, from)) {
		c->method = "copy";
		ret = copy_data(from, c->fd, st->st_size);
	}
	if (!ret && fchmod(c->fd, st->st_mode & 0775))
		ret = -errno;
	if (ret) {
		fs_mbox_copy_abort(c);
		return fs_errf(err, err_len, ret, "copying it to %s: %s", c->partial,
			       ret == -ESTALE ? "it was cut short meanwhile" : strerror(-ret));
	}
	return 0;
}

int fs_mbox_copy_commit(struct fs_mbox_copy *c, char *err, size_t err_len)
{
	int ret = 0;

	/* never over a file that appeared meanwhile; link() where the file system cannot rename so
	 */
	if (renameat2(AT_FDCWD, c->partial, AT_FDCWD, c->out, RENAME_NOREPLACE)) {
		ret = -errno;
		if (ret == -EINVAL || ret == -ENOSYS)
			ret = link(c->partial, c->out) ? -errno : 0;
		unlink(c->partial);
	}
	close(c->fd);
	return ret ? fs_errf(err, err_len, ret, "naming the copy %s: %s", c->out, strerror(-ret))
		   : 0;
}
