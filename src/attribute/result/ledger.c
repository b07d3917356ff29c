// SPDX-License-Identifier: BSD-2-Clause
/* From the critical path to the fork's ledger: its cells, its verdict, its notes. */
#include "attribute/result/ledger.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "attribute/guest/timelines.h"
#include "attribute/path/walk.h"
#include "attribute/result/digest.h"
#include "attribute/result/ledger_parts.h"
#include "attribute/state/at.h"
#include "base/err.h"

static int broken(struct at *a, const struct fsa_fork *f, uint64_t sum)
{
	return fs_errf(a->err, a->err_len, -EPROTO,
		       "internal error: VM %u: the segments sum to %" PRIu64
		       " ns, the gap is %" PRIu64 " ns: please report this",
		       f->vm, sum, f->gap_ns);
}

/* The sum of all cells is the gap: anything else is an error of this program, never reported. */
static int make_cells(struct at *a, struct fsa_fork *f, const struct at_path *path)
{
	const struct at_segment *last = NULL;
	uint64_t sum = 0;

	for (size_t i = path->p.n; i-- > 0;) {
		const struct at_segment *p = &path->p.v[i];
		uint64_t end = at_segment_end(path, i);

		if (end <= p->t0)
			return broken(a, f, sum);
		f->cells[p->stage][p->cause].ns += end - p->t0;
		at_segment_thr(path, p)->on_path_ns +=
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
	if (!(vm->guest && vm->guest->schedule.n) &&
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
	ret = ret ? ret : at_segments(a, f, path);
	ret = ret ? ret : fsa_digest(f);
	if (a->o.drop_segs) {
		free(f->segs);
		f->segs = NULL;
		f->nsegs = 0;
	}
	ret = ret ? ret : at_path_faults(a, f, vm, path);
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
