// SPDX-License-Identifier: BSD-2-Clause
/* Memory files that the user named: where their recorders are, how they are warmed. */
#include "collect/guest/memfile.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"
#include "base/vec.h"

#define BLOCK   (1u << 20)
#define MAX_DIR 16 /* directories that are remembered of a file */
#define FOUR_G  (1ull << 32)

struct search {
	int fd, direct; /* the same file; direct past the page cache, or -1 */
	uint64_t size;
	uint8_t *block;
	FS_VEC(uint64_t) offsets;
};

/* Is all of the block in the page cache? (A read that may not wait would start reading ahead.) */
static bool resident(const struct search *s, uint64_t at, size_t bytes)
{
	size_t pages = (bytes + FSG_PAGE - 1) / FSG_PAGE, i = 0;
	unsigned char in[BLOCK / FSG_PAGE];
	void *m = mmap(NULL, bytes, PROT_READ, MAP_SHARED, s->fd, (off_t)at);

	if (m == MAP_FAILED)
		return false;
	if (!mincore(m, bytes, in))
		while (i < pages && in[i] & 1)
			i++;
	munmap(m, bytes);
	return i == pages;
}

/* A block, past the page cache unless it is in there. Returns its bytes or a negative errno. */
static ssize_t read_block(struct search *s, uint64_t at)
{
	size_t want = s->size - at < BLOCK ? (size_t)(s->size - at) : BLOCK;
	ssize_t n = -1;

	if (s->direct >= 0 && !resident(s, at, want))
		n = pread(s->direct, s->block, BLOCK, (off_t)at);
	if (n <= 0)
		n = pread(s->fd, s->block, want, (off_t)at);
	return n < 0 ? -errno : n;
}

static int search_block(struct search *s, uint64_t at, size_t bytes)
{
	static const char magic[32] = FSG_MAGIC;
	char why[FSR_WHY];

	for (size_t i = 0; i + FSG_PAGE <= bytes; i += FSG_PAGE) {
		if (memcmp(s->block + i, magic, sizeof(magic)) || s->offsets.n == MAX_DIR ||
		    fsr_dir_check(s->block + i, why))
			continue;
		if (fs_vec_push(&s->offsets, at + i))
			return -ENOMEM;
	}
	return 0;
}

/* The data of the file, holes left out; a file system without holes has but one range. */
static int search_all(struct search *s)
{
	uint64_t at = 0;
	int ret = 0;

	while (!ret && at < s->size) {
		off_t from = lseek(s->fd, (off_t)at, SEEK_DATA), end;

		if (from < 0 && errno == ENXIO)
			return 0;
		end = from < 0 ? -1 : lseek(s->fd, from, SEEK_HOLE);
		if (from >= 0 && (uint64_t)from > at)
			at = (uint64_t)from / FSG_PAGE * FSG_PAGE;
		if (end < 0 || (uint64_t)end <= at)
			end = (off_t)s->size;
		while (!ret && at < (uint64_t)end) {
			ssize_t n = read_block(s, at);

			if (n <= 0)
				return (int)n; /* it was cut short meanwhile, or cannot be read */
			ret = search_block(s, at, (size_t)n);
			at += BLOCK;
		}
	}
	return ret;
}

int fs_memfile_open(const char *path, struct fs_memfile *f, char *err, size_t len)
{
	struct search s = {.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
	struct stat st = {0};
	int ret;

	memset(f, 0, sizeof(*f));
	f->fd = -1;
	if (s.fd < 0 || fstat(s.fd, &st))
		ret = -errno;
	else
		ret = S_ISREG(st.st_mode) ? 0 : -EINVAL;
	if (!ret && posix_memalign((void **)&s.block, FSG_PAGE, BLOCK))
		ret = -ENOMEM;
	if (!ret) {
		s.size = (uint64_t)st.st_size;
		s.direct = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
		ret = search_all(&s);
		if (s.direct >= 0)
			close(s.direct);
	}
	free(s.block);
	if (ret) {
		if (s.fd >= 0)
			close(s.fd);
		fs_vec_free(&s.offsets);
		return fs_errf(err, len, ret, "memory file %s: %s", path,
			       ret == -EINVAL ? "not a regular file" : strerror(-ret));
	}
	posix_fadvise(s.fd, 0, 0, POSIX_FADV_RANDOM);
	*f = (struct fs_memfile){.fd = s.fd, .offsets = s.offsets.v, .n = s.offsets.n};
	return 0;
}

void fs_memfile_close(struct fs_memfile *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->offsets);
	*f = (struct fs_memfile){.fd = -1};
}

/* --- warming --- */

/* A memory file as guest memory: frames in order, but for the hole below 4 GiB. */
struct file_mem {
	int fd;
	uint64_t size, gap;
};

static uint64_t offset_of(const struct file_mem *f, uint64_t gfn)
{
	uint64_t gpa = gfn < FOUR_G * 1024 ? gfn * FSG_PAGE : UINT64_MAX;

	if (gpa >= FOUR_G)
		return gpa == UINT64_MAX ? gpa : gpa - f->gap;
	return gpa < FOUR_G - f->gap ? gpa : UINT64_MAX;
}

static bool inside_file(void *arg, uint64_t gfn)
{
	const struct file_mem *f = arg;
	uint64_t at = offset_of(f, gfn);

	return at < f->size && f->size - at >= FSG_PAGE;
}

static int pages_of_file(void *arg, const uint64_t *gfn, size_t n, fsr_page *to, bool *got)
{
	const struct file_mem *f = arg;

	for (size_t i = 0; i < n; i++)
		got[i] = inside_file(arg, gfn[i]) &&
			 pread(f->fd, to[i], FSG_PAGE, (off_t)offset_of(f, gfn[i])) == FSG_PAGE;
	return 0;
}

/* Do the frame numbers lead to the rings' heads? Then all of the rings is read. */
static int warm_in(const struct fsr_mem *m, uint64_t gfn)
{
	struct fsr_layout l;
	char why[FSR_WHY];
	int ret = fsr_layout_load(m, gfn, &l, why), pages = 1;

	if (ret)
		return ret;
	pages += (int)l.d.dir.nlists;
	for (unsigned int i = 0; i < l.d.dir.nparts && !ret; i++) {
		const struct fsg_part *p = &l.d.dir.parts[i];
		struct fsg_ring_head h;

		if (!fsr_is_ring(&l, i))
			continue;
		ret = fsr_ring_head(m, &l, i, &h);
		for (uint32_t k = 0; k < p->pages && !ret; k++, pages++) {
			fsr_page page;
			bool got;

			ret = m->pages(m->arg, &l.frames[p->first + k], 1, &page, &got);
		}
	}
	fsr_layout_free(&l);
	return ret ? ret : pages;
}

/* How large the hole below 4 GiB is that VMMs leave: Firecracker, QEMU's pc and q35, none. */
static const uint64_t gaps[] = {0x30000000, 0x40000000, 0x80000000, 0};

int fs_memfile_warm(const struct fs_memfile *f, char *err, size_t len)
{
	int pages = 0;
	struct stat st;

	if (fstat(f->fd, &st))
		return fs_errf(err, len, -errno, "%s", strerror(errno));
	for (size_t i = 0; i < f->n; i++) {
		int got = -EBADMSG;

		for (size_t k = 0; k < sizeof(gaps) / sizeof(gaps[0]) && got < 0; k++) {
			struct file_mem fm = {f->fd, (uint64_t)st.st_size, gaps[k]};
			struct fsr_mem m = {pages_of_file, inside_file, &fm};
			uint64_t at = f->offsets[i];

			got = warm_in(&m, (at < FOUR_G - fm.gap ? at : at + fm.gap) / FSG_PAGE);
		}
		if (got < 0)
			return fs_errf(err, len, got,
				       "the recorder's pages are not where its frame numbers say");
		pages += got;
	}
	return pages;
}
