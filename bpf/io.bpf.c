/* SPDX-License-Identifier: BSD-2-Clause */
/* Block I/O from submission to completion, and the kernel's work items that act for a VM. */
#include "kvm.bpf.h"

#define REQ_OP_MASK 0xff
#define FS_RQ_BIOS  1024 /* of one request, at most */

/* ---- block I/O ---- */

SEC("?tp_btf/block_bio_queue")
int FS_PROG(fs_bio_queue, struct bio *bio)
{
	__u64 key = (__u64)bio;
	struct fs_biost b = {};
	struct fs_acc *a;
	struct fs_self s;

	if (!fs_self(&s) || fs_context() & (FS_W_IRQ | FS_W_SOFTIRQ))
		return 0;
	b.ts = bpf_ktime_get_ns();
	b.sector = bio->bi_iter.bi_sector;
	b.work = s.t->flags & FS_T_WORKER ? s.t->k_work : 0;
	b.tid = s.id;
	b.tgid = s.id >> 32;
	b.vm = s.vm;
	b.dev = BPF_CORE_READ(bio, bi_bdev, bd_dev);
	b.bytes = bio->bi_iter.bi_size;
	b.op = bio->bi_opf & REQ_OP_MASK;
	b.stack = fs_stack(ctx, FS_STACK_BIO, s.vm);
	a = fs_acc_of(s.t);
	if (a) {
		a->hints |= FS_H_BIO;
		/* The way to the disk says more than the way to the page cache. */
		if (!a->n_bio++ && b.stack != FS_NO_STACK)
			a->stack = b.stack;
	}
	if (bpf_map_update_elem(&bios, &key, &b, BPF_ANY))
		fs_lose(s.vm, FS_LOSS_STATE);
	return 0;
}

static __always_inline void fs_bio_done(__u64 key, __u32 status, __u64 now)
{
	struct fs_biost *b = bpf_map_lookup_elem(&bios, &key);

	if (!b)
		return;
	FS_EMIT(bio, BIO, e, (__u64)b->tgid << 32 | b->tid, b->vm, 0, now)
	{
		e->ts_start = b->ts;
		e->bio = key;
		e->sector = b->sector;
		e->work = b->work;
		e->dev = b->dev;
		e->bytes = b->bytes;
		e->op = b->op;
		e->status = status;
		e->stack = b->stack;
		e->pad = 0;
	}
	bpf_map_delete_elem(&bios, &key);
}

/* Those who wait for the pages of @bio are woken next, from here. */
static __always_inline void fs_bio_wakes(__u64 bio)
{
	struct fs_cpu *c = fs_cpu();

	if (!c)
		return;
	c->done_bio = bio;
	c->done_tid = bpf_get_current_pid_tgid();
	c->done_ctx = fs_context();
}

/* Devices that take bios as they are (dm, md). Those with requests do not come here. */
SEC("?tp_btf/block_bio_complete")
int FS_PROG(fs_bio_complete, struct request_queue *q, struct bio *bio)
{
	fs_bio_wakes((__u64)bio);
	fs_bio_done((__u64)bio, bio->bi_status, bpf_ktime_get_ns());
	return 0;
}

struct fs_rq_walk {
	struct bio *bio;
	__u64 now;
	__u32 bytes, status;
};

static long fs_rq_bio(__u32 i, struct fs_rq_walk *w)
{
	struct bio *bio = w->bio;
	__u32 size;

	if (!bio)
		return 1;
	size = BPF_CORE_READ(bio, bi_iter.bi_size);
	if (size > w->bytes)
		return 1; /* ends with a later part of the request */
	w->bytes -= size;
	w->bio = BPF_CORE_READ(bio, bi_next);
	fs_bio_done((__u64)bio, w->status, w->now);
	return 0;
}

SEC("?tp_btf/block_rq_complete")
int FS_PROG(fs_rq_complete, struct request *rq, u8 error, unsigned int bytes)
{
	struct fs_rq_walk w = {.bio = rq->bio, .bytes = bytes, .status = error};

	if (!w.bio)
		return 0;
	fs_bio_wakes((__u64)w.bio);
	w.now = bpf_ktime_get_ns();
	bpf_loop(FS_RQ_BIOS, fs_rq_bio, &w, 0);
	return 0;
}

/* ---- work items ---- */

SEC("?tp_btf/workqueue_queue_work")
int FS_PROG(fs_work_queue, int cpu, struct pool_workqueue *pwq, struct work_struct *work)
{
	struct fs_workq w = {};
	__u64 key = (__u64)work;
	struct fs_self s;

	if (!fs_self(&s) || fs_context() & (FS_W_IRQ | FS_W_SOFTIRQ))
		return 0;
	w.ts_queue = bpf_ktime_get_ns();
	w.func = (__u64)BPF_CORE_READ(work, func);
	w.queuer_tid = s.id;
	w.queuer_tgid = s.id >> 32;
	w.vm = s.vm;
	if (bpf_map_update_elem(&works, &key, &w, BPF_ANY))
		fs_lose(s.vm, FS_LOSS_STATE);
	return 0;
}

SEC("?tp_btf/workqueue_execute_start")
int FS_PROG(fs_work_start, struct work_struct *work)
{
	__u64 key = (__u64)work, id = bpf_get_current_pid_tgid();
	__u32 tid = id, tgid = id >> 32;
	struct fs_proc p = {.first_run_ns = 1}; /* no wake-ups before a first run */
	struct fs_workq *w;
	struct fs_thr *t;

	w = bpf_map_lookup_elem(&works, &key);
	if (!w)
		return 0;
	/* The worker is traced, for its VM, until the item is done. */
	p.vm = w->vm;
	if (bpf_map_update_elem(&procs, &tgid, &p, BPF_ANY))
		fs_lose(w->vm, FS_LOSS_STATE);
	if (bpf_map_update_elem(&threads, &tid, &fs_thr_fresh, BPF_ANY))
		fs_lose(w->vm, FS_LOSS_STATE);
	t = fs_thr_find(tid);
	if (t) {
		t->tgid = tgid;
		t->vm = w->vm;
		t->flags = FS_T_WORKER;
		t->k_work = key;
		t->k_func = w->func;
		t->k_queue_ts = w->ts_queue;
		t->k_start_ts = bpf_ktime_get_ns();
		t->k_queuer_tid = w->queuer_tid;
		t->k_queuer_tgid = w->queuer_tgid;
		t->k_stack = FS_NO_STACK;
	}
	bpf_map_delete_elem(&works, &key);
	return 0;
}

SEC("?tp_btf/workqueue_execute_end")
int FS_PROG(fs_work_end, struct work_struct *work)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id, tgid = id >> 32;
	struct fs_proc *p = fs_proc_of(tgid);
	struct fs_thr *t;

	if (!p || p->why)
		return 0;
	t = fs_thr_find(tid);
	if (t && t->flags & FS_T_WORKER) {
		FS_EMIT(work, WORK, e, id, t->vm, 0, bpf_ktime_get_ns())
		{
			e->ts_queue = t->k_queue_ts;
			e->ts_start = t->k_start_ts;
			e->work = t->k_work;
			e->func = t->k_func;
			e->queuer_tid = t->k_queuer_tid;
			e->queuer_tgid = t->k_queuer_tgid;
			e->hints = fs_acc_hints(&t->f, false);
			e->cache_pages = t->f.cache_pages;
			e->offcpu_ns = t->k_offcpu_ns;
			e->stack = t->k_stack;
			e->pad = 0;
		}
		bpf_map_delete_elem(&threads, &tid);
	}
	bpf_map_delete_elem(&procs, &tgid);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
