// SPDX-License-Identifier: BSD-2-Clause
/* Page faults outside of exits, asynchronous ones, and the work and I/O that they wait for. */
#include <errno.h>
#include "attribute/records/classify.h"
#include "attribute/records/records.h"
#include "attribute/records/touches.h"
#include "attribute/state/at.h"

#define MAX_APF_OPEN 256 /* how far back an asynchronous fault's beginning is looked for */

int at_on_mmfault(struct at *a, const struct fs_ev_mmfault *e)
{
	struct at_thr *t = at_thr_get(a, e->h.tid, e->h.tgid, true);
	struct at_mm m = {
		.t0 = e->has_end ? e->ts_start : e->h.ts,
		.t1 = e->h.ts,
		.addr = e->addr,
		.hints = e->hints,
		.stack = e->stack,
		.has_end = !!e->has_end,
	};
	uint64_t prev;

	if (!t)
		return at_odd(a);
	if (at_touch_mm(a, t->proc, &m))
		return -ENOMEM;
	if (m.t0 >= t->proc->keep_until)
		return 0;
	if (e->hints & FS_H_HMM)
		a->has_hmm = true;
	prev = t->mms.n ? t->mms.v[t->mms.n - 1].t1 : 0;
	if (m.t0 < prev)
		m.t0 = prev;
	if (m.t0 > m.t1)
		return 0;
	t->proc->spans++;
	at_proc_trim(t->proc);
	return fs_vec_push(&t->mms, m);
}

/*
 * A worker that read a page for a vCPU says what that vCPU's asynchronous fault waited for: KVM
 * reports to the guest that the page is not present and queues the work right after, so it is the
 * last fault before the queueing. A thread queues other work, too; it says nothing, so that what
 * has found a userfaultfd handler has the last word.
 */
static void class_apf(struct at_thr *t, const struct at_work *w)
{
	struct at_apf *last = NULL;

	for (size_t i = t->apfs.n, n = 0; i-- > 0 && n < MAX_APF_OPEN && !last; n++)
		if (t->apfs.v[i].t0 <= w->queue)
			last = &t->apfs.v[i];
	if (!last)
		return;
	if (w->hints & FS_H_UFFD || w->st & AT_ST_UFFD)
		last->cause = FSA_C_FAULT_UFFD;
	else if (last->cause == AT_NO_FAULT)
		last->cause = FSA_C_FAULT_MAJOR;
	else
		return;
	last->done = w->end;
}

int at_on_work(struct at *a, const struct fs_ev_work *e)
{
	struct at_proc *p = at_proc_get(a, e->queuer_tgid, false);
	struct at_work w = {
		.queue = e->ts_queue,
		.start = e->ts_start,
		.end = e->h.ts,
		.work = e->work,
		.queuer_tid = e->queuer_tid,
		.worker_tid = e->h.tid,
		.hints = e->hints,
	};
	struct at_thr *t;

	if (!p || w.queue >= p->keep_until || w.start > w.end)
		return 0;
	if (w.queue > w.start)
		w.queue = w.start;
	w.st = at_stack_kinds(a, e->stack);
	t = at_proc_thr(p, w.queuer_tid);
	if (t && t->is_vcpu)
		class_apf(t, &w);
	p->spans++;
	return fs_vec_push(&p->works, w);
}

int at_on_bio(struct at *a, const struct fs_ev_bio *e)
{
	struct at_thr *t = at_thr_get(a, e->h.tid, e->h.tgid, false);

	if (!t || e->ts_start >= t->proc->keep_until)
		return 0;
	t->proc->spans++;
	at_proc_trim(t->proc);
	return fs_vec_push(&t->bios, (struct at_bio){.t0 = e->ts_start,
						     .t1 = e->h.ts,
						     .work = e->work,
						     .bytes = e->bytes});
}

#define AT_TOKEN_REPEATED UINT64_MAX

int at_on_apf(struct at *a, const struct fs_ev_apf *e)
{
	struct at_thr *t = at_thr_get(a, e->h.tid, e->h.tgid, false);
	struct at_apf *any = NULL, *hit = NULL;

	if (!t || !t->is_vcpu || !t->proc->keep_until)
		return 0;
	for (size_t i = t->apfs.n, n = 0; i-- > 0 && n < MAX_APF_OPEN; n++) {
		struct at_apf *f = &t->apfs.v[i];

		if (f->t1)
			continue;
		any = f;
		if (f->token == (e->op == FS_APF_READY ? e->a : AT_TOKEN_REPEATED))
			hit = f;
	}
	if (e->op == FS_APF_READY) {
		if (!hit && any && any->token == AT_TOKEN_REPEATED)
			hit = any;
		if (hit)
			hit->t1 = e->h.ts;
		return 0;
	}
	/* a repeated fault begins nothing while the first one is known to be under way */
	if ((e->op != FS_APF_NOT_PRESENT && (e->op != FS_APF_REPEATED || any)) ||
	    e->h.ts >= t->proc->keep_until)
		return 0;
	t->proc->spans++;
	return fs_vec_push(&t->apfs,
			   (struct at_apf){
				   .t0 = e->h.ts,
				   .token = e->op == FS_APF_NOT_PRESENT ? e->a : AT_TOKEN_REPEATED,
				   .cause = AT_NO_FAULT,
			   });
}
