// SPDX-License-Identifier: BSD-2-Clause
/* Writes a recording: its header, then chunk after chunk, each with its checksums. */
#include "record/writer.h"
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/fresh.h"
#include "record/crc.h"

struct fsr_writer {
	int fd;
	int err;       /* the first failure; sticks */
	uint32_t seq;  /* of the next chunk */
	uint64_t size; /* the file up to its last whole chunk */
};

/* Writes everything in @iov at @off. Returns 0 or a negative errno. Changes @iov. */
static int write_all(int fd, struct iovec *iov, int n, uint64_t off)
{
	while (n) {
		ssize_t done;

		if (!iov->iov_len) {
			iov++;
			n--;
			continue;
		}
		done = pwritev(fd, iov, n, (off_t)off);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (!done)
			return -ENOSPC;
		off += (uint64_t)done;
		while (n && (size_t)done >= iov->iov_len) {
			done -= (ssize_t)iov->iov_len;
			iov++;
			n--;
		}
		if (n) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	return 0;
}

static int write_file_header(struct fsr_writer *w)
{
	struct fsr_file_header h = {
		.major = FSR_MAJOR,
		.minor = FSR_MINOR,
		.header_bytes = sizeof(h),
		.created_ns = fs_real_ns(),
	};
	struct iovec iov = {&h, sizeof(h)};
	int ret;

	memcpy(h.magic, FSR_MAGIC, sizeof(h.magic));
	h.crc = fsr_crc32(0, &h, offsetof(struct fsr_file_header, crc));
	ret = write_all(w->fd, &iov, 1, 0);
	if (!ret)
		w->size = sizeof(h);
	return ret;
}

static const char *const recordings[] = {FSR_MAGIC, NULL};

int fsr_may_create(const char *path)
{
	return fs_fresh_check(path, recordings);
}

int fsr_create(const char *path, struct fsr_writer **out)
{
	struct fsr_writer *w = calloc(1, sizeof(*w));
	int ret;

	if (!w)
		return -ENOMEM;
	w->fd = fs_fresh_file(path, O_WRONLY, recordings);
	if (w->fd < 0) {
		ret = w->fd;
		free(w);
		return ret;
	}
	ret = write_file_header(w);
	if (ret) {
		unlink(path); /* it holds nothing that could be read */
		close(w->fd);
		free(w);
		return ret;
	}
	*out = w;
	return 0;
}

/* One chunk whose payload is @head then @body. */
static int write_chunk(struct fsr_writer *w, enum fsr_chunk_type type, const void *head,
		       size_t head_bytes, const void *body, size_t body_bytes)
{
	static const char zero[8];
	size_t bytes = head_bytes + body_bytes, pad = -bytes & 7;
	struct fsr_chunk_header h = {
		.magic = FSR_CHUNK_MAGIC,
		.type = (uint16_t)type,
		.seq = w->seq,
		.bytes = (uint32_t)bytes,
	};
	struct iovec iov[] = {
		{&h, sizeof(h)},
		{(void *)head, head_bytes},
		{(void *)body, body_bytes},
		{(void *)zero, pad},
	};

	if (w->err)
		return w->err;
	if (head_bytes > FSR_MAX_CHUNK || body_bytes > FSR_MAX_CHUNK - head_bytes)
		return -EMSGSIZE; /* the caller's mistake: nothing was written, the file is sound */
	if (head_bytes)
		h.crc = fsr_crc32(h.crc, head, head_bytes);
	if (body_bytes)
		h.crc = fsr_crc32(h.crc, body, body_bytes);
	h.hcrc = fsr_crc32(0, &h, offsetof(struct fsr_chunk_header, hcrc));
	w->err = write_all(w->fd, iov, 4, w->size);
	if (w->err) {
		/* if this fails too, a reader still finds the last whole chunk by itself */
		(void)!ftruncate(w->fd, (off_t)w->size);
		return w->err;
	}
	w->seq++;
	w->size += sizeof(h) + bytes + pad;
	return 0;
}

int fsr_write(struct fsr_writer *w, enum fsr_chunk_type type, const void *data, size_t bytes)
{
	return write_chunk(w, type, NULL, 0, data, bytes);
}

int fsr_write_events(struct fsr_writer *w, uint32_t cpu, const void *recs, size_t bytes,
		     uint32_t count)
{
	struct fsr_events head = {.cpu = cpu, .count = count};

	return write_chunk(w, FSR_EVENTS, &head, sizeof(head), recs, bytes);
}

int fsr_write_round(struct fsr_writer *w, uint64_t horizon_ns)
{
	struct fsr_round round = {.horizon_ns = horizon_ns};

	return write_chunk(w, FSR_ROUND, &round, sizeof(round), NULL, 0);
}

uint64_t fsr_written(const struct fsr_writer *w)
{
	return w->size;
}

int fsr_close(struct fsr_writer *w)
{
	int ret;

	if (!w)
		return 0;
	ret = w->err;
	if (fsync(w->fd) && !ret && errno != EINVAL && errno != EROFS)
		ret = -errno;
	if (close(w->fd) && !ret)
		ret = -errno;
	free(w);
	return ret;
}
