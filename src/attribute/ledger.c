// SPDX-License-Identifier: BSD-2-Clause
/* From the critical path to the fork's ledger. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attribute/digest.h"
#include "attribute/guest.h"
#include "base/err.h"

#define TOP 20

/* --- labels: strings of the recording into those of the fork --- */

struct labels {
	uint32_t *of; /* by string: index in the fork + 1 */
	size_t n;
};

static int label_of(struct at *a, struct fsa_fork *f, struct labels *l, uint32_t str, uint32_t *out)
{
	char **v;

	*out = 0;
	if (!str || str >= l->n)
		return 0;
	if (!l->of[str]) {
		v = realloc(f->labels, (f->nlabels + 1) * sizeof(*v));
		if (!v)
			return -ENOMEM;
		f->labels = v;
		v[f->nlabels] = strdup(at_str_get(a, str));
		if (!v[f->nlabels])
			return -ENOMEM;
		l->of[str] = (uint32_t)++f->nlabels;
	}
	*out = l->of[str] - 1;
	return 0;
}

static bool same(const struct fsa_seg *x, const struct fsa_seg *y)
{
	return x->stage == y->stage && x->cause == y->cause && x->isa == y->isa &&
	       x->reason == y->reason && x->stack == y->stack && x->label == y->label &&
	       x->rip == y->rip && x->gpa == y->gpa && x->guest == y->guest;
}

static struct fsa_seg seg_of(const struct at_path *path, size_t i)
{
	const struct at_piece *p = &path->p.v[i];
	const struct at_exit *x = at_piece_exit(path, p);
	struct fsa_seg s = {
		.t0 = p->t0,
		.t1 = at_piece_end(path, i),
		.stage = p->stage,
		.cause = p->cause,
		.reason = UINT32_MAX,
		.stack = p->stack,
	};

	if (x) {
		s.reason = x->reason;
		s.isa = x->isa;
		s.rip = x->rip;
		s.gpa = p->fault && x->cause == p->cause ? x->gpa : 0;
	}
	return s;
}

/* The pieces as the result keeps them: in the order of time, equal neighbours merged. */
static int make_segs(struct at *a, struct fsa_fork *f, const struct at_path *path)
{
	struct labels l = {.n = a->str.v.n};
	int ret = -ENOMEM;

	f->labels = calloc(1, sizeof(*f->labels));
	l.of = calloc(l.n + 1, sizeof(*l.of));
	f->segs = calloc(path->p.n + 1, sizeof(*f->segs));
	if (!f->labels || !l.of || !f->segs)
		goto out;
	f->labels[0] = (char *)"";
	f->nlabels = 1;
	ret = 0;
	for (size_t i = path->p.n; i-- > 0 && !ret;) {
		struct fsa_seg *last = f->nsegs ? &f->segs[f->nsegs - 1] : NULL;
		struct fsa_seg s = seg_of(path, i);

		ret = label_of(a, f, &l, path->p.v[i].label, &s.label);
		ret = ret ? ret : label_of(a, f, &l, path->p.v[i].guest, &s.guest);
		if (last && last->t1 == s.t0 && same(last, &s))
			last->t1 = s.t1;
		else
			f->segs[f->nsegs++] = s;
	}
	if (f->nsegs) {
		struct fsa_seg *fit = realloc(f->segs, f->nsegs * sizeof(*fit));

		f->segs = fit ? fit : f->segs;
	}
out:
	free(l.of);
	return ret;
}

static int broken(struct at *a, const struct fsa_fork *f, uint64_t sum)
{
	return fs_errf(a->err, a->err_len, -EPROTO,
		       "internal error: VM %u: the pieces sum to %" PRIu64
		       " ns, the gap is %" PRIu64 " ns: please report this",
		       f->vm, sum, f->gap_ns);
}

/* The sum of all cells is the gap: anything else is an error of this program, never reported. */
static int make_cells(struct at *a, struct fsa_fork *f, const struct at_path *path)
{
	const struct at_piece *last = NULL;
	uint64_t sum = 0;

	for (size_t i = path->p.n; i-- > 0;) {
		const struct at_piece *p = &path->p.v[i];
		uint64_t end = at_piece_end(path, i);

		if (end <= p->t0)
			return broken(a, f, sum);
		f->cells[p->stage][p->cause].ns += end - p->t0;
		at_piece_thr(path, p)->on_path_ns +=
			p->cause == FSA_C_SCHED_DELAY || p->cause == FSA_C_SCHED_THROTTLE
				? 0
				: end - p->t0;
		if (!p->fault && (!last || last->cause != p->cause || last->exit != p->exit ||
				  last->label != p->label || last->thr != p->thr ||
				  last->stage != p->stage || last->guest != p->guest))
			f->cells[p->stage][p->cause].count++;
		last = p;
	}
	for (int s = 0; s < FSA_NSTAGES; s++)
		for (int c = 0; c < FSA_NCAUSES; c++) {
			uint64_t ns = f->cells[s][c].ns;

			f->bucket_ns[fsa_bucket_of((enum fsa_stage)s, (enum fsa_cause)c)] += ns;
			sum += ns;
		}
	if (sum != f->gap_ns || (last && path->p.v[path->p.n - 1].t0 != f->start_ns))
		return broken(a, f, sum);
	return 0;
}

void at_verdict(struct fsa_fork *f)
{
	static const enum fsa_verdict of[] = {
		[FSA_B_MEMORY] = FSA_V_MEMORY,
		[FSA_B_VCPU] = FSA_V_VCPU,
		[FSA_B_SIGNAL] = FSA_V_SIGNAL,
		[FSA_B_GUEST] = FSA_V_GUEST,
	};
	/* the clock's part is 0 without guest records */
	uint64_t doubt =
		f->bucket_ns[FSA_B_UNKNOWN] + f->bucket_ns[FSA_B_TRACER] + f->guest.doubt_ns;
	enum fsa_bucket top = FSA_B_MEMORY, next;
	uint64_t lead;

	for (int b = 0; b <= FSA_B_GUEST; b++)
		if (f->bucket_ns[b] > f->bucket_ns[top])
			top = (enum fsa_bucket)b;
	next = top == FSA_B_MEMORY ? FSA_B_VCPU : FSA_B_MEMORY;
	for (int b = 0; b <= FSA_B_GUEST; b++)
		if (b != (int)top && f->bucket_ns[b] > f->bucket_ns[next])
			next = (enum fsa_bucket)b;
	lead = f->bucket_ns[top] - f->bucket_ns[next];
	f->verdict_top[0] = top;
	f->verdict_top[1] = next;
	if (!f->gap_ns || doubt > lead)
		f->verdict = FSA_V_UNKNOWN;
	else if (f->bucket_ns[top] > f->gap_ns / 2 && lead > doubt)
		f->verdict = of[top];
	else
		f->verdict = FSA_V_MIXED;
}

/* --- faults --- */

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
static bool in_fault(const struct at_piece *of, const struct at_piece *p)
{
	return of && of->exit && p->exit == of->exit && p->thr == of->thr &&
	       !((p->flags | of->flags) & AT_P_CLOSES) &&
	       (p->cause == FSA_C_SCHED_DELAY || p->cause == FSA_C_SCHED_THROTTLE);
}

static int collect_faults(const struct at_vm *vm, const struct at_path *path, struct at_faults *out)
{
	const struct at_piece *of = NULL;

	for (size_t i = path->p.n; i-- > 0;) {
		const struct at_piece *p = &path->p.v[i];
		uint64_t ns = at_piece_end(path, i) - p->t0;
		const struct at_exit *x = at_piece_exit(path, p);
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
				fault_io(at_piece_thr(path, p), x->t0, x->t1, &f);
		}
		if (p->flags & AT_P_MM) {
			const struct at_mm *m = &at_piece_thr(path, p)->mms.v[p->fault - 1];

			f.hva = m->addr;
			f.gpa = at_slot_gpa(vm, m->addr);
			f.huge = (uint8_t)at_huge(m->hints);
			fault_io(at_piece_thr(path, p), m->t0, m->t1, &f);
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

static int make_faults(struct at *a, struct fsa_fork *f, struct at_vm *vm,
		       const struct at_path *path)
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

/* --- the fork --- */

static void end_words(const struct at *a, const struct at_vm *vm, char *buf, size_t len)
{
	char asked[80];

	fsa_end_text(&a->o, asked, sizeof(asked));
	if (vm->decoded_end)
		snprintf(buf, len, "mailbox decoded (the guest's own record)");
	else if (vm->mailbox_lost)
		snprintf(buf, len, "ack:applied");
	else if (vm->end_reached)
		snprintf(buf, len, "%s", asked);
	else if (vm->notes & 1u << FSA_N_VMM_DIED)
		snprintf(buf, len, "VMM ended");
	else if (vm->notes & 1u << FSA_N_CUT)
		snprintf(buf, len, "recording ended");
	else
		snprintf(buf, len, "time-out");
}

static uint32_t find_notes(struct at *a, const struct at_vm *vm, const struct at_path *path)
{
	uint32_t notes = vm->notes | (vm->huge ? 1u << FSA_N_HUGETLB : 0);

	if (vm->mailbox_lost)
		notes |= 1u << FSA_N_MAILBOX_ACK_LOST;
	if (vm->late)
		notes |= 1u << FSA_N_SEEN_LATE;
	if (a->o.start != FSA_START_RESUME && vm->start == vm->resume)
		notes |= 1u << FSA_N_NO_START;
	if (!vm->has_exits)
		notes |= 1u << FSA_N_NO_EXITS;
	if (a->faults && !a->has_hmm)
		notes |= 1u << FSA_N_NO_FAULT_CLASS;
	/* a tick of another vCPU says nothing against the path; a share of it does */
	if (!(vm->guest && vm->guest->turns.n) &&
	    at_guest_overlap(vm, path) > (vm->end - vm->start) / 100)
		notes |= 1u << FSA_N_PATH_AMBIGUOUS;
	for (size_t i = 0; i < a->holes.n; i++)
		if (a->holes.v[i].missing && a->holes.v[i].t0 < vm->end &&
		    a->holes.v[i].t1 > vm->start)
			notes |= 1u << FSA_N_LOST_EVENTS;
	return notes;
}

static void fill_head(struct at *a, const struct at_vm *vm, struct fsa_fork *f)
{
	const struct at_thr *by = vm->resume_by ? at_proc_thr(vm->proc, vm->resume_by) : NULL;

	f->vmm_pid = vm->proc->tgid;
	f->vm = vm->id;
	f->vmm_start_ns = vm->proc->start_ns;
	snprintf(f->comm, sizeof(f->comm), "%.15s", at_str_get(a, vm->proc->comm));
	f->vcpus = vm->ncreated > vm->vcpus.n ? vm->ncreated : (unsigned int)vm->vcpus.n;
	f->restore = vm->restore;
	f->hugetlb = vm->huge;
	f->complete = vm->end_reached;
	end_words(a, vm, f->end, sizeof(f->end));
	f->start_kind = vm->start == vm->resume ? FSA_START_RESUME : a->o.start;
	f->resume_kind = vm->resume_kind;
	f->resume_by_tid = vm->resume_by;
	if (by)
		snprintf(f->resume_by_comm, sizeof(f->resume_by_comm), "%.15s",
			 at_str_get(a, by->comm));
	f->start_ns = vm->start;
	f->resume_ns = vm->resume;
	f->end_ns = vm->end;
	f->gap_ns = vm->end - vm->start;
	f->events = vm->events;
}

int at_ledger(struct at *a, struct at_vm *vm, struct at_path *path)
{
	struct fsa_fork *f = calloc(1, sizeof(*f));
	int ret = -ENOMEM;

	if (!f)
		return ret;
	fill_head(a, vm, f);
	f->notes = find_notes(a, vm, path);
	at_guest_fill(vm, f);
	for (size_t i = 0; i < vm->proc->thr.n; i++)
		vm->proc->thr.v[i]->on_path_ns = 0;
	ret = make_cells(a, f, path);
	f->guest.doubt_ns = at_guest_doubt(vm, f);
	f->off_path_ns = at_off_path(vm);
	ret = ret ? ret : make_segs(a, f, path);
	ret = ret ? ret : fsa_digest(f);
	if (a->o.drop_segs) {
		free(f->segs);
		f->segs = NULL;
		f->nsegs = 0;
	}
	ret = ret ? ret : make_faults(a, f, vm, path);
	ret = ret ? ret : at_top_exits(f, path);
	ret = ret ? ret : at_milestones(f, vm);
	ret = ret ? ret : at_phases(a, vm, f);
	if (!ret) {
		struct at_made made = {.f = f};

		at_verdict(f);
		at_snapshot_keys(a, vm, made.keys);
		ret = fs_vec_push(&a->forks, made);
	}
	if (ret) {
		fsa_fork_free(f);
		free(f);
		return ret;
	}
	vm->fork = f;
	return 0;
}
