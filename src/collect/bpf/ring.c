// SPDX-License-Identifier: BSD-2-Clause
/* Consumes the ring buffers of all CPUs and writes their records in rounds. */
#include "collect/bpf/ring.h"
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/vec.h"
#include "bpf/event.h"

#define STAGE_BYTES  (128u << 10) /* one EVENTS chunk at most */
#define RELEASE_STEP (32u << 10)  /* the producer's view of our position is updated this often */
#define FLUSH_NS     (250ull * 1000 * 1000)
#define LAST_WAIT_NS (1000ull * 1000 * 1000)
#define PASSES       3 /* how often a round comes back to a ring that stopped at a busy record */
#define IDLE_MS      20
#define BUSY_MS      10

struct ring {
	unsigned int cpu;
	unsigned long *consumer; /* ours to write */
	const unsigned long *producer;
	const uint8_t *data; /* mapped twice in a row: no record is split */
	unsigned long pos, target;
	uint8_t *stage;
	size_t staged;
	uint32_t count;
};

struct fs_rings {
	size_t bytes, page;
	FS_VEC(struct ring) rings;
	struct fs_ring_counts n;
	uint64_t safe, horizon; /* ns: provable now, promised in the file */
	uint64_t flushed_ns;
	double fill;      /* of the fullest ring in the last round */
	uint64_t watched; /* kinds, as bits */
	void (*watch)(const struct fs_ev *ev, void *arg);
	void *watch_arg;
};

struct fs_rings *fs_rings_new(size_t bytes)
{
	struct fs_rings *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->bytes = bytes;
	r->page = (size_t)sysconf(_SC_PAGESIZE);
	r->flushed_ns = fs_mono_ns();
	return r;
}

static void unmap(struct fs_rings *r, struct ring *g)
{
	if (g->consumer)
		munmap(g->consumer, r->page);
	if (g->producer)
		munmap((void *)(uintptr_t)g->producer, r->page + 2 * r->bytes);
	free(g->stage);
}

int fs_rings_add(struct fs_rings *r, unsigned int cpu, int map_fd)
{
	struct ring g = {.cpu = cpu};
	int ret = 0;
	void *m;

	m = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (m == MAP_FAILED)
		return -errno;
	g.consumer = m;
	m = mmap(NULL, r->page + 2 * r->bytes, PROT_READ, MAP_SHARED, map_fd, (off_t)r->page);
	if (m == MAP_FAILED) {
		ret = -errno;
	} else {
		g.producer = m;
		g.data = (const uint8_t *)m + r->page;
		g.stage = malloc(STAGE_BYTES);
		if (!g.stage || fs_vec_push(&r->rings, g))
			ret = -ENOMEM;
	}
	if (ret)
		unmap(r, &g);
	return ret;
}

void fs_rings_watch(struct fs_rings *r, uint64_t kinds,
		    void (*fn)(const struct fs_ev *ev, void *arg), void *arg)
{
	r->watched = kinds;
	r->watch = fn;
	r->watch_arg = arg;
}

static int write_stage(struct ring *g, struct fsr_writer *w)
{
	int ret = 0;

	if (g->staged && w)
		ret = fsr_write_events(w, g->cpu, g->stage, g->staged, g->count);
	g->staged = 0;
	g->count = 0;
	return ret;
}

/* Takes one record of @len bytes into the stage. */
static int take(struct fs_rings *r, struct ring *g, struct fsr_writer *w, const uint8_t *rec,
		uint32_t len)
{
	const struct fs_ev *ev = (const struct fs_ev *)rec;
	int ret;

	if (len < sizeof(*ev) || len % 8 || ev->len != len) {
		r->n.malformed++;
		return 0;
	}
	if (g->staged + len > STAGE_BYTES) {
		ret = write_stage(g, w);
		if (ret)
			return ret;
	}
	memcpy(g->stage + g->staged, rec, len);
	g->staged += len;
	g->count++;
	r->n.events++;
	r->n.kinds[ev->kind < FS_RING_KINDS ? ev->kind : 0]++;
	r->n.late += ev->ts < r->horizon;
	if (ev->kind < 64 && r->watched >> ev->kind & 1)
		r->watch(ev, r->watch_arg);
	return 0;
}

/* Consumes up to the target or to a record that is being written. */
static int consume(struct fs_rings *r, struct ring *g, struct fsr_writer *w)
{
	unsigned long released = g->pos;
	int ret = 0;

	while (g->pos < g->target && !ret) {
		const uint8_t *at = g->data + (g->pos & (r->bytes - 1));
		uint32_t hdr = __atomic_load_n((const uint32_t *)at, __ATOMIC_ACQUIRE);
		uint32_t len = hdr & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (hdr & BPF_RINGBUF_BUSY_BIT)
			break;
		if (!(hdr & BPF_RINGBUF_DISCARD_BIT))
			ret = take(r, g, w, at + BPF_RINGBUF_HDR_SZ, len);
		g->pos += (len + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
		if (g->pos - released >= RELEASE_STEP) {
			__atomic_store_n(g->consumer, g->pos, __ATOMIC_RELEASE);
			released = g->pos;
		}
	}
	if (g->pos != released)
		__atomic_store_n(g->consumer, g->pos, __ATOMIC_RELEASE);
	return ret;
}

/* Reads where the producers stand. Returns the time just before. */
static uint64_t read_producers(struct fs_rings *r)
{
	uint64_t now = fs_mono_ns();

	r->fill = 0;
	for (size_t i = 0; i < r->rings.n; i++) {
		struct ring *g = &r->rings.v[i];
		double fill;

		g->target = __atomic_load_n(g->producer, __ATOMIC_ACQUIRE);
		fill = (double)(g->target - g->pos) / (double)r->bytes;
		if (fill > r->fill)
			r->fill = fill;
	}
	if (r->fill > r->n.max_fill)
		r->n.max_fill = r->fill;
	return now;
}

/* One pass over the rings that have not reached their target. Returns how many still have not. */
static int pass(struct fs_rings *r, struct fsr_writer *w, int *err)
{
	int behind = 0;

	for (size_t i = 0; i < r->rings.n && !*err; i++) {
		struct ring *g = &r->rings.v[i];

		if (g->pos < g->target)
			*err = consume(r, g, w);
		behind += g->pos < g->target;
	}
	return behind;
}

static int flush(struct fs_rings *r, struct fsr_writer *w)
{
	int ret = 0;

	for (size_t i = 0; i < r->rings.n && !ret; i++)
		ret = write_stage(&r->rings.v[i], w);
	if (!ret && r->safe > r->horizon) {
		if (w)
			ret = fsr_write_round(w, r->safe);
		r->horizon = r->safe;
	}
	r->flushed_ns = fs_mono_ns();
	return ret;
}

int fs_rings_drain(struct fs_rings *r, struct fsr_writer *w, bool last)
{
	uint64_t began = read_producers(r);
	int ret = 0, behind, passes = 0;

	do {
		behind = pass(r, w, &ret);
		if (behind && last)
			sched_yield();
	} while (!ret && behind &&
		 (last ? fs_mono_ns() - began < LAST_WAIT_NS : ++passes < PASSES));
	r->n.rounds++;
	/* With the producers stopped nothing older can follow: no slack is needed. */
	if (!behind)
		r->safe = last ? began : began - FS_RING_SLACK_NS;
	if (!ret && (last || began - r->flushed_ns >= FLUSH_NS))
		ret = flush(r, w);
	return ret;
}

int fs_rings_wait_ms(const struct fs_rings *r)
{
	return r->fill > 0.2 ? 0 : r->fill > 0.02 ? BUSY_MS : IDLE_MS;
}

const struct fs_ring_counts *fs_rings_counts(const struct fs_rings *r)
{
	return &r->n;
}

void fs_rings_free(struct fs_rings *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->rings.n; i++)
		unmap(r, &r->rings.v[i]);
	fs_vec_free(&r->rings);
	free(r);
}
