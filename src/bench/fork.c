// SPDX-License-Identifier: BSD-2-Clause
/*
 * One fork: a thread that enters its network, starts the VMM there, loads, resumes, waits for the
 * acks and ends it. The namespace lives as long as the thread and the VMM do, so nothing of it can
 * be left behind.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/units.h"
#include "bench/fork_impl.h"

/* Where the forks of a batch wait for each other before their VMMs are started. */
struct fs_barrier {
	pthread_mutex_t lock;
	pthread_cond_t open;
	size_t missing;
};

/* One has come (or never will); @wait for the others. */
static void arrive(struct fs_barrier *g, bool wait)
{
	pthread_mutex_lock(&g->lock);
	if (!--g->missing)
		pthread_cond_broadcast(&g->open);
	while (wait && g->missing)
		pthread_cond_wait(&g->open, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

/* Sends a mark to the recorder; the time that it takes is not counted as the fork's. */
static void mark(struct fs_fork *f, pid_t pid, const char *what, const char *value)
{
	uint64_t began = fs_mono_ns();
	char name[80];

	if (!f->b->o.mark)
		return;
	snprintf(name, sizeof(name), "%s:%s", what, value);
	f->b->o.mark(name, pid);
	f->r->between_ns += fs_mono_ns() - began;
}

/* What the fork of @pid was given (the attribution reads these marks). */
static void mark_what_was_given(struct fs_fork *f, pid_t pid)
{
	const struct fs_fork_result *r = f->r;
	char text[FS_UNITS_LEN];

	if (f->memory < 0)
		return;
	/* With an attached fork in parallel it is still to come. */
	if (r->prefetched_ns || !f->b->o.in_parallel)
		mark(f, pid, "prefetch",
		     fs_fmt_ns_exact(r->prefetched_ns - r->prefetch_ns, text, sizeof(text)));
	snprintf(text, sizeof(text), "%" PRIu64, r->resident / 4096);
	mark(f, pid, "resident", text);
}

/*
 * An attached command's VMM may be another process than the command, and resumes when it likes: so
 * all is marked and looked at before, of every VM that is made from now on.
 */
static int mark_attached(struct fs_fork *f)
{
	int ret = fs_fork_look_and_populate(f);

	if (ret)
		return ret;
	mark(f, 0, "arm", f->variant->name);
	mark_what_was_given(f, 0);
	f->r->between_ns = 0;
	return 0;
}

static int load_and_resume(struct fs_fork *f)
{
	struct fs_fork_result *r = f->r;
	struct fs_vmm *v = &f->vmm;
	bool at_once = f->b->o.load.resume;
	int ret = at_once ? fs_fork_look_and_populate(f) : 0;

	if (ret)
		return ret;
	r->load_ns = fs_mono_ns();
	if (at_once) {
		r->resume_ns = r->load_ns;
		if (f->b->o.how != FS_MECH_POPULATE)
			fs_fork_prefetch_in_parallel(f);
	}
	ret = fs_fork_vmm_failed(f, v->ops->load(v, &f->b->o.load));
	r->loaded_ns = fs_mono_ns();
	if (ret)
		return ret;
	if (at_once) {
		r->resumed_ns = r->loaded_ns;
		if (f->b->o.how == FS_MECH_POPULATE)
			fs_fork_prefetch_in_parallel(f);
		return 0;
	}
	ret = v->ops == &fs_vmm_attach ? 0 : fs_fork_look_and_populate(f);
	if (ret)
		return ret;
	fs_fork_prefetch_in_parallel(f);
	r->resume_ns = fs_mono_ns();
	ret = fs_fork_vmm_failed(f, v->ops->resume(v));
	r->resumed_ns = fs_mono_ns();
	return ret;
}

static int run_vmm(struct fs_fork *f)
{
	struct fs_fork_result *r = f->r;
	int ret;

	fs_vmm_init(&f->vmm, &f->b->o.plan, &f->at);
	ret = f->vmm.ops == &fs_vmm_attach ? mark_attached(f) : 0;
	if (ret)
		return ret;
	r->spawn_ns = fs_mono_ns();
	ret = fs_fork_vmm_failed(f, f->vmm.ops->start(&f->vmm));
	r->spawned_ns = fs_mono_ns();
	r->pid = f->vmm.process.pid;
	if (ret)
		return ret;
	if (f->vmm.ops != &fs_vmm_attach)
		mark(f, r->pid, "arm", f->variant->name);
	return load_and_resume(f);
}

static void *live(void *arg)
{
	struct fs_fork *f = arg;
	struct fs_fork_result *r = f->r;
	int ret = fs_fork_make_network(f);

	if (!ret)
		ret = fs_fork_make_memory(f);
	if (!ret && f->has_copy && f->variant->ranges.n && !f->b->o.in_parallel &&
	    f->b->o.how != FS_MECH_POPULATE)
		ret = fs_fork_prefetch_before(f);
	if (!ret)
		ret = fs_fork_start_handler(f);
	arrive(f->barrier, true);
	if (!ret)
		ret = run_vmm(f);
	r->end = ret ? FS_FORK_FAILED : fs_fork_await(f);
	if (!ret) {
		fs_fork_linger(f);
		fs_fork_end_helper(f);
		if (f->vmm.ops != &fs_vmm_attach)
			mark_what_was_given(f, r->pid); /* nothing is timed any more */
	}
	fs_fork_clean_up(f);
	return NULL;
}

static int prepare(struct fs_fork *f, struct fs_bench *b, const struct fs_variant *variant,
		   struct fs_fork_result *r)
{
	memset(f, 0, sizeof(*f));
	f->b = b;
	f->variant = variant;
	f->t = &b->templates[variant->template];
	f->r = r;
	f->acks = f->memory = -1;
	f->payload = f->t->payload;
	fs_process_init(&f->handler);
	fs_vmm_init(&f->vmm, &b->o.plan, &f->at);
	snprintf(f->id, sizeof(f->id), "fork-%zu", r->number);
	snprintf(f->folder, sizeof(f->folder), "%s/%zu", b->o.work, r->number);
	f->at = (struct fs_vmm_at){.folder = f->folder,
				   .id = f->id,
				   .state = *f->t->state ? f->t->state : NULL,
				   .original = f->t->fd < 0 ? NULL : f->t->memory,
				   .snapshot = f->t->folder,
				   .signal = f->t->signal,
				   .override = b->o.override};
	return mkdir(f->folder, 0755) ? -errno : 0;
}

int fs_batch_run(struct fs_bench *b, const struct fs_variant *variant, struct fs_fork_result *r,
		 size_t n)
{
	struct fs_fork *f = calloc(n, sizeof(*f));
	struct fs_barrier barrier = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, n};
	size_t made = 0;
	int ret = f ? 0 : -ENOMEM;

	for (; !ret && made < n; made++)
		ret = prepare(&f[made], b, variant, &r[made]);
	if (ret) {
		free(f);
		return fs_errf(b->err, sizeof(b->err), ret, "making the forks' folders in %s: %s",
			       b->o.work, strerror(-ret));
	}
	for (size_t i = 0; i < n; i++) {
		f[i].barrier = &barrier;
		f[i].threaded = !pthread_create(&f[i].thread, NULL, live, &f[i]);
		if (f[i].threaded)
			continue;
		snprintf(r[i].why, sizeof(r[i].why), "no thread could be made for it");
		r[i].end = FS_FORK_FAILED;
		arrive(&barrier, false);
	}
	for (size_t i = 0; i < n; i++)
		if (f[i].threaded)
			pthread_join(f[i].thread, NULL);
	free(f);
	return 0;
}
