// SPDX-License-Identifier: BSD-2-Clause
/* Reads the rings of a guest's recorder and makes chunks of what is new in them. */
#include "collect/guest/guestring.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "collect/guest/guestring_impl.h"

/* How long readings of a VM wait in all for the guest's programs, and how often they look. */
#define WRITERS_NS      3000000000ull
#define WRITERS_STEP_NS 2000000

struct fs_guestring *fs_guestring_new(const struct fs_memfile *files, size_t nfiles)
{
	struct fs_guestring *r = calloc(1, sizeof(*r));

	if (r) {
		r->files = files;
		r->nfiles = nfiles;
	}
	return r;
}

void fs_guestring_free(struct fs_guestring *r)
{
	if (!r)
		return;
	fs_vec_free(&r->vms);
	fs_vec_free(&r->snapshots);
	fs_vec_free(&r->without);
	fs_vec_free(&r->blobs);
	free(r);
}

static struct fs_ring_vm *vm_of(struct fs_guestring *r, uint32_t number)
{
	struct fs_ring_vm fresh = {.vm = number};

	for (size_t i = 0; i < r->vms.n; i++)
		if (r->vms.v[i].vm == number)
			return &r->vms.v[i];
	return fs_vec_push(&r->vms, fresh) ? NULL : &r->vms.v[r->vms.n - 1];
}

/* --- the parts --- */

static int add_dir_and_frames(struct fs_reading *g)
{
	struct fsr_guest_part dir = {.kind = FSR_GP_DIR, .bytes = FSG_PAGE};
	size_t n = fsr_layout_frames(&g->l, NULL);
	struct fsr_guest_part frames = {.kind = FSR_GP_FRAMES,
					.bytes = (uint32_t)(n * sizeof(uint64_t))};
	uint64_t *gfn = malloc(n * sizeof(*gfn));
	int ret = gfn ? fsr_guest_add(&g->payload, &dir, g->l.d.page) : -ENOMEM;

	if (!ret) {
		fsr_layout_frames(&g->l, gfn);
		ret = fsr_guest_add(&g->payload, &frames, gfn);
	}
	free(gfn);
	return ret;
}

/* Adds what a ring got. More than a chunk holds, or behind a gap that matters to nobody: not. */
static int add_ring(struct fs_reading *g, struct fsr_ring_out *out)
{
	int ret;

	if (g->req->behind && out->part.lost)
		return 0;
	if (!out->n && !out->part.lost && !out->part.torn)
		return 0;
	ret = fsr_guest_add(&g->payload, &out->part, out->recs);
	if (ret == -EMSGSIZE) {
		out->part.lost += out->n;
		out->n = out->part.bytes = 0;
		ret = fsr_guest_add(&g->payload, &out->part, NULL);
	}
	g->res->records += out->n;
	g->res->lost += out->part.lost;
	g->res->partial += out->part.torn;
	return ret;
}

/* What one ring brought, and where it was read from. */
struct ring_reading {
	bool taken;
	struct fsr_ring_pos from;
	struct fsr_ring_out out;
};

/* Once more from the same place, if it was read before: -EOVERFLOW where that would lose more. */
static int read_ring(struct fs_reading *g, unsigned int i, struct ring_reading *r)
{
	struct fsr_ring_pos pos = r->from;
	struct fsr_ring_out out;
	int ret = fsr_ring_read(fs_guestmem_now(g->mem), &g->l, i, g->req->last, &pos, &out);

	if (ret)
		return ret;
	if (r->taken && out.part.lost > r->out.part.lost) {
		free(out.recs);
		return -EOVERFLOW;
	}
	free(r->out.recs);
	*r = (struct ring_reading){.taken = true, .from = r->from, .out = out};
	g->vm->pos[i] = pos;
	return 0;
}

/* Every ring once. Those that are none are reported and left out. */
static int read_each(struct fs_reading *g, struct ring_reading *rings)
{
	unsigned int n = 0, bad = 0;

	for (unsigned int i = 0; i < g->l.d.dir.nparts; i++) {
		int ret;

		if (!fsr_is_ring(&g->l, i))
			continue;
		n++;
		rings[i].from = g->vm->pos[i];
		ret = read_ring(g, i, &rings[i]);
		if (ret == -EAGAIN || ret == -EBADMSG) {
			snprintf(g->head.why, sizeof(g->head.why),
				 ret == -EAGAIN ? "ring %u: its head cannot be read"
						: "ring %u: what stands there is not its head",
				 i);
			bad++;
		} else if (ret) {
			return ret;
		}
	}
	if (n == bad)
		g->head.state = FSR_GS_BAD;
	return 0;
}

/*
 * A record far from the end that is not written yet is that of a program which interrupts, or a
 * slow fault, keep from its end: the guest is given time, for it may belong to the gap. If the VMM
 * ends meanwhile, or the ring goes round, what was read stands. A guest whose record never comes
 * keeps others waiting for WRITERS_NS, and no longer however often it is read.
 */
static void wait_for_writers(struct fs_reading *g, struct ring_reading *rings)
{
	const struct timespec step = {.tv_nsec = WRITERS_STEP_NS};

	for (unsigned int i = 0; i < g->l.d.dir.nparts; i++)
		while (rings[i].out.unfinished && g->vm->waited_ns < WRITERS_NS) {
			uint64_t t = fs_mono_ns();

			nanosleep(&step, NULL);
			if (read_ring(g, i, &rings[i]))
				break;
			g->vm->waited_ns += fs_mono_ns() - t;
		}
}

static int read_rings(struct fs_reading *g)
{
	struct ring_reading rings[FSG_MAX_PARTS] = {0};
	int ret = read_each(g, rings);

	if (!ret)
		wait_for_writers(g, rings);
	for (unsigned int i = 0; i < g->l.d.dir.nparts; i++) {
		if (rings[i].taken && !ret)
			ret = add_ring(g, &rings[i].out);
		free(rings[i].out.recs);
	}
	return ret;
}

/* --- symbols and META, once for each arming --- */

/* Returns what @put returned, -ENOMEM, or why the blob could not be read: see fsr_blob_read(). */
static int put_blob(struct fs_reading *g, enum fsg_part_kind kind,
		    int (*put)(enum fsr_chunk_type, const void *, size_t, void *), void *arg,
		    bool *put_failed)
{
	struct fsr_guest_blob head = {.kind = kind};
	uint8_t *data = NULL, *chunk = NULL;
	uint64_t raw;
	size_t n;
	int ret = fsr_blob_read(fs_guestmem_now(g->mem), &g->l, kind, &data, &n, &raw);

	if (ret)
		return ret;
	memcpy(head.id, g->l.d.dir.id, sizeof(head.id));
	head.bytes = (uint32_t)n;
	head.raw_bytes = raw;
	chunk = malloc(sizeof(head) + n);
	if (chunk) {
		memcpy(chunk, &head, sizeof(head));
		memcpy(chunk + sizeof(head), data, n);
		ret = put(FSR_GUEST_BLOB, chunk, sizeof(head) + n, arg);
		*put_failed = ret;
	}
	free(data);
	free(chunk);
	return chunk ? ret : -ENOMEM;
}

static struct fs_ring_blobs *blobs_of(struct fs_guestring *r, const uint8_t id[16])
{
	struct fs_ring_blobs fresh = {0};

	for (size_t i = 0; i < r->blobs.n; i++)
		if (!memcmp(r->blobs.v[i].id, id, sizeof(fresh.id)))
			return &r->blobs.v[i];
	memcpy(fresh.id, id, sizeof(fresh.id));
	return fs_vec_push(&r->blobs, fresh) ? NULL : &r->blobs.v[r->blobs.n - 1];
}

/*
 * What one fork could not give (a page that is not there, a VMM that ends) the next one may: a blob
 * counts as handed on when it was, and until then each VM of that arming is asked once.
 */
static int put_blobs(struct fs_reading *g,
		     int (*put)(enum fsr_chunk_type, const void *, size_t, void *), void *arg)
{
	static const enum fsg_part_kind kinds[] = {FSG_PART_META, FSG_PART_SYMBOLS};
	struct fs_ring_blobs *b = blobs_of(g->r, g->l.d.dir.id);

	if (!b)
		return -ENOMEM;
	if (g->vm->blobs_tried)
		return 0;
	g->vm->blobs_tried = true;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		bool put_failed = false;
		int ret;

		if (b->kinds & 1u << kinds[i])
			continue;
		ret = put_blob(g, kinds[i], put, arg, &put_failed);
		if (ret == -ENOMEM || put_failed)
			return ret;
		if (!ret)
			b->kinds |= 1u << kinds[i];
		else if (ret != -ENOENT) /* it goes without */
			g->res->blobs_failed++;
	}
	return 0;
}

/* --- a reading --- */

static void open_failed(struct fs_reading *g, int err, const char *why)
{
	fs_reading_state(g, err == -ESRCH ? FSR_GS_GONE : FSR_GS_DENIED, "%s", why);
}

/* Everything that is done with the memory open. Returns 0 or an error of the memory. */
static int read_memory(struct fs_reading *g)
{
	int ret = fs_guestring_find(g);

	if (ret || !g->found)
		return ret;
	g->head.state = FSR_GS_READ;
	*g->head.why = '\0';
	g->head.dir_gpa = g->l.gfn * FSG_PAGE;
	memcpy(g->head.id, g->l.d.dir.id, sizeof(g->head.id));
	fs_guestring_find_heads(g);
	if (g->head.state != FSR_GS_READ)
		return 0;
	ret = fsr_guest_begin(&g->payload, &g->head);
	if (!ret && !g->vm->begun)
		ret = add_dir_and_frames(g);
	return ret ? ret : read_rings(g);
}

/* A memory that cannot be read on: the VMM went away, or has means to forbid it. */
static int memory_failed(struct fs_reading *g, int err)
{
	if (err == -ENOMEM)
		return err;
	if (err == -ESRCH || fs_guestmem_ended(g->mem))
		fs_reading_state(g, FSR_GS_GONE, "the VMM ended while it was read");
	else
		fs_reading_state(g, FSR_GS_DENIED, "its memory may not be read: %s",
				 strerror(-err));
	return 0;
}

/* The chunk of a reading. One that brought nothing of a VM that was read before is not reported. */
static int put_reading(struct fs_reading *g,
		       int (*put)(enum fsr_chunk_type, const void *, size_t, void *), void *arg)
{
	int ret = 0;

	g->head.done_ns = fs_mono_ns();
	if (g->vm->begun && g->head.state == FSR_GS_GONE)
		return 0; /* it was read before */
	if (g->head.state == FSR_GS_READ) {
		g->head.nparts = ((struct fsr_guest *)(void *)g->payload.v)->nparts;
		if (g->vm->begun && !g->head.nparts)
			return 0;
	} else {
		g->payload.n = 0;
		ret = fsr_guest_begin(&g->payload, &g->head);
		g->head.nparts = 0;
	}
	if (ret)
		return ret;
	memcpy(g->payload.v, &g->head, sizeof(g->head));
	return put(FSR_GUEST, g->payload.v, g->payload.n, arg);
}

static int finish(struct fs_reading *g,
		  int (*put)(enum fsr_chunk_type, const void *, size_t, void *), void *arg)
{
	int ret = put_reading(g, put, arg);

	if (!ret && g->head.state == FSR_GS_READ) {
		g->vm->begun = true;
		g->vm->gfn = g->l.gfn;
		memcpy(g->vm->id, g->l.d.dir.id, sizeof(g->vm->id));
		fs_guestring_remember(g->r, g->l.gfn);
		ret = put_blobs(g, put, arg);
	}
	return ret;
}

int fs_guestring_read(struct fs_guestring *r, const struct fs_guest_req *req,
		      const struct fs_slot *slots,
		      int (*put)(enum fsr_chunk_type type, const void *data, size_t bytes,
				 void *arg),
		      void *arg, struct fs_guest_result *res)
{
	struct fs_reading g = {.r = r, .req = req, .vm = vm_of(r, req->vm), .res = res};
	char why[FSR_WHY];
	int ret;

	memset(res, 0, sizeof(*res));
	if (!g.vm)
		return -ENOMEM;
	g.head = (struct fsr_guest){.vm = req->vm, .tgid = req->tgid, .at_ns = fs_mono_ns()};
	ret = fs_guestmem_open((pid_t)req->tgid, slots, req->nslots, &g.mem, why);
	if (ret) {
		open_failed(&g, ret, why);
		ret = ret == -ENOMEM ? ret : 0;
	} else {
		ret = read_memory(&g);
		if (ret)
			ret = memory_failed(&g, ret);
	}
	if (!ret)
		ret = finish(&g, put, arg);
	res->vm = req->vm;
	res->state = g.head.state;
	res->ns = g.head.done_ns - g.head.at_ns;
	memcpy(res->why, g.head.why, sizeof(res->why));
	if (g.found)
		fsr_layout_free(&g.l);
	if (g.mem)
		fs_guestmem_close(g.mem);
	fs_vec_free(&g.payload);
	return ret;
}
