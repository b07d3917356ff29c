// SPDX-License-Identifier: BSD-2-Clause
/* Opening a VMM's memory: its slots, and the mappings in which they lie. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/err.h"
#include "collect/guest/guestmem_impl.h"

#define GUEST_MEMFD (1u << 2) /* KVM_MEM_GUEST_MEMFD */

static bool holds_a_slot(const struct fs_guestmem *g, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < g->nslots; i++)
		if (start < g->slots[i].hva + g->slots[i].size && end > g->slots[i].hva)
			return true;
	return false;
}

static int take_map(const struct fs_map *m, void *arg)
{
	struct fs_guestmem *g = arg;
	struct fs_guest_vma v = {.map = *m, .fd = -1};
	int ret;

	if (!holds_a_slot(g, m->start, m->end))
		return 0;
	v.map.path = v.path = strdup(m->path);
	if (!v.path)
		return -ENOMEM;
	ret = fs_vec_push(&g->vmas, v);
	if (ret)
		free(v.path);
	return ret;
}

static int read_maps(struct fs_guestmem *g)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", g->pid);
	return fs_maps_each(path, take_map, g);
}

static int by_gpa(const void *a, const void *b)
{
	const struct fs_slot *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

/* Slots whose memory can be had, in order. Returns whether any has it elsewhere. */
static bool take_slots(struct fs_guestmem *g, const struct fs_slot *slots, size_t n)
{
	bool elsewhere = false;

	for (size_t i = 0; i < n; i++) {
		const struct fs_slot *s = &slots[i];

		elsewhere |= s->flags & GUEST_MEMFD;
		if (s->flags & GUEST_MEMFD || !s->hva || s->gpa + s->size < s->gpa ||
		    s->hva + s->size < s->hva || (s->gpa | s->size | s->hva) % FSG_PAGE)
			continue;
		g->slots[g->nslots++] = *s;
	}
	if (g->nslots)
		qsort(g->slots, g->nslots, sizeof(*g->slots), by_gpa);
	return elsewhere;
}

static int denied(int err, const char *what, char why[FSR_WHY])
{
	if (err == -ESRCH || err == -ENOENT)
		return fs_errf(why, FSR_WHY, -ESRCH, "the VMM has ended");
	if (err == -EPERM || err == -EACCES)
		return fs_errf(why, FSR_WHY, -EACCES, "%s may not be read: %s", what,
			       strerror(-err));
	return fs_errf(why, FSR_WHY, err, "%s: %s", what, strerror(-err));
}

static int open_files(struct fs_guestmem *g, char why[FSR_WHY])
{
	char path[64];
	int ret;

	g->pidfd = (int)syscall(SYS_pidfd_open, g->pid, 0);
	if (g->pidfd < 0)
		return denied(-errno, "the process", why);
	ret = read_maps(g);
	if (ret)
		return denied(ret, "its mappings", why);
	snprintf(path, sizeof(path), "/proc/%d/pagemap", g->pid);
	g->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (g->pagemap < 0)
		return denied(-errno, "its page map", why);
	if (!g->vmas.n) /* also of one that is just ending: its mappings go first */
		return fs_guestmem_ended(g)
			       ? denied(-ESRCH, "", why)
			       : fs_errf(why, FSR_WHY, -ENXIO,
					 "the guest's memory is not mapped in the VMM");
	return 0;
}

int fs_guestmem_open(pid_t pid, const struct fs_slot *slots, size_t n, struct fs_guestmem **out,
		     char why[FSR_WHY])
{
	struct fs_guestmem *g = calloc(1, sizeof(*g));
	bool elsewhere;
	int ret;

	if (!g || !(g->slots = calloc(n + 1, sizeof(*slots)))) {
		free(g);
		return fs_errf(why, FSR_WHY, -ENOMEM, "out of memory");
	}
	g->pid = pid;
	g->pidfd = g->pagemap = g->file = -1;
	fs_guestmem_readers(g);
	elsewhere = take_slots(g, slots, n);
	if (g->nslots)
		ret = open_files(g, why);
	else
		ret = fs_errf(why, FSR_WHY, -ENXIO, "%s",
			      elsewhere ? "the guest's memory is not mapped (guest_memfd)"
					: "no memory slot of it was seen");
	if (ret)
		fs_guestmem_close(g);
	else
		*out = g;
	return ret;
}

void fs_guestmem_close(struct fs_guestmem *g)
{
	for (size_t i = 0; i < g->vmas.n; i++) {
		if (g->vmas.v[i].fd >= 0)
			close(g->vmas.v[i].fd);
		free(g->vmas.v[i].path);
	}
	fs_vec_free(&g->vmas);
	if (g->pidfd >= 0)
		close(g->pidfd);
	if (g->pagemap >= 0)
		close(g->pagemap);
	free(g->slots);
	free(g);
}
