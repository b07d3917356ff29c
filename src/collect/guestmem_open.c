// SPDX-License-Identifier: BSD-2-Clause
/* Opening a VMM's memory: its slots, and the mappings in which they lie. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/err.h"
#include "collect/guestmem_impl.h"

#define GUEST_MEMFD (1u << 2) /* KVM_MEM_GUEST_MEMFD */

static bool holds_a_slot(const struct fs_guestmem *g, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < g->nslots; i++)
		if (start < g->slots[i].hva + g->slots[i].size && end > g->slots[i].hva)
			return true;
	return false;
}

/* "7f0000000000-7f0000001000 rw-p 00000000 fe:00 1234   /path" */
static int take_line(struct fs_guestmem *g, const char *line)
{
	unsigned long long start, end, offset, ino;
	unsigned int major_no, minor_no;
	struct vma v = {.fd = -1};
	char perms[5];
	int path = 0, err;

	if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &start, &end, perms, &offset,
		   &major_no, &minor_no, &ino, &path) < 7 ||
	    !holds_a_slot(g, start, end))
		return 0;
	v.start = start;
	v.end = end;
	v.offset = offset;
	v.dev = makedev(major_no, minor_no);
	v.ino = ino;
	v.shared = perms[3] == 's';
	v.path = strndup(line + path, strcspn(line + path, "\n"));
	if (!v.path)
		return -ENOMEM;
	err = fs_vec_push(&g->vmas, v);
	if (err)
		free(v.path);
	return err;
}

static int read_maps(struct fs_guestmem *g)
{
	char path[64], *line = NULL;
	size_t room = 0;
	int err = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", g->pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	errno = 0;
	while (!err && getline(&line, &room, f) > 0)
		err = take_line(g, line);
	if (!err && ferror(f))
		err = -errno;
	free(line);
	fclose(f);
	return err;
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

static int denied(int err, const char *what, char why[FSG_WHY])
{
	if (err == -ESRCH || err == -ENOENT)
		return fs_errf(why, FSG_WHY, -ESRCH, "the VMM has ended");
	if (err == -EPERM || err == -EACCES)
		return fs_errf(why, FSG_WHY, -EACCES, "%s may not be read: %s", what,
			       strerror(-err));
	return fs_errf(why, FSG_WHY, err, "%s: %s", what, strerror(-err));
}

static int open_files(struct fs_guestmem *g, char why[FSG_WHY])
{
	char path[64];
	int err;

	g->pidfd = (int)syscall(SYS_pidfd_open, g->pid, 0);
	if (g->pidfd < 0)
		return denied(-errno, "the process", why);
	err = read_maps(g);
	if (err)
		return denied(err, "its mappings", why);
	snprintf(path, sizeof(path), "/proc/%d/pagemap", g->pid);
	g->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (g->pagemap < 0)
		return denied(-errno, "its page map", why);
	if (!g->vmas.n) /* also of one that is just ending: its mappings go first */
		return fs_guestmem_ended(g)
			       ? denied(-ESRCH, "", why)
			       : fs_errf(why, FSG_WHY, -ENXIO,
					 "the guest's memory is not mapped in the VMM");
	return 0;
}

int fs_guestmem_open(pid_t pid, const struct fs_slot *slots, size_t n, struct fs_guestmem **out,
		     char why[FSG_WHY])
{
	struct fs_guestmem *g = calloc(1, sizeof(*g));
	bool elsewhere;
	int err;

	if (!g || !(g->slots = calloc(n + 1, sizeof(*slots)))) {
		free(g);
		return fs_errf(why, FSG_WHY, -ENOMEM, "out of memory");
	}
	g->pid = pid;
	g->pidfd = g->pagemap = g->file = -1;
	fs_guestmem_readers(g);
	elsewhere = take_slots(g, slots, n);
	if (g->nslots)
		err = open_files(g, why);
	else
		err = fs_errf(why, FSG_WHY, -ENXIO, "%s",
			      elsewhere ? "the guest's memory is not mapped (guest_memfd)"
					: "no memory slot of it was seen");
	if (err)
		fs_guestmem_close(g);
	else
		*out = g;
	return err;
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
