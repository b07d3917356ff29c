// SPDX-License-Identifier: BSD-2-Clause
/* The JSON of STATS: losses, skipped runs, costs; and that of hooks. */
#include "collect/bpf/stats_json.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "base/clock.h"
#include "bpf/knobs.h"
#include "collect/host/host.h"

#define INT(v) ((json_int_t)(v))

static struct fs_losses add(struct fs_losses a, const struct fs_lost *l)
{
	a.records += l->records;
	a.stacks += l->stacks;
	a.state += l->state;
	a.slots += l->slots;
	a.no_ring += l->no_ring;
	return a;
}

static json_t *missed_row(uint32_t cpu, uint64_t runs)
{
	return json_pack("{s:o, s:I}", "cpu", cpu == FS_ANY_CPU ? json_null() : json_integer(cpu),
			 "runs", INT(runs));
}

/* The runs of probes that the kernel skipped: all, and by CPU (null: which is not known). */
static json_t *missed(const struct fs_bpf *b, const struct fs_misses *m)
{
	json_t *rows = json_array();
	const unsigned int *cpus;
	size_t n = fs_bpf_cpus(b, &cpus);

	for (size_t i = 0; i <= n; i++) {
		uint32_t cpu = i < n ? cpus[i] : FS_ANY_CPU;

		if (fs_misses_of(m, cpu))
			json_array_append_new(rows, missed_row(cpu, fs_misses_of(m, cpu)));
	}
	return json_pack("{s:I, s:o}", "runs", INT(fs_misses_runs(m)), "by_cpu", rows);
}

static bool any(const struct fs_lost *l)
{
	return l->records || l->stacks || l->state || l->slots;
}

static json_t *loss_row(const char *key, uint32_t n, const struct fs_lost *l)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", key, INT(n), "records", INT(l->records),
			 "stacks", INT(l->stacks), "state", INT(l->state), "slots", INT(l->slots));
}

/* Reads the per-CPU counters; adds a row to @rows (may be NULL) for each CPU that lost something.
 */
static struct fs_losses read_cpus(const struct fs_bpf *b, json_t *rows)
{
	struct fs_losses sum = {0};
	const unsigned int *cpus;
	size_t n = fs_bpf_cpus(b, &cpus);
	struct fs_lost *l = calloc(n, sizeof(*l));
	uint32_t zero = 0;

	if (l && !bpf_map_lookup_elem(fs_bpf_map(b, "lost_cpu"), &zero, l))
		for (size_t i = 0; i < n; i++) {
			sum = add(sum, &l[i]);
			if (rows && any(&l[i]))
				json_array_append_new(rows, loss_row("cpu", cpus[i], &l[i]));
		}
	free(l);
	return sum;
}

static void read_vms(const struct fs_bpf *b, json_t *rows)
{
	int map = fs_bpf_map(b, "lost_vm");
	uint32_t vm, prev = 0;
	bool first = true;

	while (!bpf_map_get_next_key(map, first ? NULL : &prev, &vm)) {
		struct fs_lost l;

		first = false;
		prev = vm;
		if (!bpf_map_lookup_elem(map, &vm, &l) && any(&l))
			json_array_append_new(rows, loss_row("vm", vm, &l));
	}
}

struct fs_losses fs_stats_losses(const struct fs_bpf *b)
{
	return read_cpus(b, NULL);
}

static json_t *kinds(const struct fs_ring_counts *c)
{
	json_t *o = json_object();

#define X(num, name, type, doc) \
	if (c->kinds[num])      \
		json_object_set_new(o, #name, json_integer(INT(c->kinds[num])));
	FS_EVENT_KINDS(X)
#undef X
	return o;
}

static void programs(const struct fs_bpf *b, json_t *o)
{
	json_t *rows = json_array();
	struct fs_prog_cost c;
	uint64_t ns = 0, cnt = 0, misses = 0, all_ns, all_cnt;

	for (size_t i = 0; fs_bpf_cost(b, i, &c); i++) {
		ns += c.run_ns;
		cnt += c.run_cnt;
		misses += c.misses;
		json_array_append_new(rows, json_pack("{s:s, s:I, s:I, s:I}", "name", c.name,
						      "run_ns", INT(c.run_ns), "run_cnt",
						      INT(c.run_cnt), "misses", INT(c.misses)));
	}
	if (fs_bpf_run_time(b, &all_ns, &all_cnt)) {
		ns = all_ns;
		cnt = all_cnt;
	}
	json_object_set_new(o, "progs", rows);
	json_object_set_new(o, "probe_ns", json_integer(INT(ns)));
	json_object_set_new(o, "probe_cnt", json_integer(INT(cnt)));
	json_object_set_new(o, "probe_misses", json_integer(INT(misses)));
}

static uint64_t ns_of(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_usec * 1000ull;
}

struct fs_cpu_time fs_cpu_time_now(void)
{
	struct rusage u = {0};

	getrusage(RUSAGE_SELF, &u);
	return (struct fs_cpu_time){ns_of(u.ru_utime), ns_of(u.ru_stime)};
}

/* While recording; and what loading and attaching had cost before. */
static json_t *own_cost(const struct fs_cpu_time *prepared, const struct fs_cpu_time *used)
{
	struct rusage u = {0};

	getrusage(RUSAGE_SELF, &u);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "user_ns",
			 INT(used->user_ns - prepared->user_ns), "sys_ns",
			 INT(used->sys_ns - prepared->sys_ns), "prepare_user_ns",
			 INT(prepared->user_ns), "prepare_sys_ns", INT(prepared->sys_ns),
			 "max_rss_kib", INT(u.ru_maxrss), "vcsw", INT(u.ru_nvcsw), "ivcsw",
			 INT(u.ru_nivcsw));
}

json_t *fs_stats_json(const struct fs_stats_in *in)
{
	const struct fs_ring_counts *c = fs_rings_counts(in->rings);
	json_t *cpu_rows = json_array(), *vm_rows = json_array();
	struct fs_losses l = read_cpus(in->bpf, cpu_rows);
	uint64_t now = fs_mono_ns();
	struct fs_clocks clocks;
	json_t *o;

	read_vms(in->bpf, vm_rows);
	fs_clocks_read(&clocks);
	o = json_pack(
		"{s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:{s:I, s:I, s:I, s:I, s:I}, s:o, s:o, s:o, s:b, s:f, s:o, s:o}",
		"final", in->final, "at_ns", INT(now), "wall_ns", INT(now - in->armed_ns), "bytes",
		INT(in->bytes), "rounds", INT(c->rounds), "events", INT(c->events + in->own_events),
		"kinds", kinds(c), "late", INT(c->late), "malformed", INT(c->malformed), "lost",
		"records", INT(l.records), "stacks", INT(l.stacks), "state", INT(l.state), "slots",
		INT(l.slots), "no_ring", INT(l.no_ring), "lost_cpu", cpu_rows, "lost_vm", vm_rows,
		"cost", own_cost(&in->prepared, &in->used), "probe_stats", in->probe_stats,
		"ring_max_fill", c->max_fill, "clock", fs_clocks_json(&clocks), "guests",
		in->guests);
	if (o) {
		programs(in->bpf, o);
		json_object_set_new(o, "missed", missed(in->bpf, in->misses));
	}
	return o;
}

json_t *fs_hooks_json(const struct fs_plan *p)
{
	json_t *rows = json_array();

	for (size_t w = 0; rows && w < p->table->nwants; w++) {
		const struct fs_choice *c = &p->choices[w];
		json_t *row = json_pack("{s:s, s:s, s:s, s:i}", "want", p->table->wants[w].name,
					"got", c->got, "why", c->why, "rank", (int)c->rank);

		if (row && !c->rank)
			json_object_set_new(row, "lost", json_string(p->table->wants[w].lost));
		json_array_append_new(rows, row);
	}
	return rows;
}
