// SPDX-License-Identifier: BSD-2-Clause
/* Runs of programs that the kernel skipped: its counters, read by a program, compared. */
#include "collect/bpf/misses.h"
#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/vec.h"

struct fs_misses {
	struct fs_bpf *bpf;
	const unsigned int *possible;
	size_t nhooks, ncpus; /* ncpus: numbers that CPUs have, holes included */
	uint64_t *mapped;     /* of the program of ours that reads them, or NULL */
	size_t mapped_bytes;
	bool by_cpu;        /* else the sum over all CPUs stands in the first of a program */
	uint64_t *counts;   /* as the kernel has them: [hook * ncpus + CPU] */
	uint64_t *of_group; /* lost by a hook and its twins, so far; the same index */
	uint64_t *of_cpu;   /* sums; of all CPUs in [ncpus] where they are not separable */
	bool *held;         /* CPUs where a thread met perf's guard since the last reading */
	uint64_t runs, last_ns;
	FS_VEC(struct fs_ev_missed) out;
};

/* Lets the program of ours copy the kernel's counters into the map. */
static bool run_reader(const struct fs_misses *m)
{
	uint64_t args[2] = {m->nhooks, m->ncpus};
	LIBBPF_OPTS(bpf_test_run_opts, o, .ctx_in = args, .ctx_size_in = sizeof(args));
	int prog = fs_bpf_misses(m->bpf);

	return prog >= 0 && !bpf_prog_test_run_opts(prog, &o) && o.retval == 1;
}

static bool read_by_cpu(struct fs_misses *m)
{
	size_t n;

	if (!m->mapped || !run_reader(m))
		return false;
	n = fs_bpf_cpus(m->bpf, &m->possible);
	/* what stands for a number that no CPU has means nothing */
	for (size_t h = 0; h < m->nhooks; h++)
		for (size_t i = 0; i < n; i++)
			m->counts[h * m->ncpus + m->possible[i]] =
				m->mapped[h * m->ncpus + m->possible[i]];
	return true;
}

static void read_sums(struct fs_misses *m)
{
	for (size_t h = 0; h < m->nhooks; h++) {
		int fd = fs_bpf_prog(m->bpf, h);
		struct bpf_prog_info info = {0};
		__u32 size = sizeof(info);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size))
			m->counts[h * m->ncpus] = info.recursion_misses;
	}
}

/* From now on the kernel's sums have to do: what was seen until now is summed up, too. */
static void forget_cpus(struct fs_misses *m)
{
	fs_warn("cannot read on which CPU the kernel skipped probes any more: %m");
	m->by_cpu = false;
	memset(m->counts, 0, m->nhooks * m->ncpus * sizeof(*m->counts));
	for (size_t h = 0; h < m->nhooks; h++)
		for (size_t cpu = 1; cpu < m->ncpus; cpu++)
			m->of_group[h * m->ncpus] += m->of_group[h * m->ncpus + cpu];
}

static void read_counts(struct fs_misses *m)
{
	if (m->by_cpu && !read_by_cpu(m))
		forget_cpus(m);
	if (!m->by_cpu)
		read_sums(m);
}

/*
 * perf's tracepoints share one guard for each CPU, with preemption off around it. Who meets it held
 * is either in an interrupt on top of another program, or finds a thread preempted within a bpf(2)
 * call on a map, which holds the guard with preemption on. What this hook sees happens in
 * interrupts, too, where nothing of a thread's is lost; the others see what threads do.
 */
static bool in_interrupts(const struct fs_hook *h)
{
	return h->kind == FS_HOOK_TRACEPOINT && !strcmp(h->target, "kmem/mm_page_alloc");
}

/* Has a thread met that guard held on @cpu since the last reading? */
static bool guard_was_held(const struct fs_misses *m, size_t cpu)
{
	const struct fs_hook *hooks = fs_bpf_plan(m->bpf)->table->hooks;

	for (size_t h = 0; h < m->nhooks; h++)
		if (hooks[h].kind == FS_HOOK_TRACEPOINT && !in_interrupts(&hooks[h]) &&
		    m->counts[h * m->ncpus + cpu] > m->of_group[h * m->ncpus + cpu])
			return true;
	return false;
}

/* What hook @h and its twins, up to @end, have lost on a CPU: what the least skipped one missed. */
static uint64_t group_count(const struct fs_misses *m, size_t h, size_t end, size_t cpu)
{
	uint64_t least = UINT64_MAX;

	for (; h < end; h++)
		if (fs_bpf_prog(m->bpf, h) >= 0 && m->counts[h * m->ncpus + cpu] < least)
			least = m->counts[h * m->ncpus + cpu];
	return least == UINT64_MAX ? 0 : least;
}

static int note(struct fs_misses *m, struct fs_own_records *own, size_t h, size_t cpu,
		uint64_t more, uint64_t now)
{
	const struct fs_plan *p = fs_bpf_plan(m->bpf);
	struct fs_ev_missed e = {.ts_start = m->last_ns, .runs = more};

	e.on_cpu = m->by_cpu ? (uint32_t)cpu : FS_ANY_CPU;
	strncpy(e.prog, p->table->hooks[h].prog, sizeof(e.prog) - 1);
	fs_own_head(own, &e.h, FS_EV_MISSED, sizeof(e), now);
	m->of_cpu[m->by_cpu ? cpu : m->ncpus] += more;
	m->runs += more;
	return fs_vec_push(&m->out, e);
}

/* Compares with what was there before; @own NULL: only remembers. */
static int compare(struct fs_misses *m, struct fs_own_records *own, uint64_t now)
{
	const struct fs_hook *hooks = fs_bpf_plan(m->bpf)->table->hooks;
	size_t end, ncpus = m->by_cpu ? m->ncpus : 1;
	int ret = 0;

	for (size_t cpu = 0; cpu < ncpus; cpu++)
		m->held[cpu] = guard_was_held(m, cpu);
	for (size_t h = 0; h < m->nhooks; h = end) {
		for (end = h + 1; end < m->nhooks && fs_hooks_twins(&hooks[h], &hooks[end]); end++)
			;
		for (size_t cpu = 0; cpu < ncpus && !ret; cpu++) {
			uint64_t n = group_count(m, h, end, cpu), *was;

			was = &m->of_group[h * m->ncpus + cpu];
			if (own && n > *was && (m->held[cpu] || !in_interrupts(&hooks[h])))
				ret = note(m, own, h, cpu, n - *was, now);
			*was = n;
		}
	}
	return ret;
}

/* The counters of the program of ours, for reading. */
static void map_counts(struct fs_misses *m)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = m->nhooks * m->ncpus * sizeof(uint64_t);
	void *at;

	m->mapped_bytes = (n + page - 1) / page * page;
	at = mmap(NULL, m->mapped_bytes, PROT_READ, MAP_SHARED, fs_bpf_map(m->bpf, "misses"), 0);
	m->mapped = at == MAP_FAILED ? NULL : at;
	for (uint32_t h = 0; h < m->nhooks; h++) {
		int fd = fs_bpf_prog(m->bpf, h);

		bpf_map_update_elem(fs_bpf_map(m->bpf, "prog_fds"), &h, &fd, BPF_ANY);
	}
}

struct fs_misses *fs_misses_new(struct fs_bpf *b)
{
	struct fs_misses *m = calloc(1, sizeof(*m));
	size_t n;

	if (!m)
		return NULL;
	m->bpf = b;
	n = fs_bpf_cpus(b, &m->possible);
	m->ncpus = n ? m->possible[n - 1] + 1 : 1;
	m->nhooks = fs_bpf_plan(b)->table->nhooks;
	m->counts = calloc(m->nhooks * m->ncpus, sizeof(*m->counts));
	m->of_group = calloc(m->nhooks * m->ncpus, sizeof(*m->of_group));
	m->of_cpu = calloc(m->ncpus + 1, sizeof(*m->of_cpu));
	m->held = calloc(m->ncpus, sizeof(*m->held));
	if (!m->counts || !m->of_group || !m->of_cpu || !m->held) {
		fs_misses_free(m);
		return NULL;
	}
	map_counts(m);
	m->by_cpu = read_by_cpu(m);
	if (!m->by_cpu)
		fs_debug("skipped runs of probes are counted over all CPUs: %m");
	read_counts(m);
	m->last_ns = fs_mono_ns();
	compare(m, NULL, m->last_ns);
	return m;
}

bool fs_misses_works(struct fs_misses *m)
{
	return !m->by_cpu || run_reader(m);
}

int fs_misses_read(struct fs_misses *m, struct fsr_writer *w, struct fs_own_records *own,
		   uint64_t now)
{
	int ret;

	read_counts(m);
	m->out.n = 0;
	ret = compare(m, own, now);
	if (!ret && m->out.n)
		ret = fsr_write_events(w, FS_OWN_CPU, m->out.v, m->out.n * sizeof(*m->out.v),
				       (uint32_t)m->out.n);
	m->last_ns = now;
	return ret;
}

uint64_t fs_misses_next(const struct fs_misses *m)
{
	return m->last_ns + FS_MISSES_NS;
}

uint64_t fs_misses_runs(const struct fs_misses *m)
{
	return m->runs;
}

uint64_t fs_misses_of(const struct fs_misses *m, uint32_t cpu)
{
	return cpu < m->ncpus ? m->of_cpu[cpu] : cpu == FS_ANY_CPU ? m->of_cpu[m->ncpus] : 0;
}

void fs_misses_free(struct fs_misses *m)
{
	if (!m)
		return;
	fs_vec_free(&m->out);
	if (m->mapped)
		munmap(m->mapped, m->mapped_bytes);
	free(m->counts);
	free(m->of_group);
	free(m->of_cpu);
	free(m->held);
	free(m);
}
