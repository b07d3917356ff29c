// SPDX-License-Identifier: BSD-2-Clause
/* The page faults on the critical path: by class, and the longest of them. */
#include <errno.h>
#include <stdlib.h>
#include "attribute/records/classify.h"
#include "attribute/result/ledger_parts.h"
#include "attribute/state/at.h"
#include "attribute/state/slots.h"

#define TOP 20

static int by_length(const void *x, const void *y)
{
	const struct at_fault *a = x, *b = y;

	if (a->ns != b->ns)
		return a->ns < b->ns ? 1 : -1;
	return a->at < b->at ? -1 : a->at > b->at;
}

/* The value that rank @k (from 0) of @v has; orders @v around it (Hoare's selection). */
static uint64_t select_rank(uint64_t *v, size_t n, size_t k)
{
	size_t lo = 0, hi = n - 1;

	while (lo < hi) {
		uint64_t pivot = v[lo + (hi - lo) / 2];
		size_t i = lo, j = hi;

		for (;;) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i >= j)
				break;
			uint64_t x = v[i];

			v[i++] = v[j];
			v[j--] = x;
		}
		/* all up to j are at most the pivot, all from j + 1 on at least */
		if (v[j] > pivot)
			j--;
		if (k <= j)
			hi = j;
		else
			lo = j + 1;
	}
	return v[k];
}

/* The I/O that the thread submitted in [t0, t1). */
static void fault_io(const struct at_thr *t, uint64_t t0, uint64_t t1, struct at_fault *f)
{
	for (size_t i = 0; i < t->bios.n; i++)
		if (t->bios.v[i].t0 >= t0 && t->bios.v[i].t0 < t1) {
			f->io_count++;
			f->io_bytes += t->bios.v[i].bytes;
		}
}

/* Whether @p is time of the exit that fault @of is in, in which its thread wanted a CPU. */
static bool in_fault(const struct at_segment *of, const struct at_segment *p)
{
	return of && of->exit && p->exit == of->exit && p->thr == of->thr &&
	       !((p->flags | of->flags) & AT_P_CLOSES) &&
	       (p->cause == FSA_C_SCHED_DELAY || p->cause == FSA_C_SCHED_THROTTLE);
}

static int collect_faults(const struct at_vm *vm, const struct at_path *path, struct at_faults *out)
{
	const struct at_segment *of = NULL;

	for (size_t i = path->p.n; i-- > 0;) {
		const struct at_segment *p = &path->p.v[i];
		uint64_t ns = at_segment_end(path, i) - p->t0;
		const struct at_exit *x = at_segment_exit(path, p);
		struct at_fault f = {.ns = ns,
				     .at = p->t0 - vm->start,
				     .cause = p->cause,
				     .stage = p->stage,
				     .huge = FSA_NHUGE};

		if (!p->fault) {
			if (in_fault(of, p))
				out->v.v[out->v.n - 1].sched += ns;
			continue;
		}
		if (of && at_same_fault(of, p)) {
			out->v.v[out->v.n - 1].ns += ns;
			continue;
		}
		of = p;
		if (x) {
			f.rip = x->rip;
			f.hva = x->hva;
			f.gpa = x->gpa;
			f.huge = (uint8_t)at_huge(x->hints);
			if (x->n_bio)
				fault_io(at_segment_thr(path, p), x->t0, x->t1, &f);
		}
		if (p->flags & AT_P_MM) {
			const struct at_mm *m = &at_segment_thr(path, p)->mms.v[p->fault - 1];

			f.hva = m->addr;
			f.gpa = at_slot_gpa(vm, m->addr);
			f.huge = (uint8_t)at_huge(m->hints);
			fault_io(at_segment_thr(path, p), m->t0, m->t1, &f);
		}
		if (fs_vec_push(&out->v, f))
			return -ENOMEM;
	}
	return 0;
}

static int fault_classes(struct fsa_fork *f, const struct at_faults *all)
{
	uint64_t *ns = calloc(all->v.n + 1, sizeof(*ns));

	if (!ns)
		return -ENOMEM;
	for (int c = FSA_C_FAULT_UFFD; c <= FSA_C_FAULT_RETRY; c++) {
		struct fsa_fault_class *k = &f->fault_class[c];
		size_t n = 0;

		for (size_t i = 0; i < all->v.n; i++)
			if (all->v.v[i].cause == c) {
				ns[n++] = all->v.v[i].ns;
				k->ns += all->v.v[i].ns;
				if (all->v.v[i].huge < FSA_NHUGE)
					k->huge[all->v.v[i].huge]++;
				f->cells[all->v.v[i].stage][c].count++;
			}
		k->count = n;
		if (!n)
			continue;
		k->p50_ns = select_rank(ns, n, (n * 50 + 99) / 100 - 1);
		k->p99_ns = select_rank(ns, n, (n * 99 + 99) / 100 - 1);
	}
	for (size_t i = 0; i < all->v.n; i++) /* of hugetlb memory: what they did is not known */
		if (all->v.v[i].cause == FSA_C_UNKNOWN)
			f->cells[all->v.v[i].stage][FSA_C_UNKNOWN].count++;
	free(ns);
	return 0;
}

static int top_faults(struct fsa_fork *f, const struct at_faults *all)
{
	struct at_fault top[TOP];
	size_t n = 0;

	for (size_t i = 0; i < all->v.n; i++) {
		const struct at_fault *x = &all->v.v[i];
		size_t k;

		if (n == TOP && by_length(x, &top[n - 1]) >= 0)
			continue;
		for (k = n < TOP ? n++ : n - 1; k && by_length(x, &top[k - 1]) < 0; k--)
			top[k] = top[k - 1];
		top[k] = *x;
	}
	if (!n)
		return 0;
	f->top_faults = calloc(n, sizeof(*f->top_faults));
	if (!f->top_faults)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct at_fault *x = &top[i];

		f->top_faults[i] = (struct fsa_top_fault){
			.gpa = x->gpa,
			.rip = x->rip,
			.hva = x->hva,
			.ns = x->ns,
			.at_ns = x->at,
			.cause = (enum fsa_cause)x->cause,
			.huge = (enum fsa_huge)x->huge,
			.io_bytes = x->io_bytes,
			.io_count = x->io_count,
		};
	}
	f->ntop_faults = n;
	return 0;
}

int at_path_faults(struct at *a, struct fsa_fork *f, struct at_vm *vm, const struct at_path *path)
{
	struct at_faults all = {0};
	int ret = collect_faults(vm, path, &all);

	ret = ret ? ret : fault_classes(f, &all);
	ret = ret ? ret : top_faults(f, &all);
	if (a->o.keep_faults)
		ret = ret ? ret : at_keep_faults(a, vm, f, &all);
	fs_vec_free(&all.v);
	return ret;
}
