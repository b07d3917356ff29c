// SPDX-License-Identifier: BSD-2-Clause
/* Reads the file header and walks the chunks of a recording. */
#include "record/chunks.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"
#include "record/crc.h"

#define MAX_HEADER 4096 /* bytes of a file header that a newer minor may have */

/* Reads up to @n bytes at @off. Returns how many, less only at the file's end, or -errno. */
static ssize_t read_at(int fd, void *buf, size_t n, uint64_t off)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = pread(fd, (char *)buf + got, n - got, (off_t)(off + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (!r)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

static int check_file_header(const struct fsr_file_header *h, size_t got, char *err, size_t len)
{
	if (got < sizeof(h->magic) || memcmp(h->magic, FSR_MAGIC, sizeof(h->magic)))
		return fs_errf(err, len, -EINVAL,
			       "not a recording: it does not begin with " FSR_MAGIC);
	if (got < sizeof(*h))
		return fs_errf(err, len, -EINVAL,
			       "cut short: %zu of the %zu bytes of its header are there", got,
			       sizeof(*h));
	if (h->major > FSR_MAJOR)
		return fs_errf(
			err, len, -EPROTONOSUPPORT,
			"format %u.%u is newer than this program reads (%u.x): use a newer forkscope",
			h->major, h->minor, FSR_MAJOR);
	if (h->major < FSR_MAJOR)
		return fs_errf(
			err, len, -EPROTONOSUPPORT,
			"format %u.%u is older than this program reads (%u.x): use the forkscope that recorded it",
			h->major, h->minor, FSR_MAJOR);
	if (h->crc != fsr_crc32(0, h, offsetof(struct fsr_file_header, crc)))
		return fs_errf(err, len, -EINVAL, "its file header is damaged (checksum)");
	if (h->header_bytes < sizeof(*h) || h->header_bytes > MAX_HEADER || h->header_bytes % 8)
		return fs_errf(err, len, -EINVAL, "its file header claims %u bytes",
			       h->header_bytes);
	return 0;
}

int fsr_walk_open(const char *path, struct fsr_file_header *h, struct fsr_walk *w, char *err,
		  size_t err_len)
{
	struct stat st;
	ssize_t got;
	int fd, ret;

	/* O_NONBLOCK: a FIFO must not hang us; it has no effect on a regular file */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st)) {
		ret = fs_errf(err, err_len, -errno, "%s", strerror(errno));
		goto fail;
	}
	if (!S_ISREG(st.st_mode)) {
		ret = fs_errf(err, err_len, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL,
			      "not a regular file");
		goto fail;
	}
	memset(h, 0, sizeof(*h));
	got = read_at(fd, h, sizeof(*h), 0);
	if (got < 0) {
		ret = fs_errf(err, err_len, (int)got, "reading its header: %s",
			      strerror((int)-got));
		goto fail;
	}
	ret = check_file_header(h, (size_t)got, err, err_len);
	if (ret)
		goto fail;
	w->fd = fd;
	w->next = h->header_bytes;
	w->end = (uint64_t)st.st_size;
	w->seq = 0;
	w->buf_off = 0;
	w->buf_len = 0;
	return fd;
fail:
	if (fd >= 0)
		close(fd);
	return ret;
}

/* A chunk header at @off. Returns 0 or a negative errno. */
static int read_header(struct fsr_walk *w, uint64_t off, struct fsr_chunk_header *h)
{
	ssize_t got;

	if (off < w->buf_off || off - w->buf_off + sizeof(*h) > w->buf_len) {
		got = read_at(w->fd, w->buf, sizeof(w->buf), off);
		if (got < 0)
			return (int)got;
		w->buf_off = off;
		w->buf_len = (size_t)got;
		if (w->buf_len < sizeof(*h))
			return -EIO; /* the file shrank since its size was taken */
	}
	memcpy(h, w->buf + (off - w->buf_off), sizeof(*h));
	return 0;
}

static int check_header(const struct fsr_walk *w, const struct fsr_chunk_header *h, char *why,
			size_t len)
{
	unsigned long long at = w->next;
	uint64_t left = w->end - w->next - sizeof(*h);

	if (h->magic != FSR_CHUNK_MAGIC ||
	    h->hcrc != fsr_crc32(0, h, offsetof(struct fsr_chunk_header, hcrc)))
		return fs_errf(why, len, -EINVAL, "chunk %u at byte %llu: its header is damaged",
			       w->seq, at);
	if (h->bytes > FSR_MAX_CHUNK)
		return fs_errf(why, len, -EINVAL,
			       "chunk %u at byte %llu: claims %u bytes, more than a chunk may have",
			       w->seq, at, h->bytes);
	if (h->seq != w->seq)
		return fs_errf(why, len, -EINVAL,
			       "chunk %u at byte %llu: is numbered %u: chunks are missing", w->seq,
			       at, h->seq);
	if (left < (((uint64_t)h->bytes + 7) & ~7ull))
		return fs_errf(why, len, -ENODATA,
			       "cut short at byte %llu, inside chunk %u, which begins at byte %llu",
			       (unsigned long long)w->end, w->seq, at);
	return 0;
}

int fsr_walk_next(struct fsr_walk *w, struct fsr_chunk *c, char *why, size_t why_len)
{
	struct fsr_chunk_header h;
	int ret;

	if (w->next >= w->end)
		return w->next == w->end ? 0
					 : fs_errf(why, why_len, -ENODATA,
						   "cut short at byte %llu, inside the file header",
						   (unsigned long long)w->end);
	if (w->end - w->next < sizeof(h))
		return fs_errf(why, why_len, -ENODATA,
			       "cut short at byte %llu, inside the header of chunk %u",
			       (unsigned long long)w->end, w->seq);
	ret = read_header(w, w->next, &h);
	if (ret)
		return fs_errf(why, why_len, ret, "reading at byte %llu: %s",
			       (unsigned long long)w->next, strerror(-ret));
	ret = check_header(w, &h, why, why_len);
	if (ret)
		return ret;
	*c = (struct fsr_chunk){
		.offset = w->next,
		.data = w->next + sizeof(h),
		.bytes = h.bytes,
		.crc = h.crc,
		.seq = h.seq,
		.type = h.type,
		.flags = h.flags,
	};
	w->seq++;
	w->next = c->data + (((uint64_t)h.bytes + 7) & ~7ull);
	return 1;
}

int fsr_walk_payload(const struct fsr_walk *w, const struct fsr_chunk *c, void *buf, char *why,
		     size_t why_len)
{
	size_t padded = ((size_t)c->bytes + 7) & ~(size_t)7;
	uint8_t *p = buf;
	ssize_t got;

	if (c->data >= w->buf_off && c->data - w->buf_off + padded <= w->buf_len) {
		memcpy(buf, w->buf + (c->data - w->buf_off), padded);
	} else {
		got = read_at(w->fd, buf, padded, c->data);
		if (got >= 0 && (size_t)got < padded)
			got = -EIO;
		if (got < 0)
			return fs_errf(why, why_len, (int)got, "reading chunk %u at byte %llu: %s",
				       c->seq, (unsigned long long)c->offset, strerror((int)-got));
	}
	for (size_t i = c->bytes; i < padded; i++)
		if (p[i])
			goto damaged;
	if (fsr_crc32(0, buf, c->bytes) == c->crc)
		return 0;
damaged:
	return fs_errf(why, why_len, -EBADMSG,
		       "chunk %u at byte %llu: its %u bytes are damaged (checksum)", c->seq,
		       (unsigned long long)c->offset, c->bytes);
}

const char *fsr_chunk_name(uint16_t type)
{
	switch (type) {
#define X(num, name, doc) \
	case num:         \
		return #name;
		FSR_CHUNK_TYPES(X)
#undef X
	}
	return NULL;
}
