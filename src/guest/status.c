// SPDX-License-Identifier: BSD-2-Clause
/* forkscope-guest status: what is armed in this guest, where, how full. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/opts.h"
#include "base/units.h"
#include "guest/commands.h"
#include "guest/recorder/armed.h"
#include "guest/recorder/guest_hooks.h"
#include "guest/recorder/layout.h"

#define SENTENCE 480

struct view {
	struct guest_armed armed;
	struct fsg_dir *dir;
	uint8_t *rings; /* NULL = none */
	struct fsg_ring_head *agent;
	json_t *meta;
	size_t moved; /* pages that are not where the directory says */
};

static const struct fs_usage usage = {
	.program = "forkscope-guest",
	.command = "status",
	.synopsis = "[OPTIONS...]",
	.what = "Reports what is armed in this guest, where it is in memory, and how full the rings are.",
	.notes = "exit status: 0 armed, 1 not, 2 wrong usage",
};

/* How many of @pages at @at do not lie in the frames that @list names. */
static size_t count_moved(void *at, size_t pages, const uint64_t *list)
{
	struct guest_block b = {.at = at, .pages = pages};
	uint64_t *gfn = calloc(pages, sizeof(*gfn));
	size_t moved = 0;

	if (!gfn || guest_block_frames(&b, gfn)) {
		free(gfn);
		return pages;
	}
	for (size_t i = 0; i < pages; i++)
		moved += gfn[i] != list[i];
	free(gfn);
	return moved;
}

/* Compares what the directory gives the host with what the kernel says now. */
static size_t check_frames(const struct view *v, uint8_t *store)
{
	const struct guest_armed *a = &v->armed;
	const uint64_t *list = (const void *)store;
	const uint64_t dir_gfn = a->directory / FSG_PAGE;
	size_t rings = a->cpus * a->ring_pages, moved;

	moved = count_moved(v->dir, 1, &dir_gfn);
	moved += count_moved(store, a->agent_page, (const void *)v->dir->list_gfn);
	moved += count_moved(store + a->agent_page * FSG_PAGE, a->store_pages - a->agent_page,
			     list + rings);
	if (v->rings)
		moved += count_moved(v->rings, rings, list);
	return moved;
}

static int map_all(struct view *v, char *err)
{
	const struct guest_armed *a = &v->armed;
	void *dir, *rings = NULL, *store;
	int ret = guest_armed_map(a, a->dir_fd, 0, 1, &dir, err, SENTENCE);

	if (!ret && a->ring_pages)
		ret = guest_armed_map(a, a->rings_fd, 0, a->cpus * a->ring_pages, &rings, err,
				      SENTENCE);
	if (!ret)
		ret = guest_armed_map(a, a->store_fd, 0, a->store_pages, &store, err, SENTENCE);
	if (ret)
		return ret;
	v->dir = dir;
	v->rings = rings;
	v->agent = (void *)((uint8_t *)store + a->agent_page * FSG_PAGE);
	v->meta = json_loadb((char *)store + a->meta_page * FSG_PAGE, a->meta_bytes, 0, NULL);
	v->moved = check_frames(v, store);
	return 0;
}

static const struct fsg_ring_head *ring_head(const struct view *v, uint64_t cpu)
{
	return (const void *)(v->rings + cpu * v->armed.ring_pages * FSG_PAGE);
}

static unsigned int percent(uint64_t head, uint64_t records)
{
	return head >= records ? 100 : (unsigned int)(head * 100 / records);
}

static const char *step_name(uint32_t how)
{
	switch (how) {
#define X(num, name, doc) \
	case num:         \
		return #name;
		FSG_STEPS(X)
#undef X
	}
	return "?";
}

static const char *clock_name(uint32_t source)
{
	return source == 1 ? "kvm-clock" : source == 2 ? "tsc" : "another";
}

static uint64_t records_of(uint64_t pages)
{
	return (pages - 1) * (FSG_PAGE / sizeof(struct fsg_rec));
}

/* ---- JSON ---- */

static json_t *ring_json(const char *of, const struct fsg_ring_head *h, uint64_t records)
{
	return json_pack("{s:s, s:i, s:I, s:I, s:I}", "of", of, "index", (int)h->index, "head",
			 (json_int_t)h->head, "records", (json_int_t)records, "lost",
			 (json_int_t)h->lost);
}

static json_t *watchers_json(const struct fsg_dir *d)
{
	json_t *all = json_array();

	for (int i = 0; i < FSG_WATCHERS; i++) {
		const struct fsg_watcher *w = &d->watchers[i];
		char comm[sizeof(w->comm) + 1];

		if (!w->how)
			continue;
		for (size_t k = 0; k < sizeof(w->comm); k++)
			comm[k] = w->comm[k] >= 0 && (w->comm[k] < 0x20 || w->comm[k] > 0x7e) &&
						  w->comm[k]
					  ? '?'
					  : w->comm[k];
		comm[sizeof(w->comm)] = 0;
		json_array_append_new(all,
				      json_pack("{s:i, s:i, s:s, s:b, s:s}", "tgid", (int)w->tgid,
						"tid", (int)w->tid, "how", step_name(w->how), "own",
						(int)w->own, "comm", comm));
	}
	return all;
}

static json_t *clocks_json(const struct fsg_dir *d)
{
	json_t *all = json_array();

	for (int i = 0; i < FSG_CLOCKS; i++) {
		const struct fsg_clock *c = &d->clocks[i];

		if (c->tsc)
			json_array_append_new(all, json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I}",
							     "cpu", (int)c->cpu, "tsc",
							     (json_int_t)c->tsc, "tsc_width",
							     (json_int_t)c->tsc_width, "mono_ns",
							     (json_int_t)c->mono_ns, "raw_ns",
							     (json_int_t)c->raw_ns, "boot_ns",
							     (json_int_t)c->boot_ns, "pv_version",
							     (json_int_t)c->pv_version));
	}
	return all;
}

static const char *part_name(unsigned int kind)
{
	static const char *const names[] = {"none", "ring", "agent", "symbols", "meta"};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "?";
}

static json_t *parts_json(const struct fsg_dir *d)
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < d->nparts && i < FSG_MAX_PARTS; i++) {
		const struct fsg_part *p = &d->parts[i];

		json_array_append_new(all,
				      json_pack("{s:s, s:i, s:i, s:I, s:I}", "kind",
						part_name(p->kind), "index", (int)p->index, "pages",
						(int)p->pages, "bytes", (json_int_t)p->bytes,
						"raw_bytes", (json_int_t)p->raw_bytes));
	}
	return all;
}

static void print_json(const struct view *v)
{
	const struct fsg_dir *d = v->dir;
	json_t *o = json_object(), *rings = json_array();
	char *text;

	for (uint64_t i = 0; v->rings && i < v->armed.cpus; i++)
		json_array_append_new(
			rings, ring_json("cpu", ring_head(v, i), records_of(v->armed.ring_pages)));
	json_array_append_new(rings,
			      ring_json("agent", v->agent, records_of(v->armed.agent_pages)));
	json_object_set_new(o, "armed", json_true());
	json_object_set_new(o, "pid", json_integer((json_int_t)v->armed.pid));
	json_object_set_new(o, "directory", json_integer((json_int_t)v->armed.directory));
	json_object_set_new(o, "moved_pages", json_integer((json_int_t)v->moved));
	json_object_set_new(o, "split", json_boolean(d->flags & FSG_D_SPLIT));
	json_object_set_new(o, "signal", json_boolean(d->flags & FSG_D_SIGNAL));
	json_object_set_new(o, "faults", json_boolean(d->flags & FSG_D_FAULTS));
	json_object_set_new(o, "probe_ns", json_real(d->probe_ns_x16 / 16.0));
	json_object_set_new(o, "tsc_khz", json_integer((json_int_t)d->tsc_khz));
	json_object_set_new(o, "clocksource", json_string(clock_name(d->clocksource)));
	json_object_set_new(o, "clocks", clocks_json(d));
	json_object_set_new(o, "parts", parts_json(d));
	json_object_set_new(o, "rings", rings);
	json_object_set_new(o, "watchers", watchers_json(d));
	json_object_set(o, "meta", v->meta ? v->meta : json_null());
	text = json_dumps(o, JSON_INDENT(1));
	puts(text ? text : "{}");
	free(text);
	json_decref(o);
}

/* ---- words ---- */

static void print_ring(const char *of, const struct fsg_ring_head *h, uint64_t records)
{
	printf("ring      %s: %llu records written, place for %llu (%u %% used)", of,
	       (unsigned long long)h->head, (unsigned long long)records, percent(h->head, records));
	printf(h->lost ? ", %llu lost\n" : "\n", (unsigned long long)h->lost);
}

static void print_hooks(const json_t *hooks)
{
	const json_t *h;
	size_t i;

	json_array_foreach (hooks, i, h) {
		const char *want = json_string_value(json_object_get(h, "want"));
		const char *got = json_string_value(json_object_get(h, "got"));
		const char *why = json_string_value(json_object_get(h, "why"));
		const char *lost = json_string_value(json_object_get(h, "lost"));

		printf("hook      %-14s %s", want ? want : "?", got ? got : "-");
		if (why && *why)
			printf(" (%s)", why);
		printf(lost ? "; %s\n" : "\n", lost);
	}
}

static void print_words(const struct view *v)
{
	json_int_t without = json_integer_value(json_object_get(v->meta, "cpus_without_ring"));
	const struct fsg_dir *d = v->dir;
	char of[32];

	printf("armed     by process %llu, directory at 0x%llx\n", (unsigned long long)v->armed.pid,
	       (unsigned long long)v->armed.directory);
	if (v->moved)
		printf("moved     %zu pages are not where the directory says: arm again\n",
		       v->moved);
	printf("clock     %s, tsc %llu kHz, read within %llu cycles\n", clock_name(d->clocksource),
	       (unsigned long long)d->tsc_khz, (unsigned long long)d->clocks[0].tsc_width);
	printf("cost      %.1f ns to write a record (%s)\n", d->probe_ns_x16 / 16.0,
	       d->probe_ns_x16 ? "measured when armed" : "not known");
	if (without > 0)
		printf("no ring   CPUs %llu to %llu: what runs there is not recorded\n",
		       (unsigned long long)v->armed.cpus,
		       (unsigned long long)(v->armed.cpus + (uint64_t)without - 1));
	for (uint64_t i = 0; v->rings && i < v->armed.cpus; i++) {
		snprintf(of, sizeof(of), "CPU %llu", (unsigned long long)i);
		print_ring(of, ring_head(v, i), records_of(v->armed.ring_pages));
	}
	for (uint32_t i = 0; i < d->nparts && i < FSG_MAX_PARTS; i++)
		if (d->parts[i].kind == FSG_PART_SYMBOLS)
			printf("symbols   %llu bytes, deflated to %llu\n",
			       (unsigned long long)d->parts[i].raw_bytes,
			       (unsigned long long)d->parts[i].bytes);
	print_ring("agent", v->agent, records_of(v->armed.agent_pages));
	for (int i = 0; i < FSG_WATCHERS; i++)
		if (d->watchers[i].how)
			printf("watcher   %u %.16s by %s%s\n", d->watchers[i].tgid,
			       d->watchers[i].comm, step_name(d->watchers[i].how),
			       d->watchers[i].own ? " (our agent)" : "");
	print_hooks(json_object_get(v->meta, "hooks"));
}

int guest_cmd_status(int argc, char **argv)
{
	const char *run_dir = GUEST_RUN_DIR;
	bool json = false;
	struct fs_opt opts[] = {
		FS_OPT("--json", NULL, NULL, fs_opt_flag, &json, "as one JSON object"),
		FS_OPT("--run-dir", NULL, "DIR", fs_opt_string, &run_dir,
		       "as given to arm (" GUEST_RUN_DIR ")"),
		FS_OPT_END,
	};
	struct view v = {0};
	struct fs_args args;
	char err[SENTENCE];
	int ret = fs_opts_parse(&usage, opts, argc, argv, &args);

	if (ret >= 0)
		return ret;
	if (guest_armed_read(run_dir, &v.armed, err, sizeof(err)) || map_all(&v, err)) {
		if (json)
			puts("{\"armed\": false}");
		fs_error("%s", err);
		return GUEST_EXIT_FAILED;
	}
	if (json)
		print_json(&v);
	else
		print_words(&v);
	return GUEST_EXIT_OK;
}
