// SPDX-License-Identifier: BSD-2-Clause
/* The recorder's programs: planned, loaded, attached, measured, stopped. */
#include "guest/recorder/guest_programs.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "guest/recorder/guest_skel.h"
#include "hooks/libbpf_log.h"
#include "hooks/probe.h"

#define ROUNDS 64

struct guest_programs {
	struct fsg_typed *typed; /* NULL where the kernel has no BTF */
	struct fsg_plain *plain;
	struct bpf_link **links;
	size_t nlinks;
};

/* ---- what may be tried at all ---- */

static void rule_out_kinds(struct fs_plan *p, unsigned int kinds, int err, const char *why)
{
	for (size_t i = 0; i < p->table->nhooks; i++)
		if (kinds & 1u << p->table->hooks[i].kind)
			fs_plan_rule_out(p, i, err, why);
}

/* Is a line of a tracepoint's format there, up to its place in the record? */
static bool format_has(const char *event, const char *field, const char *place)
{
	static const char *const roots[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
	char path[128], line[256];
	bool found = false;

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/events/sched/%s/format", roots[i], event);
		f = fopen(path, "re");
		while (f && !found && fgets(line, sizeof(line), f))
			found = strstr(line, field) && strstr(line, place);
		if (f)
			fclose(f);
	}
	return found;
}

/* The programs on the scheduler's tracepoints take the records to be laid out so. */
static void check_formats(struct fs_plan *p)
{
	bool as_known = format_has("sched_switch", " prev_state;", "offset:32;") &&
			format_has("sched_switch", " next_pid;", "offset:56;") &&
			format_has("sched_waking", " pid;", "offset:24;") &&
			format_has("sched_waking", " target_cpu;", "offset:32;");

	if (!as_known)
		rule_out_kinds(p, 1u << FS_HOOK_TRACEPOINT, -ENOENT,
			       "no tracefs is mounted, or this kernel has other formats");
}

static bool is_kprobe(const struct fs_plan *p, size_t i)
{
	return p->table->hooks[i].kind == FS_HOOK_KPROBE ||
	       p->table->hooks[i].kind == FS_HOOK_KRETPROBE;
}

/*
 * Kprobes that the plan has come down to and whose function the kernel does not have: ruled out
 * before they are tried, because each failed try loads everything anew.
 */
static void check_kprobes(struct fs_plan *p)
{
	const size_t n = p->table->nhooks;
	bool *there = calloc(n, sizeof(*there)), any = false;
	char line[1024];
	FILE *f;

	fs_plan_choose(p);
	for (size_t i = 0; i < n; i++)
		any |= p->progs[i].on && is_kprobe(p, i);
	f = there && any ? fopen("/proc/kallsyms", "re") : NULL;
	while (f && fgets(line, sizeof(line), f)) {
		char *name = strchr(line, ' ') ? strchr(strchr(line, ' ') + 1, ' ') : NULL;
		size_t len = name ? strcspn(++name, "\t\n") : 0;

		for (size_t i = 0; len && i < n; i++)
			if (p->progs[i].on && is_kprobe(p, i) &&
			    !strncmp(p->table->hooks[i].target, name, len) &&
			    !p->table->hooks[i].target[len])
				there[i] = true;
	}
	for (size_t i = 0; f && i < n; i++)
		if (p->progs[i].on && is_kprobe(p, i) && !there[i])
			fs_plan_rule_out(p, i, -ENOENT, "this kernel has no such function");
	if (f)
		fclose(f);
	free(there);
}

static int make_plan(struct guest_recorder *r, const char *without)
{
	const unsigned int typed =
		1u << FS_HOOK_TP_BTF | 1u << FS_HOOK_FENTRY | 1u << FS_HOOK_FEXIT;
	struct fs_probe *probe;

	r->plan = fs_plan_new(&guest_hooks, false, false);
	if (!r->plan)
		return -ENOMEM;
	fs_plan_leave_out(r->plan, without);
	check_formats(r->plan);
	if (!fs_probe_new(&probe, NULL, 0)) {
		fs_probe_plan(probe, r->plan);
		fs_probe_free(probe);
	} else {
		rule_out_kinds(r->plan, typed, -ENOENT, "this kernel has no BTF");
		if (fs_probe_kprobe())
			rule_out_kinds(r->plan, 1u << FS_HOOK_KPROBE | 1u << FS_HOOK_KRETPROBE,
				       -ENOENT, "this kernel has no kprobes");
	}
	check_kprobes(r->plan);
	return 0;
}

/* ---- loading ---- */

static struct bpf_program *find(struct guest_programs *l, const char *name)
{
	struct bpf_program *p = NULL;

	if (l->typed)
		p = bpf_object__find_program_by_name(l->typed->obj, name);
	return p ?: bpf_object__find_program_by_name(l->plain->obj, name);
}

static void close_objects(struct guest_programs *l)
{
	fsg_typed__destroy(l->typed);
	fsg_plain__destroy(l->plain);
	l->typed = NULL;
	l->plain = NULL;
}

static void unload(struct guest_programs *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->nlinks; i++)
		bpf_link__destroy(l->links[i]);
	close_objects(l);
	free(l->links);
	free(l);
}

static bool wants_kind(const struct fs_plan *p, unsigned int kinds)
{
	for (size_t i = 0; i < p->table->nhooks; i++)
		if (p->progs[i].on && (kinds & 1u << p->table->hooks[i].kind))
			return true;
	return false;
}

/* Opens the objects that are needed, and gives them the maps and constants. */
static int open_objects(struct guest_recorder *r, struct guest_programs *l, struct fsg_knobs knobs)
{
	int rings = r->rings.fd, dir = r->dir.fd, ret = 0;

	l->plain = fsg_plain__open();
	if (!l->plain)
		return -errno;
	l->plain->rodata->fsg_knobs = knobs;
	ret = bpf_map__reuse_fd(l->plain->maps.fsg_rings, rings)
		      ?: bpf_map__reuse_fd(l->plain->maps.fsg_dirs, dir);
	if (ret || !wants_kind(r->plan, 1u << FS_HOOK_TP_BTF | 1u << FS_HOOK_FENTRY))
		return ret;
	l->typed = fsg_typed__open();
	if (!l->typed)
		return -errno;
	l->typed->rodata->fsg_knobs = knobs;
	return bpf_map__reuse_fd(l->typed->maps.fsg_rings, rings)
		       ?: bpf_map__reuse_fd(l->typed->maps.fsg_dirs, dir);
}

/* A failed load is the fault of the program that libbpf complained about: 1 = try without it. */
static int blame(struct fs_plan *p, int ret, char *err, size_t len)
{
	const struct fs_libbpf_log *l = fs_libbpf_log_get();
	int i = fs_plan_find(p, l->prog);

	if (i >= 0 && fs_plan_rule_out(p, (size_t)i, ret, *l->why ? l->why : NULL))
		return 1;
	return fs_errf(err, len, ret, "the kernel refuses the BPF programs: %s%s%s", strerror(-ret),
		       *l->why ? ": " : "", l->why);
}

static int load(struct guest_recorder *r, struct guest_programs *l, char *err, size_t len)
{
	const struct fs_hooks *t = r->plan->table;
	struct bpf_program *prog;
	int ret;

	for (size_t i = 0; i < t->nhooks; i++) {
		prog = r->plan->progs[i].on ? find(l, t->hooks[i].prog) : NULL;
		if (prog)
			bpf_program__set_autoload(prog, true);
	}
	bpf_program__set_autoload(l->plain->progs.fsg_calibrate, true);
	ret = fsg_plain__load(l->plain);
	if (!ret && l->typed)
		ret = fsg_typed__load(l->typed);
	return ret ? blame(r->plan, ret, err, len) : 0;
}

/* ---- attaching ---- */

static int keep(struct guest_programs *l, struct bpf_link *link)
{
	struct bpf_link **links;

	if (!link)
		return -errno;
	links = realloc(l->links, (l->nlinks + 1) * sizeof(*links));
	if (!links) {
		bpf_link__destroy(link);
		return -ENOMEM;
	}
	l->links = links;
	l->links[l->nlinks++] = link;
	return 0;
}

/* The other system vectors, those that this kernel has: both ends or none. */
static void attach_vectors(struct guest_programs *l)
{
	char entry[64], leave[64];

	for (unsigned int i = 0; i < guest_nvectors; i++) {
		struct bpf_link *begin, *end;

		snprintf(entry, sizeof(entry), "%s_entry", guest_vectors[i]);
		snprintf(leave, sizeof(leave), "%s_exit", guest_vectors[i]);
		end = bpf_program__attach_raw_tracepoint(l->plain->progs.fsg_vector_end, leave);
		begin = end ? bpf_program__attach_raw_tracepoint(l->plain->progs.fsg_vector_begin,
								 entry)
			    : NULL;
		if (!begin) {
			bpf_link__destroy(end);
			continue;
		}
		if (keep(l, end) || keep(l, begin))
			return;
	}
}

/* From the last to the first: an end without its begin does no harm, the other way it would. */
static int attach(struct guest_recorder *r, struct guest_programs *l)
{
	const struct fs_hooks *t = r->plan->table;

	r->programs = 0;
	for (size_t i = t->nhooks; i-- > 0;) {
		struct bpf_program *prog = r->plan->progs[i].on ? find(l, t->hooks[i].prog) : NULL;
		int ret;

		if (!prog)
			continue;
		ret = keep(l, bpf_program__attach(prog));
		if (ret)
			return fs_plan_rule_out(r->plan, i, ret, NULL) ? 1 : ret;
		r->programs++;
	}
	if (r->plan->choices[GUEST_WANT_VECTORS].rank)
		attach_vectors(l);
	return 0;
}

/* ---- what a record costs ---- */

/* The fastest of some rounds: the others were interrupted, or found the memory cold. */
static uint32_t calibrate(struct guest_programs *l)
{
	int fd = bpf_program__fd(l->plain->progs.fsg_calibrate);
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < ROUNDS; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, o);

		if (bpf_prog_test_run_opts(fd, &o))
			return 0;
		if (o.retval && o.retval < best)
			best = o.retval;
	}
	return best == UINT64_MAX ? 0 : (uint32_t)(best * 16 / FSG_TRIALS);
}

/* Empty again after the measurement, before anything is recorded. */
static void reset_rings(struct guest_recorder *r, unsigned int cpus)
{
	size_t pages = r->rings.pages / cpus;

	memset(r->rings.at, 0, r->rings.pages * FSG_PAGE);
	for (unsigned int i = 0; i < cpus; i++) {
		struct fsg_ring_head *h = (void *)(r->rings.at + i * pages * FSG_PAGE);

		h->index = i;
		h->mark = FSG_RING_MARK;
	}
}

/* One try: 0 = records, 1 = something was ruled out: try again, negative = hopeless. */
static int try_start(struct guest_recorder *r, const struct guest_recorder_opts *o, char *err,
		     size_t len)
{
	struct fsg_knobs knobs = {.cpus = o->cpus,
				  .pages = (uint32_t)(r->rings.pages / o->cpus),
				  .mask = (uint32_t)(o->ring_bytes / sizeof(struct fsg_rec) - 1)};
	struct guest_programs *l = calloc(1, sizeof(*l));
	int ret;

	if (!l)
		return -ENOMEM;
	fs_libbpf_log_reset();
	fs_plan_choose(r->plan);
	ret = open_objects(r, l, knobs);
	if (ret)
		fs_err_say(err, len, "cannot open the BPF programs: %s", strerror(-ret));
	else
		ret = load(r, l, err, len);
	if (!ret) {
		r->probe_ns_x16 = calibrate(l);
		reset_rings(r, o->cpus);
		ret = attach(r, l);
	}
	if (ret) {
		unload(l);
		return ret;
	}
	close_objects(l); /* the links hold the programs, we hold the maps: the rest is memory */
	r->loaded = l;
	return 0;
}

int guest_recorder_start(struct guest_recorder *r, const struct guest_recorder_opts *o, char *err,
			 size_t len)
{
	size_t pages = o->cpus * (1 + o->ring_bytes / FSG_PAGE);
	int ret;

	*r = (struct guest_recorder){.rings = {.fd = -1}, .dir = {.fd = -1}};
	fs_libbpf_log_reset();
	ret = make_plan(r, o->without);
	if (!ret)
		ret = guest_block_new(&r->dir, "fsg_dirs", 1, true);
	if (ret)
		fs_err_say(err, len, "this kernel makes no BPF maps: %s", strerror(-ret));
	if (!ret) {
		ret = guest_block_new(&r->rings, "fsg_rings", pages, true);
		if (ret)
			fs_err_say(err, len, "cannot make rings of %zu pages: %s", pages,
				   strerror(-ret));
	}
	for (ret = ret ?: 1; ret == 1;)
		ret = try_start(r, o, err, len);
	if (!ret)
		return 0;
	guest_block_free(&r->rings);
	guest_block_free(&r->dir);
	if (r->plan) {
		rule_out_kinds(r->plan, ~0u, ret, err);
		fs_plan_choose(r->plan);
	}
	return ret;
}

void guest_recorder_stop(struct guest_recorder *r)
{
	unload(r->loaded);
	r->loaded = NULL;
	guest_block_free(&r->rings);
	guest_block_free(&r->dir);
	fs_plan_free(r->plan);
	r->plan = NULL;
}
