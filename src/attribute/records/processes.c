// SPDX-License-Identifier: BSD-2-Clause
/* Processes and threads begin, run another program, and end. */
#include "attribute/records/processes.h"
#include "attribute/records/phase_records.h"
#include "attribute/records/records.h"
#include "attribute/state/at.h"

int at_on_proc_add(struct at *a, const struct fs_ev_proc_add *e)
{
	struct at_proc *p = at_proc_get(a, e->h.tgid, true);
	struct at_thr *t = at_thr_get(a, e->h.tgid, e->h.tgid, true);

	if (!p || !t)
		return at_odd(a);
	p->comm = at_str(a, e->comm, FS_COMM_LEN);
	t->comm = p->comm;
	p->start_ns = e->start_ns;
	p->late = e->h.flags & FS_F_LATE;
	if (!p->late && !t->born && e->start_ns <= e->h.ts)
		t->born = e->start_ns;
	return 0;
}

int at_on_fork(struct at *a, const struct fs_ev_fork *e)
{
	struct at_proc *p;
	struct at_thr *t;

	p = at_proc_get(a, e->child_tgid, true);
	t = at_thr_get(a, e->child_tid, e->child_tgid, true);
	if (!p || !t)
		return at_odd(a);
	t->comm = at_str(a, e->comm, FS_COMM_LEN);
	t->parent_tid = e->h.tid;
	if (e->child_tgid == e->h.tgid) {
		t->born = t->seen = e->h.ts;
	} else {
		p->start_ns = e->start_ns;
		p->comm = t->comm;
		t->born = t->seen = e->start_ns && e->start_ns <= e->h.ts ? e->start_ns : e->h.ts;
	}
	return at_on_phase(a, p, &e->h);
}

int at_on_exec(struct at *a, const struct fs_ev_exec *e)
{
	struct at_proc *p = at_proc_get(a, e->h.tgid, true);
	struct at_thr *t = at_thr_get(a, e->h.tgid, e->h.tgid, true);

	if (!p || !t)
		return at_odd(a);
	p->comm = t->comm = at_str(a, e->comm, FS_COMM_LEN);
	p->exec_file = at_str(a, e->file, sizeof(e->file));
	p->exec_ns = e->h.ts;
	return at_on_phase(a, p, &e->h);
}

void at_thread_ended(struct at *a, const struct fs_ev_exit_task *e, const struct at_proc *p)
{
	struct at_thr *t = at_thr_get(a, e->h.tid, e->h.tgid, false);

	if (t && t->proc == p) {
		t->died = e->h.ts;
		fs_hashmap_del(&a->thrs, t->tid);
	}
}

/* A system call other than KVM_RUN has ended. */
int at_on_call(struct at *a, const struct fs_ev *ev)
{
	struct at_thr *t = at_thr_get(a, ev->tid, ev->tgid, false);

	if (t && !t->first_run)
		t->in_user = ev->ts;
	return at_on_phase(a, at_proc_get(a, ev->tgid, false), ev);
}
