// SPDX-License-Identifier: BSD-2-Clause
/* What is read into memory for a fork, before its resume or while it runs. */
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/err.h"
#include "bench/fork_impl.h"

static void set_run(struct fs_fork *f)
{
	f->run = (struct fs_prefetch_run){.how = f->b->o.how,
					  .rate = f->b->o.rate,
					  .fd = f->memory,
					  .vmm = f->r->pid,
					  .stop = &f->enough};
}

static void *help(void *arg)
{
	struct fs_fork *f = arg;

	f->r->prefetch_ns = fs_mono_ns();
	fs_prefetch_do(&f->run, &f->variant->ranges, f->helper_err, sizeof(f->helper_err));
	f->r->prefetched_ns = fs_mono_ns();
	return NULL;
}

void fs_fork_prefetch_in_parallel(struct fs_fork *f)
{
	if (!f->b->o.in_parallel || !f->variant->ranges.n)
		return;
	set_run(f);
	f->helping = !pthread_create(&f->helper, NULL, help, f);
}

int fs_fork_prefetch_before(struct fs_fork *f)
{
	struct fs_fork_result *r = f->r;
	int ret;

	set_run(f);
	r->prefetch_ns = fs_mono_ns();
	ret = fs_prefetch_do(&f->run, &f->variant->ranges, r->why, sizeof(r->why));
	r->prefetched_ns = fs_mono_ns();
	r->prefetched = f->run.done;
	r->missed = f->run.missed;
	return ret;
}

void fs_fork_end_helper(struct fs_fork *f)
{
	if (!f->helping)
		return;
	f->enough = true;
	pthread_join(f->helper, NULL);
	f->helping = false;
	f->r->prefetched = f->run.done;
	f->r->missed = f->run.missed;
	if (*f->helper_err && f->r->end == FS_FORK_DONE) {
		f->r->end = FS_FORK_FAILED;
		snprintf(f->r->why, sizeof(f->r->why), "%s", f->helper_err);
	}
}

/* Just before the resume: what shows that variants differ, and what a populated VMM still lacks. */
int fs_fork_look_and_populate(struct fs_fork *f)
{
	const struct fs_range all = {0, f->t->size};
	struct fs_fork_result *r = f->r;
	uint64_t began = fs_mono_ns();
	int ret = 0;

	if (f->b->o.how == FS_MECH_POPULATE && !f->b->o.in_parallel && !f->b->o.load.resume &&
	    f->variant->ranges.n)
		ret = fs_fork_prefetch_before(f);
	if (!ret && f->memory >= 0) {
		ret = fs_cache_resident(f->memory, &all, &r->resident);
		if (!ret)
			ret = fs_ranges_resident(f->memory, &f->variant->ranges,
						 &r->resident_ranges);
		if (ret)
			fs_errf(r->why, sizeof(r->why), ret,
				"asking what of %s is in the page cache: %s", f->at.memory,
				strerror(-ret));
	}
	r->between_ns += fs_mono_ns() - began;
	return ret;
}
