// SPDX-License-Identifier: BSD-2-Clause
/* Searches a memory file for the mailbox of a token, and verifies the one at an offset. */
#include "mailbox/locate.h"
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"
#include "mailbox/magic_scan.h"
#include "mailbox/store.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

/* The file is read ahead of the search in steps: one call instead of a fault for each 64 KiB. */
#define READ_STEP (8ull << 20)

/*
 * Reading a mapping beyond the end of a file that was cut meanwhile raises SIGBUS. Instead of
 * copying gigabytes by read(), the search jumps out of it.
 */
static __thread sigjmp_buf bus_jump;
static __thread volatile sig_atomic_t bus_armed;
static __thread const uint8_t *bus_from, *bus_end;

static void on_bus(int sig, siginfo_t *info, void *context)
{
	const uint8_t *at = info->si_addr;

	(void)context;
	if (bus_armed && at >= bus_from && at < bus_end)
		siglongjmp(bus_jump, 1);
	signal(sig, SIG_DFL); /* not ours: happens again, with the usual end */
}

static bool asked_for(const struct fs_mbox_query *q, const struct fs_mbox_head *h)
{
	if (!(q->kinds & 1u << h->kind) || !fs_mbox_token_is(h, q->token, strlen(q->token)))
		return false;
	if (!q->name || !h->name)
		return !q->name;
	return h->name_len == strlen(q->name) && !memcmp(h->name, q->name, h->name_len);
}

static struct fs_mbox_hit make_hit(const struct fs_mbox_head *h, uint64_t offset)
{
	uint64_t last = offset + h->token_end - 1;
	struct fs_mbox_hit hit = {
		.offset = offset,
		.kind = h->kind,
		.verified_end = last - last % FS_MBOX_SIZE + FS_MBOX_SIZE,
	};

	if (h->name)
		memcpy(hit.name, h->name, h->name_len);
	return hit;
}

/* The prefix stands at @p, which is @offset of the file; @room bytes are there from it on. */
static int note_match(const uint8_t *p, uint64_t room, uint64_t offset,
		      const struct fs_mbox_query *q, struct fs_mbox_found *found)
{
	struct fs_mbox_head head;

	if (fs_mbox_parse(p, room, &head))
		return 0;
	if (asked_for(q, &head))
		return fs_vec_push(&found->hits, make_hit(&head, offset));
	if (found->others < sizeof(found->other_at) / sizeof(found->other_at[0]))
		found->other_at[found->others] = offset;
	found->others++;
	return 0;
}

/*
 * All matches that begin in [@from, @end). A match may run on behind @end (the token's zeros may
 * be a hole): only its prefix is looked for here, and the prefix has no zeros.
 */
static int search_data(const uint8_t *base, uint64_t size, uint64_t from, uint64_t end,
		       const struct fs_mbox_query *q, struct fs_mbox_found *found)
{
	fs_scan_fn find = fs_scan_best()->find;

	while (from < end) {
		uint64_t stop = end - from < READ_STEP ? end : from + READ_STEP;
		uint64_t seen =
			stop + FS_MBOX_PREFIX_LEN - 1 < end ? stop + FS_MBOX_PREFIX_LEN - 1 : end;
		uint64_t page = from & ~(uint64_t)(FS_MBOX_SIZE - 1);
		const uint8_t *p = base + from;

		/* Only makes it faster: whatever is wrong shows again when it is read. */
		(void)madvise((void *)(uintptr_t)(base + page), seen - page, MADV_POPULATE_READ);
		while ((p = find(p, base + seen)) != NULL) {
			uint64_t at = (uint64_t)(p - base);
			int ret = note_match(p, size - at, at, q, found);

			if (ret)
				return ret;
			p++;
		}
		found->searched += stop - from;
		from = stop;
	}
	return 0;
}

/* Walks the parts of the file that are not holes; a file system without holes has but one. */
static int search_extents(int fd, const uint8_t *base, uint64_t size, const struct fs_mbox_query *q,
			  struct fs_mbox_found *found)
{
	uint64_t at = 0;

	while (at < size) {
		off_t from = lseek(fd, (off_t)at, SEEK_DATA), end;
		int ret;

		if (from < 0 && errno == ENXIO)
			return 0;
		end = from < 0 ? -1 : lseek(fd, from, SEEK_HOLE);
		if (from < 0 || end <= from) {
			from = (off_t)at;
			end = (off_t)size;
		}
		if ((uint64_t)end > size)
			end = (off_t)size;
		if ((uint64_t)from >= size)
			return 0;
		ret = search_data(base, size, (uint64_t)from, (uint64_t)end, q, found);
		if (ret)
			return ret;
		at = (uint64_t)end;
	}
	return 0;
}

static int search_guarded(int fd, const uint8_t *base, uint64_t size, const struct fs_mbox_query *q,
			  struct fs_mbox_found *found)
{
	struct sigaction ours = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO}, before;
	volatile int ret = -ESTALE;

	sigemptyset(&ours.sa_mask);
	bus_from = base;
	bus_end = base + size;
	if (sigaction(SIGBUS, &ours, &before))
		return -errno;
	if (!sigsetjmp(bus_jump, 1)) {
		bus_armed = 1;
		ret = search_extents(fd, base, size, q, found);
	}
	bus_armed = 0;
	sigaction(SIGBUS, &before, NULL);
	return ret;
}

/* Reads @len bytes at @at, fewer only at the end of the file. */
static ssize_t read_at(int fd, uint8_t *to, size_t len, uint64_t at)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, to + done, len - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int search_map(int fd, uint64_t size, const struct fs_mbox_query *q,
		      struct fs_mbox_found *found)
{
	uint8_t *base = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, 0);
	int ret;

	if (base == MAP_FAILED)
		return -errno;
	ret = search_guarded(fd, base, size, q, found);
	munmap(base, size);
	return ret;
}

/* All matches that begin in the first @len of the @n bytes that were read at @at. */
static int search_read(const uint8_t *bytes, size_t n, size_t len, uint64_t at,
		       const struct fs_mbox_query *q, struct fs_mbox_found *found)
{
	size_t seen = n < len + FS_MBOX_PREFIX_LEN - 1 ? n : len + FS_MBOX_PREFIX_LEN - 1;
	fs_scan_fn find = fs_scan_best()->find;
	const uint8_t *p = bytes;
	int ret = 0;

	while (!ret && (p = find(p, bytes + seen)) != NULL) {
		uint64_t off = (uint64_t)(p - bytes);

		ret = note_match(p, n - off, at + off, q, found);
		p++;
	}
	return ret;
}

/* hugetlbfs: by read(), which leaves its holes what they are. */
static int search_by_reading(int fd, uint64_t size, const struct fs_mbox_query *q,
			     struct fs_mbox_found *found)
{
	uint8_t *bytes;
	struct stat st;
	int ret = 0;

	if (fstat(fd, &st))
		return -errno;
	if (!st.st_blocks)
		return 0; /* nothing but holes */
	found->searched = (uint64_t)st.st_blocks * 512;
	bytes = malloc(READ_STEP + FS_MBOX_HEAD_MAX);
	if (!bytes)
		return -ENOMEM;
	for (uint64_t at = 0; at < size && !ret; at += READ_STEP) {
		uint64_t left = size - at, len = left < READ_STEP ? left : READ_STEP;
		uint64_t want =
			left < READ_STEP + FS_MBOX_HEAD_MAX ? left : READ_STEP + FS_MBOX_HEAD_MAX;
		ssize_t n = read_at(fd, bytes, want, at);

		if (n < 0)
			ret = (int)n;
		else if ((uint64_t)n < want)
			ret = -ESTALE;
		else
			ret = search_read(bytes, (size_t)n, (size_t)len, at, q, found);
	}
	free(bytes);
	return ret;
}

int fs_mbox_search(int fd, uint64_t size, const struct fs_mbox_query *q,
		   struct fs_mbox_found *found, char *err, size_t err_len)
{
	int ret;

	memset(found, 0, sizeof(*found));
	found->method = fs_scan_best()->name;
	if (size == 0)
		return 0;
	ret = fs_mbox_is_hugetlb(fd) ? search_by_reading(fd, size, q, found)
				     : search_map(fd, size, q, found);
	if (ret == -ESTALE)
		fs_errf(err, err_len, ret,
			"it was cut short, or could not be read, while it was searched");
	else if (ret)
		fs_errf(err, err_len, ret, "%s", strerror(-ret));
	if (ret)
		fs_mbox_found_free(found);
	return ret;
}

void fs_mbox_found_free(struct fs_mbox_found *found)
{
	fs_vec_free(&found->hits);
}

static int read_page(int fd, uint64_t offset, struct fs_mbox_verified *page, char *err,
		     size_t err_len)
{
	/* up to the end of the page in which the longest head that begins here would end */
	uint64_t last = offset + FS_MBOX_HEAD_MAX - 1;
	uint64_t end = last - last % FS_MBOX_SIZE + FS_MBOX_SIZE;
	ssize_t n;

	if (end - offset > sizeof(page->bytes))
		end = offset + sizeof(page->bytes);
	n = read_at(fd, page->bytes, (size_t)(end - offset), offset);
	if (n < 0)
		return fs_errf(err, err_len, (int)n, "reading %zu bytes at 0x%llx: %s",
			       (size_t)(end - offset), (unsigned long long)offset,
			       strerror((int)-n));
	page->len = (size_t)n;
	return 0;
}

int fs_mbox_verify(int fd, uint64_t size, const struct fs_mbox_query *q, uint64_t offset,
		   struct fs_mbox_verified *page, char *err, size_t err_len)
{
	const struct fs_mbox_layout *l;
	struct fs_mbox_head head;
	int ret;

	if (offset >= size)
		return fs_errf(err, err_len, -ENOENT, "offset 0x%llx lies behind the file's end",
			       (unsigned long long)offset);
	ret = read_page(fd, offset, page, err, err_len);
	if (ret)
		return ret;
	if (fs_mbox_parse(page->bytes, page->len, &head) || !asked_for(q, &head))
		return fs_errf(err, err_len, -ENOENT, "no mailbox with this token at 0x%llx",
			       (unsigned long long)offset);
	page->hit = make_hit(&head, offset);
	if (page->len > page->hit.verified_end - offset)
		page->len = (size_t)(page->hit.verified_end - offset);
	if (page->len > FS_MBOX_SIZE)
		page->len = FS_MBOX_SIZE;
	l = &fs_mbox_layouts[head.kind];
	if (page->len <= l->payload_off)
		return fs_errf(
			err, err_len, -ERANGE,
			"the mailbox at 0x%llx crosses the end of its page at 0x%llx before its payload begins, and the guest's next page need not be next in the file",
			(unsigned long long)offset, (unsigned long long)page->hit.verified_end);
	page->room = (uint32_t)(page->len - l->payload_off);
	page->seq = fs_le32(page->bytes + l->seq_off);
	page->payload_len = fs_le32(page->bytes + l->len_off);
	page->payload = page->payload_len <= page->room ? page->bytes + l->payload_off : NULL;
	return 0;
}
