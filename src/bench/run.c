// SPDX-License-Identifier: BSD-2-Clause
/* The order of the forks, and the batches in which they are made. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/units.h"
#include "bench/bench.h"
#include "bench/fork_acks.h"
#include "stats/rng.h"

const char *const fs_cache_names[] = {"cold", "warm", "as-is", NULL};
const char *const fs_network_names[] = {"own", "host", "none", NULL};
const char *const fs_fork_end_names[FS_FORK_END_COUNT] = {
#define X(id, name) name,
	FS_FORK_ENDS(X)
#undef X
};

/* --- batches ---------------------------------------------------------------------------------- */

/* What the forks of a batch share: their page cache, and what is read into it before. */
static int prepare_batch(struct fs_bench *b, const struct fs_variant *variant,
			 struct fs_fork_result *r, size_t n)
{
	struct fs_template *t = &b->templates[variant->template];
	struct fs_prefetch_run run = {
		.how = b->o.how, .rate = b->o.rate, .fd = t->fd, .stop = b->o.stop};
	uint64_t began;
	int ret;

	if (t->fd < 0 || b->o.network == FS_NETWORK_HOST)
		return 0; /* each has a file of its own */
	ret = fs_bench_condition(b, t->fd, t->state, b->err, sizeof(b->err));
	if (ret || !variant->ranges.n || b->o.in_parallel || b->o.how == FS_MECH_POPULATE)
		return ret;
	began = fs_mono_ns();
	ret = fs_prefetch_do(&run, &variant->ranges, b->err, sizeof(b->err));
	for (size_t i = 0; i < n; i++) {
		r[i].prefetch_ns = began;
		r[i].prefetched_ns = fs_mono_ns();
		r[i].prefetched = run.done;
	}
	return ret;
}

uint64_t fs_fork_ack(const struct fs_fork_result *r, const char *stage)
{
	const struct fs_ack *a = fs_fork_find_ack(r, stage);

	return a ? a->at_ns : 0;
}

uint64_t fs_fork_load_ns(const struct fs_bench *b, const struct fs_fork_result *r)
{
	return r->loaded_ns && b->o.plan.ops != &fs_vmm_attach ? r->loaded_ns - r->load_ns
							       : UINT64_MAX;
}

static void report(const struct fs_bench *b, const struct fs_fork_result *r)
{
	char *acks = NULL, one[FS_UNITS_LEN], load[FS_UNITS_LEN];
	uint64_t load_ns = fs_fork_load_ns(b, r);
	size_t n;
	FILE *to = open_memstream(&acks, &n);

	for (unsigned int i = 0; to && i < r->nacks; i++)
		fprintf(to, ", %s %s", r->acks[i].stage,
			fs_fmt_ns(r->acks[i].at_ns - r->resume_ns, one, sizeof(one)));
	if (to)
		fclose(to);
	fs_info("fork %zu of %zu, %s: %s%s%s%s%s%s", r->number, b->nvariants * (size_t)b->o.iters,
		b->variants[r->variant].name, fs_fork_end_names[r->end],
		load_ns != UINT64_MAX ? ", load " : "",
		load_ns != UINT64_MAX ? fs_fmt_ns(load_ns, load, sizeof(load)) : "",
		acks ? acks : "", r->end == FS_FORK_FAILED ? ": " : "",
		r->end == FS_FORK_FAILED ? r->why : "");
	free(acks);
}

static int run_batch(struct fs_bench *b, size_t variant, size_t n, bool first)
{
	size_t from = b->forks.n;
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++)
		ret = fs_vec_push(&b->forks, (struct fs_fork_result){.number = from + i + 1,
								     .variant = variant,
								     .first = first && !i,
								     .end = FS_FORK_STOPPED});
	if (ret)
		return fs_errf(b->err, sizeof(b->err), ret, "out of memory");
	ret = prepare_batch(b, &b->variants[variant], &b->forks.v[from], n);
	if (!ret && !*b->o.stop)
		ret = fs_batch_run(b, &b->variants[variant], &b->forks.v[from], n);
	for (size_t i = 0; i < n && !ret; i++)
		report(b, &b->forks.v[from + i]);
	return ret;
}

/* --- order ---------------------------------------------------------------------------------- */

static void swap(void *arg, size_t i, size_t j)
{
	size_t *order = arg, was = order[i];

	order[i] = order[j];
	order[j] = was;
}

/*
 * Rounds: in each one batch of every variant, in an order drawn anew. So whatever drifts over the
 * run (heat, other load, a fuller disk) meets all variants alike.
 */
int fs_bench_run(struct fs_bench *b)
{
	struct fss_rng rng = {b->o.seed};
	size_t at_once = b->o.concurrency, *order = calloc(b->nvariants, sizeof(*order));
	int ret = order ? 0 : fs_errf(b->err, sizeof(b->err), -ENOMEM, "out of memory");

	for (size_t i = 0; order && i < b->nvariants; i++)
		order[i] = i;
	for (size_t done = 0; !ret && done < b->o.iters && !*b->o.stop; done += at_once) {
		size_t left = b->o.iters - done;

		fss_rng_shuffle(&rng, b->nvariants, swap, order);
		for (size_t i = 0; i < b->nvariants && !ret && !*b->o.stop; i++)
			ret = run_batch(b, order[i], left < at_once ? left : at_once, !done);
	}
	free(order);
	return ret;
}

size_t fs_bench_count(const struct fs_bench *b, size_t variant, enum fs_fork_end end)
{
	size_t n = 0;

	for (size_t i = 0; i < b->forks.n; i++)
		n += (variant == SIZE_MAX || b->forks.v[i].variant == variant) &&
		     b->forks.v[i].end == end;
	return n;
}
