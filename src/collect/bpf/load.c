// SPDX-License-Identifier: BSD-2-Clause
/* Loads and attaches the programs that the plan wants; what does not load is ruled out, and again.
 */
#include "collect/bpf/load.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "collect/bpf/host_hooks.h"
#include "collect/bpf/host_skel.h"
#include "collect/bpf/programs_impl.h"
#include "collect/host/host.h"
#include "collect/host/ready.h"
#include "hooks/libbpf_log.h"
#include "hooks/probe.h"

/* Rings may take a sixteenth of the memory at most, unless the user says otherwise. */
static uint64_t ring_size(const struct fs_load_opts *o)
{
	uint64_t size = o->ring_bytes ? o->ring_bytes : FS_RING_DEFAULT;
	struct fs_host h;

	if (o->ring_bytes)
		return size;
	fs_host_read(&h);
	while (size > FS_RING_MIN && size * fs_host_possible(NULL, 0) > h.memory / 16)
		size /= 2;
	return size;
}

static bool stopped(const struct fs_bpf *b)
{
	return b->opts->stop && b->opts->stop(b->opts->arg);
}

bool fs_bpf_known(const char *list)
{
	return fs_plan_known(&fs_hooks_host, list);
}

static int make_plan(struct fs_bpf *b, char *err, size_t len)
{
	struct fs_probe *probe;
	int ret = fs_probe_new(&probe, err, len);

	if (ret)
		return ret;
	ret = fs_ready_kvm(fs_probe_has_tracepoint(probe, "kvm_entry"), err, len);
	if (ret) {
		fs_probe_free(probe);
		return ret;
	}
	b->plan = fs_plan_new(&fs_hooks_host, fs_probe_has_struct(probe, "vcpu_svm"),
			      fs_probe_has_struct(probe, "vcpu_vmx"));
	if (b->plan && fs_probe_tp_preempt(probe))
		fs_plan_tp_preempt(b->plan);
	/* The kernel's own count would turn preemption on in the midst of what it keeps others
	 * from. */
	b->own_stats = b->opts->probe_stats && fs_probe_has_func(probe, "bpf_preempt_disable");
	if (b->plan) {
		fs_plan_leave_out(b->plan, b->opts->without);
		fs_probe_plan(probe, b->plan);
	}
	fs_probe_free(probe);
	if (b->plan) {
		b->links = calloc(b->plan->table->nhooks + 1, sizeof(*b->links));
		b->progs = calloc(b->plan->table->nhooks + 1, sizeof(*b->progs));
	}
	return b->links && b->progs ? 0 : fs_errf(err, len, -ENOMEM, "out of memory");
}

/* Opens the objects and sets everything in them that must be known before loading. */
static int open_skeleton(struct fs_bpf *b, char *err, size_t len)
{
	const struct fs_hooks *t = b->plan->table;
	struct bpf_program *prog;
	struct fs_knobs knobs = b->opts->knobs;
	uint32_t ncpu; /* numbers that CPUs have: there may be holes among them */

	b->ncpus = fs_host_possible(b->cpus, FS_MAX_CPUS);
	ncpu = b->ncpus ? b->cpus[b->ncpus - 1] + 1 : 1;
	b->skel = host_bpf__open();
	if (!b->skel)
		return fs_errf(err, len, -errno, "cannot open the BPF programs: %m");
	bpf_object__for_each_program (prog, b->skel->obj)
		bpf_program__set_autoload(prog, false);
	for (size_t i = 0; i < t->nhooks; i++) {
		b->progs[i] = bpf_object__find_program_by_name(b->skel->obj, t->hooks[i].prog);
		if (!b->progs[i])
			fs_plan_rule_out(b->plan, i, -ENOENT, "not in this build");
	}
	fs_plan_choose(b->plan);
	for (size_t i = 0; i < t->nhooks; i++) {
		if (!b->plan->progs[i].on)
			continue;
		bpf_program__set_autoload(b->progs[i], true);
		if (t->hooks[i].knob >= 0)
			*(__u32 *)((char *)&knobs + t->hooks[i].knob) = 1;
	}
	bpf_program__set_autoload(b->skel->progs.fs_misses, !b->no_misses);
	knobs.own_stats = b->own_stats;
	b->skel->rodata->knobs = knobs;
	/* What all the inner maps will be like. */
	b->inner_fd =
		bpf_map_create(BPF_MAP_TYPE_RINGBUF, "fs_ring", 0, 0, (__u32)b->ring_bytes, NULL);
	if (b->inner_fd < 0 || bpf_map__set_max_entries(b->skel->maps.rings, ncpu) ||
	    bpf_map__set_max_entries(b->skel->maps.prog_fds, (__u32)t->nhooks) ||
	    bpf_map__set_max_entries(b->skel->maps.misses, (__u32)t->nhooks * ncpu) ||
	    bpf_map__set_inner_map_fd(b->skel->maps.rings, b->inner_fd))
		return fs_errf(err, len, -errno, "cannot make a ring of %llu bytes: %m%s",
			       (unsigned long long)b->ring_bytes,
			       errno == ENOMEM ? " (try a smaller --ring-size)" : "");
	return 0;
}

static int attach(struct fs_bpf *b, size_t i)
{
	const struct fs_hook *h = &b->plan->table->hooks[i];
	const char *sym = h->target;
	LIBBPF_OPTS(bpf_kprobe_multi_opts, o, .syms = &sym, .cnt = 1);

	o.retprobe = h->kind == FS_HOOK_KRETPROBE_MULTI;
	/* libbpf would look the name up among all of the kernel's symbols; the kernel does itself
	 */
	if (o.retprobe || h->kind == FS_HOOK_KPROBE_MULTI)
		b->links[i] = bpf_program__attach_kprobe_multi_opts(b->progs[i], NULL, &o);
	else
		b->links[i] = bpf_program__attach(b->progs[i]);
	return b->links[i] ? 0 : -errno;
}

/* A failed load is the fault of one program: the one that libbpf complained about. */
static int blame_load(struct fs_bpf *b, int ret, char *err, size_t len)
{
	const struct fs_libbpf_log *l = fs_libbpf_log_get();
	int i = fs_plan_find(b->plan, l->prog);

	if (i >= 0 && fs_plan_rule_out(b->plan, (size_t)i, ret, *l->why ? l->why : NULL)) {
		fs_debug("%s does not load: %s", l->prog, b->plan->progs[i].why);
		return 0;
	}
	if (!b->no_misses && !strcmp(l->prog, "fs_misses")) {
		b->no_misses = true;
		fs_debug("fs_misses does not load: %s", *l->why ? l->why : strerror(-ret));
		return 0;
	}
	if (*l->map)
		return fs_errf(err, len, ret, "cannot make the BPF map %s: %s%s", l->map,
			       strerror(-ret),
			       ret == -ENOMEM ? " (try a smaller --ring-size)" : "");
	return fs_errf(err, len, ret, "cannot load the BPF programs: %s (-v shows more)",
		       strerror(-ret));
}

/*
 * One try: 0 = loaded and attached, 1 = something was ruled out: try again, negative = hopeless.
 */
static int try_load(struct fs_bpf *b, char *err, size_t len)
{
	const struct fs_hooks *t = b->plan->table;
	int ret;

	fs_libbpf_log_reset();
	ret = open_skeleton(b, err, len);
	if (ret)
		return ret;
	ret = host_bpf__load(b->skel);
	if (ret)
		return blame_load(b, ret, err, len) ?: 1;
	/* From the last to the first: those that make processes traced stand first in the table. */
	for (size_t i = t->nhooks; i-- > 0;) {
		if (!b->plan->progs[i].on)
			continue;
		if (stopped(b))
			return -EINTR;
		ret = attach(b, i);
		if (!ret)
			continue;
		fs_plan_rule_out(b->plan, i, ret, NULL);
		fs_debug("cannot attach %s/%s: %s", fs_hook_kind_name(t->hooks[i].kind),
			 t->hooks[i].target, b->plan->progs[i].why);
		return 1;
	}
	__atomic_store_n(&b->skel->bss->fs_since, fs_mono_ns(), __ATOMIC_SEQ_CST);
	return 0;
}

static int make_rings(struct fs_bpf *b, char *err, size_t len)
{
	int outer = bpf_map__fd(b->skel->maps.rings);

	/* Those that are offline may come online while we record. */
	for (size_t i = 0; i < b->ncpus; i++) {
		int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "fs_ring", 0, 0, (__u32)b->ring_bytes,
					NULL);
		int ret = fd < 0 ? fd : bpf_map_update_elem(outer, &b->cpus[i], &fd, BPF_ANY);

		if (fd >= 0)
			b->rings[b->nrings++] = fd;
		if (ret)
			return fs_errf(
				err, len, ret, "cannot make the ring of CPU %u (%llu bytes): %s%s",
				b->cpus[i], (unsigned long long)b->ring_bytes, strerror(-ret),
				ret == -ENOMEM ? " (try a smaller --ring-size)" : "");
	}
	return b->nrings ? 0 : fs_errf(err, len, -ENODEV, "cannot read which CPUs there may be");
}

/* Nothing but a want without which there is no recording at all ends it here. */
static int check_plan(const struct fs_bpf *b, char *err, size_t len)
{
	const struct fs_hooks *t = b->plan->table;
	size_t first = 0;

	for (size_t w = 0; w < t->nwants; w++) {
		const struct fs_choice *c = &b->plan->choices[w];

		if (c->rank || !t->wants[w].needed)
			continue;
		if (w == first)
			return fs_errf(err, len, -ENOTSUP, "cannot attach %s: %s (%s)",
				       t->wants[w].name, c->why, t->wants[w].lost);
	}
	return 0;
}

/* Each try rules out one program at least, so this ends. */
static int load_best(struct fs_bpf *b, char *err, size_t len)
{
	int ret = 1;

	if (!b->plan || !b->links || !b->progs)
		return -ENOMEM;
	while (ret == 1) {
		ret = stopped(b) ? -EINTR : try_load(b, err, len);
		if (ret == 1)
			fs_bpf_close_skeleton(b);
	}
	return ret;
}

int fs_bpf_check(char *err, size_t len)
{
	static const struct fs_load_opts all;
	struct fs_bpf b = {.opts = &all};
	int ret = fs_ready_check(err, len);

	if (ret)
		return ret;
	ret = make_plan(&b, err, len);
	if (ret)
		fs_ready_explain(err, len);
	free(b.links);
	free(b.progs);
	fs_plan_free(b.plan);
	return ret;
}

int fs_bpf_load(const struct fs_load_opts *o, struct fs_bpf **out, char *err, size_t len)
{
	struct fs_bpf *b;
	int ret = fs_ready_check(err, len);

	if (ret)
		return ret;
	b = calloc(1, sizeof(*b));
	if (!b)
		return fs_errf(err, len, -ENOMEM, "out of memory");
	b->stats_fd = b->inner_fd = -1;
	b->opts = o;
	b->ring_bytes = ring_size(o);
	fs_libbpf_log_reset();
	ret = make_plan(b, err, len);
	if (!ret)
		ret = load_best(b, err, len);
	if (!ret)
		ret = check_plan(b, err, len);
	if (!ret && b->skel)
		ret = make_rings(b, err, len);
	if (ret && ret != -EINTR)
		fs_ready_explain(err, len);
	if (ret) {
		fs_bpf_free(b);
		return ret;
	}
	if (o->probe_stats && !b->own_stats) {
		b->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
		if (b->stats_fd < 0)
			fs_warn("the kernel does not count the programs' run time: %s (the cost of tracing will not be stated)",
				strerror(errno));
	}
	b->opts = NULL;
	*out = b;
	return 0;
}
