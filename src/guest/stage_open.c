// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/err.h"
#include "guest/armed.h"
#include "guest/hot.h"
#include "guest/stage.h"

/* The head's `pad` is the process that writes: one that is gone has left it. */
static int claim(struct fsg_ring_head *head)
{
	uint32_t owner = __atomic_load_n(&head->pad, __ATOMIC_ACQUIRE), me = (uint32_t)getpid();

	if (owner && owner != me && fsg_start_ticks(owner))
		return -EBUSY;
	return __atomic_compare_exchange_n(&head->pad, &owner, me, 0, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE)
		       ? 0
		       : -EBUSY;
}

/* An entry that a program made of this process, else a free one, else the last. */
static struct fsg_watcher *place(struct fsg_dir *d, uint32_t tgid)
{
	struct fsg_watcher *w = &d->watchers[FSG_WATCHERS - 1];

	for (int i = FSG_WATCHERS - 1; i >= 0; i--)
		if (!d->watchers[i].how)
			w = &d->watchers[i];
	for (int i = 0; i < FSG_WATCHERS; i++)
		if (d->watchers[i].how && d->watchers[i].tgid == tgid)
			w = &d->watchers[i];
	return w;
}

static void enter(struct fsg_ring *r, struct fsg_dir *d, enum fsg_step how)
{
	struct fsg_watcher *w = place(d, (uint32_t)getpid());
	FILE *f;

	w->tgid = (uint32_t)getpid();
	w->tid = r->tid;
	w->own = 1;
	w->ts = hot_now_ns();
	memset(w->comm, 0, sizeof(w->comm));
	f = fopen("/proc/self/comm", "re");
	if (f) {
		if (fgets(w->comm, sizeof(w->comm), f))
			w->comm[strcspn(w->comm, "\n")] = 0;
		fclose(f);
	}
	w->how = how;
	r->self = w;
}

int fsg_ring_open(struct fsg_ring *r, const char *run_dir, enum fsg_step how, char *err, size_t len)
{
	struct fsg_armed a;
	void *ring, *dir;
	int rc;

	*r = (struct fsg_ring){.tid = (uint32_t)syscall(SYS_gettid)};
	rc = fsg_armed_read(run_dir, &a, err, len);
	if (!rc)
		rc = fsg_armed_map(&a, a.store_fd, a.agent_page, a.agent_pages, &ring, err, len);
	if (rc)
		return rc;
	rc = claim(ring);
	if (rc) {
		munmap(ring, a.agent_pages * FSG_PAGE);
		return fs_errf(err, len, rc, "another agent writes into the recorder's ring");
	}
	rc = fsg_armed_map(&a, a.dir_fd, 0, 1, &dir, err, len);
	if (!rc)
		enter(r, dir, how);
	r->head = ring;
	r->rec = (struct fsg_rec *)(void *)((uint8_t *)ring + FSG_PAGE);
	r->mask = (uint32_t)((a.agent_pages - 1) * (FSG_PAGE / sizeof(struct fsg_rec)) - 1);
	return 0;
}

void fsg_ring_close(struct fsg_ring *r)
{
	if (r->self)
		r->self->how = 0;
	if (r->head)
		r->head->pad = 0;
	*r = (struct fsg_ring){0};
}
