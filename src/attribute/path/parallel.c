// SPDX-License-Identifier: BSD-2-Clause
/* What other threads and vCPUs did in parallel with the path. */
#include "attribute/path/walk.h"

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Guest mode of @t before its exit @i (which may be one past the last): [*g0, *g1). */
static bool guest_before(const struct at_thr *t, size_t i, uint64_t *g0, uint64_t *g1)
{
	if (!i || i > t->exits.n)
		return false;
	*g0 = t->exits.v[i - 1].t1;
	*g1 = i < t->exits.n ? t->exits.v[i].t0 : t->cover;
	return *g1 > *g0;
}

uint64_t at_guest_overlap(const struct at_vm *vm, const struct at_path *path)
{
	uint64_t sum = 0;

	for (size_t v = 0; v < vm->vcpus.n && vm->vcpus.n > 1; v++) {
		struct at_thr *t = vm->vcpus.v[v];
		size_t i = 1;

		for (size_t k = path->p.n; k-- > 0;) {
			const struct at_segment *p = &path->p.v[k];
			uint64_t end = at_segment_end(path, k), g0, g1;

			if (p->cause != FSA_C_GUEST_RUN || at_segment_thr(path, p) == t)
				continue;
			while (i < t->exits.n && t->exits.v[i].t0 <= p->t0)
				i++;
			for (size_t j = i; j <= t->exits.n; j++) {
				if (!guest_before(t, j, &g0, &g1))
					continue;
				if (g0 >= end)
					break;
				if (g1 > p->t0)
					sum += min64(g1, end) - (g0 > p->t0 ? g0 : p->t0);
			}
		}
	}
	return sum;
}

/* Time on a CPU that is certain: between two sleeps that are both known. */
static uint64_t on_cpu(const struct at_thr *t, uint64_t from, uint64_t to)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->offs.n; i++) {
		uint64_t a = t->offs.v[i].in;
		uint64_t b = i + 1 < t->offs.n ? t->offs.v[i + 1].out : t->next_out;

		if (t->is_vcpu && i + 1 == t->offs.n && t->cover > b)
			b = t->cover;
		a = a > from ? a : from;
		b = b < to ? b : to;
		if (b > a)
			sum += b - a;
	}
	return sum;
}

uint64_t at_off_path(const struct at_vm *vm)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < vm->proc->thr.n; i++) {
		const struct at_thr *t = vm->proc->thr.v[i];
		uint64_t on = on_cpu(t, vm->start, vm->end);

		sum += on > t->on_path_ns ? on - t->on_path_ns : 0;
	}
	return sum;
}
