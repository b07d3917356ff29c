// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs of the recorder's programs that the kernel skipped. A reading of its counters says of a CPU
 * and a stretch of time that something happened there without a record.
 */
#include "attribute/records/skipped.h"
#include "base/search.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Programs whose records are in no ledger: ends, milestones, and the guest's clock. */
static const char *const outside_ledger[] = {"fs_kvm_pio", "fs_net", "fs_tsc_offset", "fs_pvclock",
					     "fs_signal"};
/* Programs that record guest mode and waiting. */
static const char *const bearing[] = {"fs_kvm_entry", "fs_kvm_exit", "fs_switch", "fs_waking"};

static bool begins(const char *prog, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strncmp(prog, list[i], strlen(list[i])))
			return true;
	return false;
}

#define BEGINS(prog, list) begins(prog, list, sizeof(list) / sizeof(*(list)))

static int by_cpu_time(const void *x, const void *y)
{
	const struct at_miss *a = x, *b = y;

	if (a->cpu != b->cpu)
		return a->cpu < b->cpu ? -1 : 1;
	return a->t0 < b->t0 ? -1 : a->t0 > b->t0;
}

/* Joins what touches. */
static size_t join(struct at_miss *v, size_t n)
{
	size_t kept = 0;

	qsort(v, n, sizeof(*v), by_cpu_time);
	for (size_t i = 1; i < n; i++) {
		if (v[i].cpu != v[kept].cpu || v[i].t0 > v[kept].t1)
			v[++kept] = v[i];
		else if (v[i].t1 > v[kept].t1)
			v[kept].t1 = v[i].t1;
	}
	return kept + 1;
}

int at_missed_load(struct at *a)
{
	uint64_t left_out;
	size_t n;
	const struct fs_ev_missed *e = fsr_missed(a->r, &n, &left_out);

	a->odd += left_out;
	for (size_t i = 0; i < n; i++) {
		struct at_miss m = {.t0 = e[i].ts_start, .t1 = e[i].h.ts};

		bool any[AT_MISSES] = {
			[AT_MISS_ANY] = true,
			[AT_MISS_SOME] = !BEGINS(e[i].prog, outside_ledger),
			[AT_MISS_ALL] = BEGINS(e[i].prog, bearing),
		};

		for (int k = 0; k < AT_MISSES; k++) {
			m.cpu = k == AT_MISS_ANY ? FS_ANY_CPU : e[i].on_cpu;
			if (e[i].runs && any[k] && fs_vec_push(&a->misses[k], m))
				return -ENOMEM;
		}
	}
	for (int k = 0; k < AT_MISSES; k++)
		if (a->misses[k].n)
			a->misses[k].n = join(a->misses[k].v, a->misses[k].n);
	return 0;
}

/* The first miss on @cpu that ends after @t, or NULL. */
static const struct at_miss *first_after(const struct at *a, int kind, uint32_t cpu, uint64_t t)
{
	const struct at_miss *v = a->misses[kind].v;
	size_t first = fs_first_where(a->misses[kind].n, i,
				      v[i].cpu > cpu || (v[i].cpu == cpu && v[i].t1 > t));

	return first < a->misses[kind].n && v[first].cpu == cpu ? &v[first] : NULL;
}

bool at_missing(const struct at *a, int kind, uint32_t cpu, uint64_t *t0, uint64_t *t1)
{
	const struct at_miss *here = first_after(a, kind, cpu, *t0),
			     *any = first_after(a, kind, FS_ANY_CPU, *t0),
			     *m = !here || (any && any->t0 < here->t0) ? any : here;

	if (!m || m->t0 >= *t1)
		return false;
	*t0 = m->t0 > *t0 ? m->t0 : *t0;
	*t1 = m->t1 < *t1 ? m->t1 : *t1;
	return true;
}

bool at_missing_in(const struct at *a, uint64_t t0, uint64_t t1)
{
	const struct at_miss *m = first_after(a, AT_MISS_ANY, FS_ANY_CPU, t0);

	return m && m->t0 < t1;
}
