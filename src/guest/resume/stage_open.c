// SPDX-License-Identifier: BSD-2-Clause
/* Opens the agent's own ring, where a recorder is armed. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/err.h"
#include "guest/recorder/armed.h"
#include "guest/recorder/signal_waiters.h"
#include "guest/resume/stage.h"

/* The head's `pad` is the process that writes: one that is gone has left it. */
static int claim(struct fsg_ring_head *head)
{
	uint32_t owner = __atomic_load_n(&head->pad, __ATOMIC_ACQUIRE), me = (uint32_t)getpid();

	if (owner && owner != me && guest_start_ticks(owner))
		return -EBUSY;
	return __atomic_compare_exchange_n(&head->pad, &owner, me, 0, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE)
		       ? 0
		       : -EBUSY;
}

int guest_ring_open(struct guest_ring *r, const char *run_dir, enum fsg_step how, char *err,
		    size_t len)
{
	struct guest_armed a;
	void *ring, *dir;
	int ret;

	*r = (struct guest_ring){.tid = (uint32_t)syscall(SYS_gettid)};
	ret = guest_armed_read(run_dir, &a, err, len);
	if (!ret)
		ret = guest_armed_map(&a, a.store_fd, a.agent_page, a.agent_pages, &ring, err, len);
	if (ret)
		return ret;
	ret = claim(ring);
	if (ret) {
		munmap(ring, a.agent_pages * FSG_PAGE);
		return fs_errf(err, len, ret, "another agent writes into the recorder's ring");
	}
	ret = guest_armed_map(&a, a.dir_fd, 0, 1, &dir, err, len);
	if (!ret && how != FSG_STEP_NONE)
		r->self = guest_waiter_enter(dir, (uint32_t)getpid(), r->tid, how, true);
	r->head = ring;
	r->rec = (struct fsg_rec *)(void *)((uint8_t *)ring + FSG_PAGE);
	r->mask = (uint32_t)((a.agent_pages - 1) * (FSG_PAGE / sizeof(struct fsg_rec)) - 1);
	return 0;
}

void guest_ring_close(struct guest_ring *r)
{
	if (r->self)
		r->self->how = 0;
	if (r->head)
		r->head->pad = 0;
	*r = (struct guest_ring){0};
}
