// SPDX-License-Identifier: BSD-2-Clause
/* Reading a VMM's memory, once it is open (guestmem_open.c). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/clock.h"
#include "collect/guest/guestmem_impl.h"

#define PRESENT (1ull << 63) /* of a word of /proc/PID/pagemap */
#define SWAPPED (1ull << 62)
#define OF_FILE (1ull << 61)
#define BATCH   256 /* pages that are read out of the process at once */

/* --- what is where --- */

static const struct fs_slot *slot_of(const struct fs_guestmem *g, uint64_t gpa)
{
	for (size_t i = 0; i < g->nslots; i++)
		if (gpa >= g->slots[i].gpa && gpa - g->slots[i].gpa < g->slots[i].size)
			return &g->slots[i];
	return NULL;
}

/* Host address of a frame, 0 = it is not memory of the VM. */
static uint64_t hva_of(const struct fs_guestmem *g, uint64_t gfn)
{
	const struct fs_slot *s = gfn > UINT64_MAX / FSG_PAGE ? NULL : slot_of(g, gfn * FSG_PAGE);

	return s ? s->hva + (gfn * FSG_PAGE - s->gpa) : 0;
}

static struct fs_guest_vma *vma_of(const struct fs_guestmem *g, uint64_t hva)
{
	for (size_t i = 0; i < g->vmas.n; i++)
		if (hva >= g->vmas.v[i].map.start && hva < g->vmas.v[i].map.end)
			return &g->vmas.v[i];
	return NULL;
}

static bool inside(void *arg, uint64_t gfn)
{
	return hva_of(arg, gfn) != 0;
}

/* The mapping's file, if @fd is that: the path may lead to another one by now. */
static bool is_file_of(struct fs_guest_vma *v, int fd, bool by_path)
{
	struct fs_map_file f;

	if (fstat(fd, &v->st) || !S_ISREG(v->st.st_mode) || v->st.st_ino != v->map.ino)
		return false;
	return !by_path || (!fs_map_file(fd, &f) && (v->map.dev == f.shown || v->map.dev == f.dev));
}

/*
 * map_files leads to the very file that is mapped, also when its path is gone or hidden; it shows
 * the right device where maps does not (btrfs, overlayfs).
 */
static int file_of(const struct fs_guestmem *g, struct fs_guest_vma *v)
{
	char path[4200];

	if (v->tried || !v->map.ino)
		return v->fd;
	v->tried = true;
	for (int by_path = 0; by_path < 2; by_path++) {
		if (by_path && *v->path != '/')
			break;
		if (by_path)
			snprintf(path, sizeof(path), "/proc/%d/root%s", g->pid, v->path);
		else
			snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", g->pid,
				 (unsigned long long)v->map.start, (unsigned long long)v->map.end);
		v->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (v->fd < 0)
			continue;
		if (is_file_of(v, v->fd, by_path)) {
			posix_fadvise(v->fd, 0, 0, POSIX_FADV_RANDOM); /* no page but those asked */
			return v->fd;
		}
		close(v->fd);
		v->fd = -1;
	}
	return v->fd;
}

/* --- pages --- */

static bool read_file_page(int fd, uint64_t offset, fsr_page to)
{
	return pread(fd, to, FSG_PAGE, (off_t)offset) == FSG_PAGE;
}

/* The words of pagemap of @n pages from @hva on. */
static ssize_t pagemap_at(const struct fs_guestmem *g, uint64_t hva, uint64_t *words, size_t n)
{
	ssize_t got = pread(g->pagemap, words, n * sizeof(*words),
			    (off_t)(hva / FSG_PAGE * sizeof(*words)));

	return got < 0 ? -errno : got / (ssize_t)sizeof(*words);
}

/*
 * Reads @bytes at each of @n addresses, which are present, to @to (@step apart). A page that went
 * away meanwhile is left out: got[] says. Returns 0 or a negative errno.
 */
static int read_present(const struct fs_guestmem *g, const uint64_t *hva, size_t n, size_t bytes,
			uint8_t *const *to, bool *got)
{
	struct iovec local[BATCH], remote[BATCH];
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		local[i] = (struct iovec){to[i], bytes};
		remote[i] = (struct iovec){(void *)(uintptr_t)hva[i], bytes};
	}
	while (at < n) {
		ssize_t done = process_vm_readv(g->pid, local + at, n - at, remote + at, n - at, 0);

		if (done < 0 && errno != EFAULT)
			return -errno;
		for (size_t whole = done < 0 ? 0 : (size_t)done / bytes; whole; whole--)
			got[at++] = true;
		if (at < n)
			got[at++] = false;
	}
	return 0;
}

/* What is not present: out of the file that is mapped there. */
static bool read_absent(const struct fs_guestmem *g, uint64_t hva, fsr_page to)
{
	struct fs_guest_vma *v = vma_of(g, hva);
	int fd = v ? file_of(g, v) : -1;

	return fd >= 0 && read_file_page(fd, v->map.offset + (hva - v->map.start), to);
}

static int some_pages(const struct fs_guestmem *g, const uint64_t *gfn, size_t n, fsr_page *to,
		      bool *got)
{
	uint64_t hva[BATCH], word;
	uint8_t *at[BATCH];
	size_t which[BATCH], present = 0;
	bool read[BATCH];
	int ret;

	for (size_t i = 0; i < n; i++) {
		uint64_t addr = hva_of(g, gfn[i]);
		ssize_t ok = addr ? pagemap_at(g, addr, &word, 1) : 0;

		if (ok < 0)
			return (int)ok;
		if (!ok)
			continue;
		if (word & PRESENT) {
			hva[present] = addr;
			at[present] = to[i];
			which[present++] = i;
		} else if (!(word & SWAPPED)) {
			got[i] = read_absent(g, addr, to[i]);
		}
	}
	ret = read_present(g, hva, present, FSG_PAGE, at, read);
	for (size_t i = 0; i < present && !ret; i++)
		got[which[i]] = read[i];
	return ret;
}

static int pages_now(void *arg, const uint64_t *gfn, size_t n, fsr_page *to, bool *got)
{
	int ret = 0;

	for (size_t at = 0; at < n && !ret; at += BATCH)
		ret = some_pages(arg, gfn + at, n - at < BATCH ? n - at : BATCH, to + at, got + at);
	return ret;
}

/* --- the memory file that was given --- */

/* Where @hva and @gpa stand in the memory file. */
static uint64_t offset_in_file(const struct fs_guestmem *g, const struct fs_slot *s, uint64_t gpa,
			       enum fs_file_order order)
{
	uint64_t lowest = UINT64_MAX, before = 0;

	for (size_t i = 0; i < g->nslots; i++) {
		if (g->slots[i].hva < lowest)
			lowest = g->slots[i].hva;
		if (&g->slots[i] < s)
			before += g->slots[i].size;
	}
	return gpa - s->gpa + (order == FS_ORDER_GPA ? before : s->hva - lowest);
}

static int pages_snapshot(void *arg, const uint64_t *gfn, size_t n, fsr_page *to, bool *got)
{
	struct fs_guestmem *g = arg;

	for (size_t i = 0; i < n; i++) {
		uint64_t hva = hva_of(g, gfn[i]);
		struct fs_guest_vma *v = hva ? vma_of(g, hva) : NULL;

		if (!hva)
			continue;
		if (v && v->map.ino && !v->map.shared)
			got[i] = read_absent(g, hva, to[i]);
		else if (g->file >= 0)
			got[i] = read_file_page(g->file,
						offset_in_file(g, slot_of(g, gfn[i] * FSG_PAGE),
							       gfn[i] * FSG_PAGE, g->order),
						to[i]);
	}
	return 0;
}

void fs_guestmem_set_file(struct fs_guestmem *g, int fd, enum fs_file_order order)
{
	g->file = fd;
	g->order = order;
}

uint64_t fs_guestmem_frame_at(struct fs_guestmem *g, int fd, uint64_t offset,
			      enum fs_file_order order)
{
	struct stat st;

	if (fstat(fd, &st))
		return UINT64_MAX;
	for (size_t i = 0; i < g->nslots; i++) {
		const struct fs_slot *s = &g->slots[i];
		struct fs_guest_vma *v = vma_of(g, s->hva);
		uint64_t from = offset_in_file(g, s, s->gpa, order);

		if (v && file_of(g, v) >= 0 && v->st.st_ino == st.st_ino &&
		    v->st.st_dev == st.st_dev)
			from = v->map.offset +
			       (s->hva - v->map.start); /* the file itself is mapped */
		if (offset >= from && offset - from < s->size)
			return (s->gpa + (offset - from)) / FSG_PAGE;
	}
	return UINT64_MAX;
}

bool fs_guestmem_backing(struct fs_guestmem *g, uint64_t gfn, struct fs_backing *b)
{
	uint64_t hva = hva_of(g, gfn);
	struct fs_guest_vma *v = hva ? vma_of(g, hva) : NULL;

	if (!v || v->map.shared || file_of(g, v) < 0)
		return false;
	*b = (struct fs_backing){
		.dev = v->st.st_dev,
		.ino = v->st.st_ino,
		.mtime_ns = (uint64_t)v->st.st_mtim.tv_sec * 1000000000u +
			    (uint64_t)v->st.st_mtim.tv_nsec,
		.size = (uint64_t)v->st.st_size,
	};
	return true;
}

/* --- a search --- */

struct scan {
	struct fs_guestmem *g;
	size_t bytes;
	bool (*fn)(uint64_t gfn, const void *data, void *arg);
	void *arg;
	uint64_t hva[BATCH], gfn[BATCH];
	size_t n;
	int64_t pages;
	uint8_t data[BATCH][64];
};

/* Hands on what was gathered. Returns 1 to go on, 0 to stop, or a negative errno. */
static int flush(struct scan *s)
{
	uint8_t *to[BATCH];
	bool got[BATCH] = {false};
	int ret;

	for (size_t i = 0; i < s->n; i++)
		to[i] = s->data[i];
	ret = read_present(s->g, s->hva, s->n, s->bytes, to, got);
	for (size_t i = 0; i < s->n && !ret; i++)
		if (got[i] && !s->fn(s->gfn[i], s->data[i], s->arg))
			return 0;
	s->pages += (int64_t)s->n;
	s->n = 0;
	return ret ? ret : 1;
}

static int scan_slot(struct scan *s, const struct fs_slot *slot, bool anon, uint64_t until_ns)
{
	uint64_t words[512];

	for (uint64_t at = 0; at < slot->size;) {
		uint64_t left = (slot->size - at) / FSG_PAGE;
		ssize_t n = pagemap_at(s->g, slot->hva + at, words, left < 512 ? left : 512);

		if (n <= 0)
			return n ? (int)n : 1;
		for (ssize_t i = 0; i < n; i++, at += FSG_PAGE) {
			int go_on = 1;

			if (!(words[i] & PRESENT) || !(words[i] & OF_FILE) != anon)
				continue;
			s->hva[s->n] = slot->hva + at;
			s->gfn[s->n++] = (slot->gpa + at) / FSG_PAGE;
			if (s->n == BATCH)
				go_on = flush(s);
			if (go_on <= 0)
				return go_on;
		}
		if (fs_mono_ns() > until_ns)
			return 0;
	}
	return 1;
}

int64_t fs_guestmem_scan(struct fs_guestmem *g, bool anon, size_t bytes, uint64_t until_ns,
			 bool (*fn)(uint64_t gfn, const void *data, void *arg), void *arg)
{
	struct scan *s = calloc(1, sizeof(*s));
	int64_t pages;
	int go_on = 1;

	if (!s)
		return -ENOMEM;
	s->g = g;
	s->bytes = bytes < sizeof(s->data[0]) ? bytes : sizeof(s->data[0]);
	s->fn = fn;
	s->arg = arg;
	for (size_t i = 0; i < g->nslots && go_on > 0; i++)
		go_on = scan_slot(s, &g->slots[i], anon, until_ns);
	if (go_on > 0)
		go_on = flush(s);
	pages = go_on < 0 ? go_on : s->pages;
	free(s);
	return pages;
}

/* --- what others see --- */

void fs_guestmem_readers(struct fs_guestmem *g)
{
	g->now = (struct fsr_mem){pages_now, inside, g};
	g->snapshot = (struct fsr_mem){pages_snapshot, inside, g};
}

const struct fsr_mem *fs_guestmem_now(const struct fs_guestmem *g)
{
	return &g->now;
}

const struct fsr_mem *fs_guestmem_snapshot(const struct fs_guestmem *g)
{
	return &g->snapshot;
}

/* The page map answers nothing at all once the memory is gone, which is before the process is. */
static bool memory_gone(const struct fs_guestmem *g)
{
	uint64_t word;

	return g->pagemap >= 0 && g->nslots && !pagemap_at(g, g->slots[0].hva, &word, 1);
}

bool fs_guestmem_ended(const struct fs_guestmem *g)
{
	struct pollfd p = {.fd = g->pidfd, .events = POLLIN};

	return poll(&p, 1, 0) > 0 || memory_gone(g);
}
