// SPDX-License-Identifier: BSD-2-Clause
#include "collect/guestring.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/vec.h"

#define MAX_KNOWN 16                  /* places of directories that are remembered */
#define MAX_HITS  64                  /* places that a search looks at */
#define SEARCH_NS (2000ull * 1000000) /* a search gives up after this long */

/* What the rings of a recorder held when a snapshot was made. */
struct snapshot {
	struct fs_backing file;
	uint8_t id[16];
	struct fsg_ring_pos pos[FSG_MAX_PARTS];
};

struct vm {
	uint32_t vm;
	uint64_t gfn; /* of its directory */
	uint8_t id[16];
	bool begun;                             /* a reading of it was READ */
	struct fsg_ring_pos pos[FSG_MAX_PARTS]; /* how far its rings have been read */
};

struct fs_guestring {
	const struct fs_memfile *files;
	size_t nfiles;
	uint64_t known[MAX_KNOWN]; /* frames, the latest first */
	size_t nknown;
	FS_VEC(struct vm) vms;
	FS_VEC(struct snapshot) snapshots;
	FS_VEC(struct fs_backing) without;      /* snapshots in whose forks no recorder was found */
	FS_VEC(struct { uint8_t b[16]; }) told; /* ids whose blobs were handed on */
};

/* One reading on its way. */
struct reading {
	struct fs_guestring *r;
	struct fs_guestmem *mem;
	const struct fs_guest_req *req;
	struct vm *vm;
	struct fsg_layout l;
	bool found;
	struct fsr_guest head;
	struct fsr_bytes payload;
	struct fs_guest_result *res;
};

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
	fs_vec_free(&r->told);
	free(r);
}

/* The state of the reading, and why. */
#define say(g, s, ...)                                                       \
	do {                                                                 \
		(g)->head.state = (s);                                       \
		snprintf((g)->head.why, sizeof((g)->head.why), __VA_ARGS__); \
	} while (0)

static struct vm *vm_of(struct fs_guestring *r, uint32_t number)
{
	struct vm fresh = {.vm = number};

	for (size_t i = 0; i < r->vms.n; i++)
		if (r->vms.v[i].vm == number)
			return &r->vms.v[i];
	return fs_vec_push(&r->vms, fresh) ? NULL : &r->vms.v[r->vms.n - 1];
}

static void remember(struct fs_guestring *r, uint64_t gfn)
{
	size_t i = 0;

	while (i < r->nknown && r->known[i] != gfn)
		i++;
	if (i == r->nknown && r->nknown < MAX_KNOWN)
		r->nknown++;
	if (i == MAX_KNOWN)
		i--;
	memmove(&r->known[1], &r->known[0], i * sizeof(r->known[0]));
	r->known[0] = gfn;
}

/* --- finding the directory --- */

/* Is it at @gfn? Then it is loaded. A sound one that is broken is told, but is none. */
static bool prove(struct reading *g, uint64_t gfn)
{
	char why[FSG_WHY];
	int err = fsg_layout_load(fs_guestmem_now(g->mem), gfn, &g->l, why);

	if (!err) {
		g->found = true;
		return true;
	}
	if (err != -ENOENT)
		say(g, FSR_GS_BAD, "%s", *why ? why : strerror(-err));
	return false;
}

static bool at_known_place(struct reading *g)
{
	for (size_t i = 0; i < g->r->nknown; i++)
		if (prove(g, g->r->known[i]))
			return true;
	return false;
}

/* Where a memory file that was given has it. */
static bool at_place_in_file(struct reading *g)
{
	for (size_t i = 0; i < g->r->nfiles; i++) {
		const struct fs_memfile *f = &g->r->files[i];

		for (size_t k = 0; k < 2 * f->n; k++) {
			enum fs_file_order order = k % 2 ? FS_ORDER_HVA : FS_ORDER_GPA;
			uint64_t gfn =
				fs_guestmem_frame_at(g->mem, f->fd, f->offsets[k / 2], order);

			if (gfn != UINT64_MAX && prove(g, gfn))
				return true;
		}
	}
	return false;
}

struct hits {
	uint64_t gfn[MAX_HITS];
	size_t n;
};

/* A page that is a directory, or a ring's head that names one. */
static bool look_at_page(uint64_t gfn, const void *data, void *arg)
{
	static const char magic[32] = FSG_MAGIC;
	struct fsg_ring_head head;
	struct hits *h = arg;

	memcpy(&head, data, sizeof(head));
	if (head.mark == FSG_RING_MARK && head.dir_gfn)
		gfn = head.dir_gfn;
	else if (memcmp(data, magic, sizeof(magic)))
		return true;
	for (size_t i = 0; i < h->n; i++)
		if (h->gfn[i] == gfn)
			return true;
	h->gfn[h->n++] = gfn;
	return h->n < MAX_HITS;
}

/* Takes the one of the places found that is a directory. Two of them: that is said. */
static bool take_hit(struct reading *g, const struct hits *h)
{
	struct fsg_layout first = {0};
	size_t sound = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (!prove(g, h->gfn[i]))
			continue;
		if (sound++)
			fsg_layout_free(&g->l);
		else
			first = g->l;
	}
	g->l = first;
	if (sound > 1) {
		fsg_layout_free(&g->l);
		say(g, FSR_GS_BAD, "%zu recorders in one guest: which is the last is not known",
		    sound);
	}
	g->found = sound == 1;
	return sound > 0;
}

/*
 * What the fork has written comes first: the heads of the rings are there if anything was recorded
 * since the snapshot. Then what is mapped of the snapshot.
 */
static int search(struct reading *g)
{
	uint64_t until = fs_mono_ns() + SEARCH_NS;
	int64_t looked = 0;

	for (int anon = 1; anon >= 0; anon--) {
		struct hits h = {.n = 0};
		int64_t pages = fs_guestmem_scan(g->mem, anon, sizeof(struct fsg_ring_head), until,
						 look_at_page, &h);

		if (pages < 0)
			return (int)pages;
		looked += pages;
		if (take_hit(g, &h))
			return 0;
	}
	if (g->head.state == FSR_GS_READ)
		say(g, FSR_GS_ABSENT, "no recorder in the %lld pages that are present%s",
		    (long long)looked, fs_mono_ns() > until ? " (gave up)" : "");
	return 0;
}

static bool same_file(const struct fs_backing *a, const struct fs_backing *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->mtime_ns == b->mtime_ns &&
	       a->size == b->size;
}

/* Was a search in a fork of this snapshot in vain? Frame 0 stands for all of the memory. */
static bool known_to_be_without(struct reading *g, struct fs_backing *b, bool *has_file)
{
	*has_file = fs_guestmem_backing(g->mem, 0, b);
	for (size_t i = 0; *has_file && i < g->r->without.n; i++)
		if (same_file(&g->r->without.v[i], b))
			return true;
	return false;
}

static int find(struct reading *g)
{
	struct fs_backing b;
	bool has_file;
	int err = 0;

	if (g->vm->begun) {
		prove(g, g->vm->gfn);
		if (g->found && memcmp(g->l.d.dir.id, g->vm->id, sizeof(g->vm->id))) {
			fsg_layout_free(&g->l);
			g->found = false;
		}
		if (!g->found)
			say(g, FSR_GS_BAD, "its recorder is gone, or another");
		return !g->found && fs_guestmem_ended(g->mem) ? -ESRCH : 0;
	}
	if (at_known_place(g) || at_place_in_file(g))
		return 0;
	if (known_to_be_without(g, &b, &has_file)) {
		say(g, FSR_GS_ABSENT, "none was in another fork of this snapshot");
		return 0;
	}
	err = search(g);
	/* of one that ended meanwhile nothing is known, of its snapshot neither */
	if (!err && !g->found && fs_guestmem_ended(g->mem))
		return -ESRCH;
	if (!err && !g->found && has_file && g->head.state == FSR_GS_ABSENT)
		fs_vec_push(&g->r->without, b); /* without memory it is searched again */
	return err;
}

/* --- the snapshot --- */

/*
 * Reads where the rings stood in the snapshot. A snapshot that has another recorder there, or none,
 * is older than the arming: then everything is newer. Returns false where it does not fit.
 */
static bool heads_in(struct reading *g, const struct fsg_mem *m, bool surely,
		     struct fsg_ring_pos pos[FSG_MAX_PARTS])
{
	struct fsg_layout then;
	char why[FSG_WHY];
	bool same = !fsg_layout_load(m, g->l.gfn, &then, why);
	bool ok = true;

	memset(pos, 0, FSG_MAX_PARTS * sizeof(*pos));
	if (same) {
		same = !memcmp(then.d.dir.id, g->l.d.dir.id, sizeof(then.d.dir.id));
		fsg_layout_free(&then);
	}
	if (!same)
		return surely;
	for (unsigned int i = 0; i < g->l.d.dir.nparts && ok; i++) {
		struct fsg_ring_head h;

		if (!fsg_is_ring(&g->l, i))
			continue;
		ok = !fsg_ring_head(m, &g->l, i, &h);
		if (ok)
			pos[i] = (struct fsg_ring_pos){.next = h.head, .lost = h.lost};
	}
	return ok;
}

/* From the file that is mapped, remembered for all forks of it. Returns whether there is one. */
static bool heads_of_backing(struct reading *g)
{
	const uint8_t *id = g->l.d.dir.id;
	struct snapshot s = {0};

	if (!fs_guestmem_backing(g->mem, g->l.gfn, &s.file))
		return false;
	for (size_t i = 0; i < g->r->snapshots.n; i++) {
		struct snapshot *known = &g->r->snapshots.v[i];

		if (!same_file(&known->file, &s.file) || memcmp(known->id, id, sizeof(known->id)))
			continue;
		memcpy(g->vm->pos, known->pos, sizeof(known->pos));
		return true;
	}
	if (!heads_in(g, fs_guestmem_snapshot(g->mem), true, s.pos)) {
		say(g, FSR_GS_BAD, "the snapshot's rings are not where the directory says");
		return true;
	}
	memcpy(s.id, id, sizeof(s.id));
	memcpy(g->vm->pos, s.pos, sizeof(s.pos));
	fs_vec_push(&g->r->snapshots, s); /* without memory it is read again */
	return true;
}

static void find_heads(struct reading *g)
{
	if (g->vm->begun || heads_of_backing(g))
		return;
	for (size_t i = 0; i < 2 * g->r->nfiles; i++) {
		fs_guestmem_set_file(g->mem, g->r->files[i / 2].fd,
				     i % 2 ? FS_ORDER_HVA : FS_ORDER_GPA);
		if (heads_in(g, fs_guestmem_snapshot(g->mem), false, g->vm->pos))
			return;
	}
	say(g, FSR_GS_NO_SNAPSHOT,
	    g->r->nfiles ? "the memory file given is not that of its snapshot"
			 : "its memory is not mapped from a file: name it (--memfile)");
}

/* --- the parts --- */

static int add_dir_and_frames(struct reading *g)
{
	struct fsr_guest_part dir = {.kind = FSR_GP_DIR, .bytes = FSG_PAGE};
	size_t n = fsg_layout_frames(&g->l, NULL);
	struct fsr_guest_part frames = {.kind = FSR_GP_FRAMES,
					.bytes = (uint32_t)(n * sizeof(uint64_t))};
	uint64_t *gfn = malloc(n * sizeof(*gfn));
	int err = gfn ? fsr_guest_add(&g->payload, &dir, g->l.d.page) : -ENOMEM;

	if (!err) {
		fsg_layout_frames(&g->l, gfn);
		err = fsr_guest_add(&g->payload, &frames, gfn);
	}
	free(gfn);
	return err;
}

/* Adds what a ring got. More than a chunk holds, or behind a gap that matters to nobody: not. */
static int add_ring(struct reading *g, struct fsg_ring_out *out)
{
	int err;

	if (g->req->behind && out->part.lost)
		return 0;
	if (!out->n && !out->part.lost && !out->part.torn)
		return 0;
	err = fsr_guest_add(&g->payload, &out->part, out->recs);
	if (err == -EMSGSIZE) {
		out->part.lost += out->n;
		out->n = out->part.bytes = 0;
		err = fsr_guest_add(&g->payload, &out->part, NULL);
	}
	g->res->records += out->n;
	g->res->lost += out->part.lost;
	g->res->torn += out->part.torn;
	return err;
}

static int read_rings(struct reading *g)
{
	unsigned int rings = 0, bad = 0;
	int err = 0;

	for (unsigned int i = 0; i < g->l.d.dir.nparts && !err; i++) {
		struct fsg_ring_out out;

		if (!fsg_is_ring(&g->l, i))
			continue;
		rings++;
		err = fsg_ring_read(fs_guestmem_now(g->mem), &g->l, i, g->req->last, &g->vm->pos[i],
				    &out);
		if (err == -EAGAIN || err == -EBADMSG) {
			snprintf(g->head.why, sizeof(g->head.why),
				 err == -EAGAIN ? "ring %u: its head cannot be read"
						: "ring %u: what stands there is no head of it",
				 i);
			bad++;
			err = 0;
			continue;
		}
		if (!err)
			err = add_ring(g, &out);
		free(out.recs);
	}
	if (!err && rings == bad)
		g->head.state = FSR_GS_BAD;
	return err;
}

/* --- symbols and META, once for each arming --- */

static int put_blob(struct reading *g, enum fsg_part_kind kind,
		    int (*put)(enum fsr_chunk_type, const void *, size_t, void *), void *arg)
{
	struct fsr_guest_blob head = {.kind = kind};
	uint8_t *data = NULL, *chunk = NULL;
	uint64_t raw;
	size_t n;
	int err = fsg_blob_read(fs_guestmem_now(g->mem), &g->l, kind, &data, &n, &raw);

	if (err)
		return err == -ENOMEM ? err : 0; /* it goes without */
	memcpy(head.id, g->l.d.dir.id, sizeof(head.id));
	head.bytes = (uint32_t)n;
	head.raw_bytes = raw;
	chunk = malloc(sizeof(head) + n);
	if (chunk) {
		memcpy(chunk, &head, sizeof(head));
		memcpy(chunk + sizeof(head), data, n);
		err = put(FSR_GUEST_BLOB, chunk, sizeof(head) + n, arg);
	}
	free(data);
	free(chunk);
	return chunk ? err : -ENOMEM;
}

static int put_blobs(struct reading *g,
		     int (*put)(enum fsr_chunk_type, const void *, size_t, void *), void *arg)
{
	const uint8_t *id = g->l.d.dir.id;
	int err;

	for (size_t i = 0; i < g->r->told.n; i++)
		if (!memcmp(g->r->told.v[i].b, id, 16))
			return 0;
	if (fs_vec_reserve(&g->r->told, 1))
		return -ENOMEM;
	memcpy(g->r->told.v[g->r->told.n++].b, id, 16);
	err = put_blob(g, FSG_PART_META, put, arg);
	return err ? err : put_blob(g, FSG_PART_SYMBOLS, put, arg);
}

/* --- a reading --- */

static void open_failed(struct reading *g, int err, const char *why)
{
	say(g, err == -ESRCH ? FSR_GS_GONE : FSR_GS_DENIED, "%s", why);
}

/* Everything that is done with the memory open. Returns 0 or an error of the memory. */
static int read_memory(struct reading *g)
{
	int err = find(g);

	if (err || !g->found)
		return err;
	g->head.state = FSR_GS_READ;
	*g->head.why = '\0';
	g->head.dir_gpa = g->l.gfn * FSG_PAGE;
	memcpy(g->head.id, g->l.d.dir.id, sizeof(g->head.id));
	find_heads(g);
	if (g->head.state != FSR_GS_READ)
		return 0;
	err = fsr_guest_begin(&g->payload, &g->head);
	if (!err && !g->vm->begun)
		err = add_dir_and_frames(g);
	return err ? err : read_rings(g);
}

/* A memory that cannot be read on: the VMM went away, or has means to forbid it. */
static int memory_failed(struct reading *g, int err)
{
	if (err == -ENOMEM)
		return err;
	if (err == -ESRCH || fs_guestmem_ended(g->mem))
		say(g, FSR_GS_GONE, "the VMM ended while it was read");
	else
		say(g, FSR_GS_DENIED, "its memory may not be read: %s", strerror(-err));
	return 0;
}

/* The chunk of a reading. One that brought nothing of a VM that was read before is not told. */
static int put_reading(struct reading *g,
		       int (*put)(enum fsr_chunk_type, const void *, size_t, void *), void *arg)
{
	int err = 0;

	g->head.done_ns = fs_mono_ns();
	if (g->vm->begun && g->head.state == FSR_GS_GONE)
		return 0; /* it was read before */
	if (g->head.state == FSR_GS_READ) {
		g->head.nparts = ((struct fsr_guest *)(void *)g->payload.v)->nparts;
		if (g->vm->begun && !g->head.nparts)
			return 0;
	} else {
		g->payload.n = 0;
		err = fsr_guest_begin(&g->payload, &g->head);
		g->head.nparts = 0;
	}
	if (err)
		return err;
	memcpy(g->payload.v, &g->head, sizeof(g->head));
	return put(FSR_GUEST, g->payload.v, g->payload.n, arg);
}

static int finish(struct reading *g, int (*put)(enum fsr_chunk_type, const void *, size_t, void *),
		  void *arg)
{
	int err = put_reading(g, put, arg);

	if (!err && g->head.state == FSR_GS_READ) {
		g->vm->begun = true;
		g->vm->gfn = g->l.gfn;
		memcpy(g->vm->id, g->l.d.dir.id, sizeof(g->vm->id));
		remember(g->r, g->l.gfn);
		err = put_blobs(g, put, arg);
	}
	return err;
}

int fs_guestring_read(struct fs_guestring *r, const struct fs_guest_req *req,
		      const struct fs_slot *slots,
		      int (*put)(enum fsr_chunk_type type, const void *data, size_t bytes,
				 void *arg),
		      void *arg, struct fs_guest_result *res)
{
	struct reading g = {.r = r, .req = req, .vm = vm_of(r, req->vm), .res = res};
	char why[FSG_WHY];
	int err;

	memset(res, 0, sizeof(*res));
	if (!g.vm)
		return -ENOMEM;
	g.head = (struct fsr_guest){.vm = req->vm, .tgid = req->tgid, .at_ns = fs_mono_ns()};
	err = fs_guestmem_open((pid_t)req->tgid, slots, req->nslots, &g.mem, why);
	if (err) {
		open_failed(&g, err, why);
		err = err == -ENOMEM ? err : 0;
	} else {
		err = read_memory(&g);
		if (err)
			err = memory_failed(&g, err);
	}
	if (!err)
		err = finish(&g, put, arg);
	res->vm = req->vm;
	res->state = g.head.state;
	res->ns = g.head.done_ns - g.head.at_ns;
	memcpy(res->why, g.head.why, sizeof(res->why));
	if (g.found)
		fsg_layout_free(&g.l);
	if (g.mem)
		fs_guestmem_close(g.mem);
	fs_vec_free(&g.payload);
	return err;
}
