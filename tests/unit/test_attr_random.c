// SPDX-License-Identifier: BSD-2-Clause
/*
 * Thousands of random recordings, most of them nonsense: whatever the records say, each ledger
 * sums to its gap, its path is gapless, and nothing crashes or hangs. Most have a guest's half as
 * well, as random, with its clock taken for the host's. A failure prints its seed; FORKSCOPE_SEED
 * runs that one alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "bpf/event.h"
#include "record/guest/guest_chunk.h"
#include "record/writer.h"
#include "../attr/guest.h"

#define ROUNDS 1200
#define CPUS   3

static uint64_t rng;

static uint32_t rnd(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return n ? (uint32_t)(rng >> 11) % n : 0;
}

static bool chance(uint32_t percent)
{
	return rnd(100) < percent;
}

struct gen {
	uint8_t *buf[CPUS];
	size_t len[CPUS];
	uint32_t seq[CPUS], count[CPUS];
	uint64_t now;
	bool sane; /* spans that nest; otherwise anything goes */
};

static void put(struct gen *g, void *rec, size_t size, enum fs_ev_kind kind, uint32_t tgid,
		uint32_t tid, uint32_t vm)
{
	struct fs_ev *h = rec;
	unsigned int cpu = rnd(CPUS);

	h->ts = g->now;
	h->kind = (uint16_t)kind;
	h->len = (uint16_t)size;
	h->tgid = tgid;
	h->tid = tid;
	h->vm = vm;
	h->cpu = (uint16_t)cpu;
	if (!g->sane && chance(3))
		h->flags = (uint16_t)rnd(8);
	h->seq = g->seq[cpu]++;
	if (chance(g->sane ? 1 : 5))
		return; /* lost */
	memcpy(g->buf[cpu] + g->len[cpu], rec, size);
	g->len[cpu] += size;
	g->count[cpu]++;
}

#define PUT(g, rec, KIND, tgid, tid, vm) put(g, &(rec), sizeof(rec), FS_EV_##KIND, tgid, tid, vm)

/* A moment at most @back ago, often one that other records use as well. */
static uint64_t ago(struct gen *g, uint32_t back)
{
	uint64_t d = rnd(back);

	d -= chance(30) ? d % 50 : 0;
	if (!g->sane && chance(2))
		return chance(50) ? 0 : g->now + rnd(1000);
	return g->now > d ? g->now - d : 0;
}

static void some_offcpu(struct gen *g, uint32_t tgid, uint32_t tid, uint32_t vm)
{
	static const uint32_t flags[] = {0,
					 0,
					 0,
					 FS_W_IRQ,
					 FS_W_IRQ | FS_W_TIMER,
					 FS_W_BIO,
					 FS_W_WORK,
					 FS_W_UNSEEN,
					 FS_W_PREEMPT,
					 FS_W_PREEMPT | FS_W_THROTTLED,
					 FS_W_CTX_UNKNOWN};
	struct fs_ev_offcpu e = {0};

	e.ts_out = ago(g, 400);
	e.ts_wake = chance(80) ? e.ts_out + rnd((uint32_t)(g->now - e.ts_out) % 100000 + 1) : 0;
	e.waker_flags = flags[rnd(sizeof(flags) / sizeof(*flags))];
	e.prev_state = chance(15) ? 0 : 1u << rnd(4);
	e.waker_tid = tgid + rnd(5);
	e.waker_tgid = chance(80) ? tgid : 7;
	e.work = rnd(3);
	e.throttled_ns = chance(10) ? rnd(500) : 0;
	e.stack = chance(50) ? FS_NO_STACK : rnd(4);
	e.iowait = (uint16_t)chance(20);
	memcpy(e.waker_comm, "waker", 6);
	PUT(g, e, OFFCPU, tgid, tid, vm);
}

static void some_vmexit(struct gen *g, uint32_t tgid, uint32_t tid, uint32_t vm)
{
	struct fs_ev_vmexit e = {0};

	e.ts_exit = chance(2) ? 0 : ago(g, 300);
	e.hints = 0;
	for (int i = rnd(4); i > 0; i--)
		e.hints |= 1u << rnd(25);
	e.reason = chance(50) ? 0x400 : chance(50) ? 0x78 : 0x7b;
	e.isa = (uint16_t)rnd(3);
	e.rip = rnd(8);
	e.hva = chance(50) ? 0x7f0000000000 + rnd(0x20000000) : 0;
	e.mm_ns = rnd(500);
	e.run_ns = chance(20) ? rnd(400) : 0;
	e.vcpu_id = (uint16_t)(tid - tgid - 1);
	e.info1 = chance(1) ? 0xf40010 : 0;
	PUT(g, e, VMEXIT, tgid, tid, vm);
}

static void some_other(struct gen *g, uint32_t tgid, uint32_t tid, uint32_t vm)
{
	struct fs_ev_run run = {.ts_start = ago(g, 500), .reason = rnd(8)};
	struct fs_ev_apf apf = {.op = 1 + rnd(5), .a = rnd(3)};
	struct fs_ev_work work = {.ts_queue = ago(g, 300), .work = rnd(3), .queuer_tgid = tgid};
	struct fs_ev_mmfault mm = {.ts_start = ago(g, 200),
				   .addr = 0x7f0000000000 + rnd(1 << 30),
				   .has_end = (uint16_t)rnd(2),
				   .stack = FS_NO_STACK};
	struct fs_ev_halt halt = {.waited = (uint16_t)rnd(2)};
	struct fs_ev_wake wake = {.target_tid = tgid + rnd(4), .target_tgid = tgid};
	struct fs_ev_first_run first = {.rip = 1ull << 63, .cr0 = 1u << 31, .valid = 3};
	struct fs_ev_pio pio = {.port = 0xf4, .rw = 1};
	struct fs_ev_fork fork = {.child_tid = tgid + rnd(5), .child_tgid = tgid};
	struct fs_ev_exit_task gone = {.group_dead = chance(3)};
	struct fs_ev_flush flush = {
		.ts_exit = ago(g, 200), .ts_out = ago(g, 200), .prev_state = rnd(3)};

	switch (rnd(g->sane ? 8 : 12)) {
	case 0:
		PUT(g, run, RUN, tgid, tid, vm);
		break;
	case 1:
		PUT(g, apf, APF, tgid, tid, vm);
		break;
	case 2:
		work.ts_start = work.ts_queue + rnd(50);
		work.queuer_tid = tgid + rnd(4);
		PUT(g, work, WORK, 7, tgid + rnd(5), vm);
		break;
	case 3:
		PUT(g, mm, MMFAULT, tgid, tid, vm);
		break;
	case 4:
		PUT(g, halt, HALT, tgid, tid, vm);
		break;
	case 5:
		PUT(g, wake, WAKE, tgid, tgid, vm);
		break;
	case 6:
		PUT(g, first, FIRST_RUN, tgid, tid, vm);
		break;
	case 7:
		if (chance(10))
			PUT(g, pio, PIO, tgid, tid, vm);
		break;
	case 8:
		PUT(g, fork, FORK, tgid, tid, vm);
		break;
	case 9:
		if (chance(10))
			PUT(g, gone, EXIT_TASK, tgid, tid, 0);
		break;
	case 10:
		if (chance(10))
			PUT(g, flush, FLUSH, tgid, tid, vm);
		break;
	}
}

static void one_record(struct gen *g)
{
	uint32_t vm = 1 + rnd(3), tgid = 10 * vm, tid = tgid + rnd(4);

	g->now += chance(20) ? 0 : rnd(60);
	if (chance(1))
		g->now += rnd(20000000);
	if (!g->sane && chance(2))
		vm = rnd(6);
	switch (rnd(5)) {
	case 0:
	case 1:
		some_vmexit(g, tgid, tid == tgid ? tid + 1 : tid, vm);
		break;
	case 2:
		some_offcpu(g, tgid, tid, vm);
		break;
	default:
		some_other(g, tgid, tid, vm);
		break;
	}
}

static void setup_vm(struct gen *g, uint32_t vm)
{
	struct fs_ev_proc_add add = {.start_ns = g->now, .comm = "vmm"};
	struct fs_ev_vm_create create = {.ts_start = g->now};
	struct fs_ev_memslot slot = {.size = 0x10000000, .hva = 0x7f0000000000};
	struct fs_ev_first_run first = {.rip = 1ull << 63, .cr0 = 1u << 31, .valid = 3};
	uint32_t tgid = 10 * vm;

	PUT(g, add, PROC_ADD, tgid, tgid, 0);
	PUT(g, create, VM_CREATE, tgid, tgid, vm);
	PUT(g, slot, MEMSLOT, tgid, tgid, vm);
	for (uint32_t i = 1; i < 3; i++) {
		struct fs_ev_fork f = {.child_tid = tgid + i, .child_tgid = tgid};

		PUT(g, f, FORK, tgid, tgid, vm);
	}
	g->now += rnd(500);
	PUT(g, first, FIRST_RUN, tgid, tgid + 1, vm);
}

/* --- the guest's half --- */

#define MAX_RECS 400

/* Mostly what a kernel could have written, of few tasks, so that much of it fits together. */
static struct fsg_rec some_rec(bool sane, uint64_t ts, uint32_t seq, uint32_t *cur)
{
	static const uint16_t kinds[] = {
		FSG_K_SWITCH, FSG_K_SWITCH,    FSG_K_WAKING,     FSG_K_WAKING,   FSG_K_IRQ,
		FSG_K_VECTOR, FSG_K_SOFTIRQ,   FSG_K_WORK_QUEUE, FSG_K_WORK,     FSG_K_WORK_END,
		FSG_K_FAULT,  FSG_K_FAULT_END, FSG_K_STEP,       FSG_K_STEP_END, FSG_K_UDP_SEND,
		FSG_K_LOCK,   FSG_K_LOCK_END,  FSG_K_IRQ_END,    FSG_K_RTNL,     FSG_K_STAGE,
	};
	struct fsg_rec r = {
		.ts = ts,
		.seq = seq,
		.kind = sane ? kinds[rnd(sizeof(kinds) / sizeof(*kinds))] : (uint16_t)rnd(27),
		.flags = (uint16_t)(rnd(4) << 14 | rnd(3)),
		.tid = *cur,
		.x = rnd(6),
		.a = rnd(4),
	};

	if (r.kind == FSG_K_STEP || r.kind == FSG_K_STEP_END)
		r.x = 4 + rnd(8);
	if (r.kind == FSG_K_SWITCH)
		*cur = r.x;
	if (!sane && chance(10))
		r.tid = rnd(8);
	if (!sane && chance(2))
		r.ts = chance(50) ? UINT64_MAX - rnd(9) : rnd(9);
	if (!sane && chance(2))
		r.a = UINT64_MAX;
	return r;
}

static int some_ring(struct gen *g, struct fsr_bytes *b, uint16_t kind, uint16_t index)
{
	static struct fsg_rec recs[MAX_RECS];
	struct fsr_guest_part part = {.kind = kind, .index = index};
	uint32_t n = rnd(MAX_RECS), seq = 1, cur = rnd(6);
	uint64_t ts = 1000;

	for (uint32_t i = 0; i < n; i++) {
		ts += rnd((uint32_t)((g->now - 1000) / (n + 1) % 1000000 + 2) * 2);
		recs[i] = some_rec(g->sane, ts, seq, &cur);
		if (kind == FSR_GP_AGENT) {
			recs[i].kind = FSG_K_STAGE;
			recs[i].x = rnd(8);
		}
		seq += chance(g->sane ? 1 : 5) ? 1 + rnd(3) : 1;
	}
	part.bytes = n * (uint32_t)sizeof(*recs);
	part.lost = chance(10) ? rnd(5) : 0;
	part.torn = chance(10) ? rnd(5) : 0;
	return fsr_guest_add(b, &part, recs);
}

static void write_guest(struct gen *g, struct fsr_writer *w, uint32_t vm)
{
	struct fsr_guest head = {.vm = vm, .tgid = 10 * vm, .at_ns = g->now};
	struct fsr_guest_part dir_part = {.kind = FSR_GP_DIR, .bytes = FSG_PAGE};
	struct fsr_guest_part frames_part = {.kind = FSR_GP_FRAMES, .bytes = 16};
	uint64_t frames[2] = {0, 1 + rnd(3)};
	union {
		struct fsg_dir d;
		uint8_t page[FSG_PAGE];
	} dir = {.d = {.magic = FSG_MAGIC,
		       .major = FSG_MAJOR,
		       .dir_bytes = sizeof(struct fsg_dir),
		       .rec_bytes = sizeof(struct fsg_rec),
		       .flags = rnd(100) ? 0xf : rnd(16),
		       .ncpus = 2}};
	struct fsr_bytes b = {0};

	for (int i = 0; i < FSG_WATCHERS && chance(60); i++) {
		struct fsg_watcher *k = &dir.d.watchers[i];

		*k = (struct fsg_watcher){
			.tid = rnd(6), .tgid = rnd(6), .how = 6 + rnd(7), .own = chance(30)};
		memset(k->comm, 'a', rnd(17));
	}
	assert_int_equal(fsr_guest_begin(&b, &head), 0);
	assert_int_equal(fsr_guest_add(&b, &dir_part, &dir), 0);
	for (uint16_t i = 0; i < 3; i++)
		if (i < 2 || !g->sane)
			assert_int_equal(some_ring(g, &b, FSR_GP_RING, i < 2 ? i : 63), 0);
	if (chance(70))
		assert_int_equal(some_ring(g, &b, FSR_GP_AGENT, 0), 0);
	assert_int_equal(fsr_guest_add(&b, &frames_part, frames), 0);
	assert_int_equal(fsr_write(w, FSR_GUEST, b.v, b.n), 0);
	fs_vec_free(&b);
}

static void make(uint64_t seed, const char *path, struct gen *g)
{
	struct fsr_writer *w;
	uint32_t n;

	rng = seed * 0x9e3779b97f4a7c15ull + 1;
	for (int i = 0; i < 8; i++)
		rnd(1);
	memset(g->len, 0, sizeof(g->len));
	memset(g->seq, 0, sizeof(g->seq));
	memset(g->count, 0, sizeof(g->count));
	g->now = 1000;
	g->sane = seed % 2;
	for (uint32_t vm = 1; vm <= 3; vm++)
		setup_vm(g, vm);
	n = 20 + rnd(300);
	for (uint32_t i = 0; i < n; i++)
		one_record(g);
	assert_int_equal(fsr_create(path, &w), 0);
	for (unsigned int c = 0; c < CPUS; c++)
		if (g->count[c])
			assert_int_equal(fsr_write_events(w, c, g->buf[c], g->len[c], g->count[c]),
					 0);
	for (uint32_t vm = 1; vm <= 3; vm++)
		if (chance(70))
			write_guest(g, w, vm);
	assert_int_equal(fsr_close(w), 0);
}

static size_t guests, chains; /* forks whose guest recording was used, and had a signal path */

static size_t one(uint64_t seed, struct gen *g)
{
	static const char *const ends[] = {"pio:0xf4", "after:3us", "ack:mailbox", "after:40ms"};
	static const char *const starts[] = {"resume", "spawn", "load"};
	struct fsa_opts o = attr_opts(starts[seed % 3], ends[seed % 4]);
	const char *path = tmp_path("random.fsr");
	struct fsa_result *res = NULL;
	size_t n;
	int ret;

	make(seed, path, g);
	o.timeout_ns = chance(50) ? 5000 : 0;
	guest_clock_error = chance(50) ? rnd(300) : 0;
	assert_int_equal(fsr_open(path, &attr_reader, attr_err, sizeof(attr_err)), 0);
	ret = fsa_attribute(attr_reader, &o, &res, attr_err, sizeof(attr_err));
	if (ret)
		fail_msg("seed %" PRIu64 ": %s", seed, attr_err);
	for (size_t i = 0; i < res->nforks; i++) {
		attr_check(&res->forks[i]);
		guest_check(&res->forks[i]);
		guests += res->forks[i].guest.used;
		chains += res->forks[i].nstages && res->forks[i].stages[FSA_S_NOTIFY].seen;
	}
	n = res->nforks;
	attr_done(res);
	return n;
}

static void random_recordings(void **state)
{
	const char *only = getenv("FORKSCOPE_SEED");
	struct gen g = {0};
	size_t forks = 0;

	(void)state;
	for (unsigned int c = 0; c < CPUS; c++) {
		g.buf[c] = malloc(1 << 20);
		assert_non_null(g.buf[c]);
	}
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		if (only)
			seed = strtoull(only, NULL, 0);
		forks += one(seed, &g);
		if (only)
			break;
	}
	/* the generator must not have become one that makes no forks */
	assert_true(only || forks > ROUNDS);
	assert_true(only || (guests > ROUNDS / 4 && chains > ROUNDS / 16));
	for (unsigned int c = 0; c < CPUS; c++)
		free(g.buf[c]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(random_recordings)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
