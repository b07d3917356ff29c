/* SPDX-License-Identifier: BSD-2-Clause */
/* Emitting records: reserve, fill and submit in one block; every failure is counted. */
#ifndef FS_EMIT_BPF_H
#define FS_EMIT_BPF_H

#include "maps.bpf.h"

/* A function that is called, not inlined; an object may include its header and not need it. */
#define FS_SUBPROG __attribute__((noinline, unused))

/* Preemption off and on again, where the kernel lets us: core.bpf.c explains why. */
extern void fs_hold(void);
extern void fs_release(void);

/* Tracepoints turn preemption off themselves up to 6.19, function probes never. */
#define FS_HOLDS_TP bpf_core_type_exists(class_srcu_fast_notrace_t)
#define FS_HOLDS_FN 1

static __always_inline struct fs_cpu *fs_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&cpus, &zero);
}

/* When a program begins, ns; 0 = the kernel counts its run time, or nobody does. */
static __always_inline __u64 fs_began(void)
{
	return knobs.own_stats ? bpf_ktime_get_ns() : 0;
}

static __always_inline void fs_ended(__u64 began)
{
	struct fs_cpu *c = began ? fs_cpu() : NULL;

	if (!c)
		return;
	__sync_fetch_and_add(&c->run_ns, bpf_ktime_get_ns() - began);
	__sync_fetch_and_add(&c->run_cnt, 1);
}

#define FS_PROG_HELD(held, name, args...)                                       \
	name(unsigned long long *ctx);                                          \
	static __always_inline int ____##name(unsigned long long *ctx, ##args); \
	int name(unsigned long long *ctx)                                       \
	{                                                                       \
		__u64 began;                                                    \
		int ret;                                                        \
                                                                                \
		if (held)                                                       \
			fs_hold();                                              \
		began = fs_began();                                             \
		ret = ____##name(___bpf_ctx_cast(args));                        \
		fs_ended(began);                                                \
		if (held)                                                       \
			fs_release();                                           \
		return ret;                                                     \
	}                                                                       \
	static __always_inline int ____##name(unsigned long long *ctx, ##args)

/* As BPF_PROG, not to be preempted: on a tracepoint, and on a function. */
#define FS_PROG(name, args...)    FS_PROG_HELD(FS_HOLDS_TP, name, ##args)
#define FS_FN_PROG(name, args...) FS_PROG_HELD(FS_HOLDS_FN, name, ##args)

/* On a tracepoint as perf has it: with preemption off before and behind us, on any kernel. */
#define FS_PERF_PROG(name, type)                          \
	name(type *ctx);                                  \
	static __always_inline int ____##name(type *ctx); \
	int name(type *ctx)                               \
	{                                                 \
		__u64 began = fs_began();                 \
		int ret = ____##name(ctx);                \
                                                          \
		fs_ended(began);                          \
		return ret;                               \
	}                                                 \
	static __always_inline int ____##name(type *ctx)

#pragma clang diagnostic ignored "-Wint-conversion" /* arguments of any type come as integers */

enum fs_loss { FS_LOSS_RECORD, FS_LOSS_STACK, FS_LOSS_STATE, FS_LOSS_SLOTS, FS_LOSS_NO_RING };

static __always_inline void fs_lost_add(struct fs_lost *l, enum fs_loss what)
{
	if (what == FS_LOSS_NO_RING)
		__sync_fetch_and_add(&l->no_ring, 1);
	if (what == FS_LOSS_RECORD || what == FS_LOSS_NO_RING)
		__sync_fetch_and_add(&l->records, 1);
	else if (what == FS_LOSS_STACK)
		__sync_fetch_and_add(&l->stacks, 1);
	else if (what == FS_LOSS_SLOTS)
		__sync_fetch_and_add(&l->slots, 1);
	else
		__sync_fetch_and_add(&l->state, 1);
}

/* Where nothing was lost yet: not on the stack, of which calls share 512 bytes up to 6.12. */
extern const struct fs_lost fs_lost_none;

static FS_SUBPROG void fs_lose(__u32 vm, enum fs_loss what)
{
	struct fs_lost *l;
	__u32 zero = 0, key = vm;

	l = bpf_map_lookup_elem(&lost_cpu, &zero);
	if (l)
		fs_lost_add(l, what);
	l = bpf_map_lookup_elem(&lost_vm, &key);
	if (!l) {
		bpf_map_update_elem(&lost_vm, &key, &fs_lost_none, BPF_NOEXIST);
		l = bpf_map_lookup_elem(&lost_vm, &key);
	}
	if (l)
		fs_lost_add(l, what);
}

/*
 * The context of `current`, as the tracepoints around interrupt handlers, softirqs and timers keep
 * it (ctx.bpf.c): FS_W_IRQ, FS_W_SOFTIRQ, both or 0; FS_W_CTX_UNKNOWN without them. Reading
 * preempt_count would cost less, but some kernels do not give its address away, and its layout
 * has changed.
 */
static __always_inline __u32 fs_context(void)
{
	struct fs_cpu *c = fs_cpu();

	if (!c || !knobs.has_irq_hooks)
		return FS_W_CTX_UNKNOWN;
	return (c->in_irq || c->hard_timer ? FS_W_IRQ : 0) | (c->in_softirq ? FS_W_SOFTIRQ : 0);
}

static __always_inline __u16 fs_irqctx_flag(__u32 ctx)
{
	return ctx & (FS_W_IRQ | FS_W_SOFTIRQ) ? FS_F_IRQCTX : 0;
}

static __always_inline __u32 fs_stack(void *ctx, __u32 sel, __u32 vm)
{
	long id;

	if (!(knobs.stacks & sel))
		return FS_NO_STACK;
	id = bpf_get_stackid(ctx, &stacks, 0);
	if (id >= 0)
		return id;
	fs_lose(vm, FS_LOSS_STACK);
	return FS_NO_STACK;
}

/* Fills the header of a fresh record; @h is NULL when the ring was full. */
static __always_inline void fs_head(struct fs_ev *h, __u64 ts, __u32 seq, __u16 kind, __u16 len,
				    __u64 id, __u32 vm, __u16 cpu, __u16 flags)
{
	h->ts = ts;
	h->seq = seq;
	h->kind = kind;
	h->len = len;
	h->tgid = id >> 32;
	h->tid = id;
	h->vm = vm;
	h->cpu = cpu;
	h->flags = flags;
}

static __always_inline void *fs_begin(__u64 size, __u16 kind, __u64 id, __u32 vm, __u16 flags,
				      __u64 ts)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct fs_cpu *c = fs_cpu();
	void *ring, *rec = NULL;
	__u32 seq;

	if (!c)
		return NULL;
	/* An interrupt may emit between any two instructions: the number must be taken at once. */
	seq = __sync_fetch_and_add(&c->seq, 1);
	ring = bpf_map_lookup_elem(&rings, &cpu);
	if (ring)
		rec = bpf_ringbuf_reserve(ring, size, 0);
	if (!rec) {
		fs_lose(vm, ring ? FS_LOSS_RECORD : FS_LOSS_NO_RING);
		return NULL;
	}
	fs_head(rec, ts, seq, kind, size, id, vm, cpu, flags);
	return rec;
}

/*
 * FS_EMIT(vmexit, VMEXIT, e, id, vm, flags, now) { e->... = ...; }
 * The block runs once, or not at all when the ring is full. It must not be left by break, return
 * or goto: the verifier refuses a record that is not submitted. @id is tgid << 32 | tid.
 */
#define FS_EMIT(type, kind, e, id, vm, flags, now)                                            \
	for (struct fs_ev_##type *e =                                                         \
		     fs_begin(sizeof(struct fs_ev_##type), FS_EV_##kind, id, vm, flags, now); \
	     e; bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP), e = NULL)

#endif
