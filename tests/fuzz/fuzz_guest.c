// SPDX-License-Identifier: BSD-2-Clause
/*
 * libFuzzer target: a hostile guest. A sound recorder in memory is written over by the input,
 * before it is read and while it is; what was read becomes a recording, which is loaded and
 * printed. The first byte chooses: that, or the input itself as the payloads of GUEST and
 * GUEST_BLOB chunks.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/vec.h"
#include "record/guest/guest_data.h"
#include "record/guest/guest_chunk.h"
#include "record/text/guest_text.h"
#include "record/inspect.h"
#include "record/guest/ring_parse.h"
#include "record/writer.h"
#include "tests/guest/craft_ring.h"
#include "tests/fuzz/check.h"

#define FRAMES 64
#define BASE   8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	uint8_t mem[FRAMES][FSG_PAGE];
	const uint8_t *in, *end; /* of the input that is left */
	struct craft_ring c;
};

/* One write of the guest: page, place, length, bytes. */
static void scribble(struct world *w)
{
	size_t page, at, n;

	if (w->end - w->in < 4)
		return;
	page = w->in[0] % FRAMES;
	at = ((size_t)w->in[1] << 8 | w->in[2]) % FSG_PAGE;
	n = w->in[3];
	w->in += 4;
	if (n > (size_t)(w->end - w->in))
		n = (size_t)(w->end - w->in);
	if (n > FSG_PAGE - at)
		n = FSG_PAGE - at;
	memcpy(w->mem[page] + at, w->in, n);
	w->in += n;
}

static int pages(void *arg, const uint64_t *gfn, size_t n, fsr_page *to, bool *got)
{
	struct world *w = arg;

	scribble(w);
	for (size_t i = 0; i < n; i++) {
		check(gfn[i] < FRAMES);
		got[i] = gfn[i] != FRAMES - 1; /* one that is never there */
		if (got[i])
			memcpy(to[i], w->mem[gfn[i]], FSG_PAGE);
	}
	return 0;
}

static bool inside(void *arg, uint64_t gfn)
{
	(void)arg;
	return gfn < FRAMES;
}

/* The recording that the collector would have made; its path is this process's own. */
static struct fsr_writer *begin(const char **path)
{
	static char own[64];
	struct fsr_writer *w;

	snprintf(own, sizeof(own), "/dev/shm/fuzz-guest-%d.fsr", (int)getpid());
	*path = own;
	check(!fsr_create(own, &w));
	return w;
}

static void ignore_line(const char *text, void *arg)
{
	(void)arg;
	for (; *text; text++)
		check(*text >= 0x20 && *text < 0x7f);
}

static void ignore_object(const json_t *o, void *arg)
{
	(void)arg;
	check(json_is_object(o));
}

static void check_guest(const struct fsr_guest_data *g)
{
	for (size_t i = 0; i < g->nrings; i++) {
		const struct fsr_guest_ring *r = &g->rings[i];
		uint64_t next = r->first;

		for (size_t k = 0; k < r->n; k++) {
			uint64_t n = fsr_guest_number(r->recs[k].seq, next);

			check(n >= next && r->recs[k].kind && r->recs[k].kind != FSG_K_WRAP);
			next = n + 1;
		}
	}
	for (size_t i = 1; i < g->nframes; i++)
		check(g->frames[i] > g->frames[i - 1]);
	check(g->state == FSR_GS_READ || (!g->nrings && !g->dir.nparts));
}

/* What is promised of every recording. */
static void read_back(struct fsr_writer *w, const char *path)
{
	struct fsr_reader *r;
	const struct fsr_guest_blob *b;
	char err[300];
	size_t len;

	fsr_write(w, FSR_END, "{}", 2);
	check(!fsr_close(w));
	check(!fsr_open(path, &r, err, sizeof(err)));
	for (size_t i = 0; i < fsr_guest_readings(r); i++) {
		struct fsr_guest_data *g;
		size_t bytes;
		void *payload = fsr_guest_payload(r, i, &bytes);

		fsr_guest_print(payload, bytes, ignore_line, NULL);
		fsr_guest_json(payload, bytes, ignore_object, NULL);
		free(payload);
		check(fsr_guest_load(r, fsr_guest_reading_vm(r, i), &g) == 1);
		check_guest(g);
		fsr_guest_free(g);
	}
	for (size_t i = 0; (b = fsr_guest_blob_at(r, i)); i++) {
		const char *text = fsr_guest_symbols(r, b->id, &len);

		check(!text || strlen(text) == len);
		fsr_guest_meta(r, b->id);
	}
	fsr_free(r);
	unlink(path);
}

static void read_rings(const struct fsr_mem *m, const struct fsr_layout *l, struct fsr_bytes *b,
		       struct fsr_ring_pos *pos, bool last)
{
	for (unsigned int i = 0; i < FSG_MAX_PARTS; i++) {
		uint64_t was = pos[i].next;
		struct fsr_ring_out out;

		if (fsr_ring_read(m, l, i, last, &pos[i], &out))
			continue;
		check(fsr_is_ring(l, i) && pos[i].next >= was);
		check(out.part.bytes == out.n * sizeof(*out.recs));
		check(!out.n || out.part.first >= was);
		/* all is accounted for: what there was to read was read, lost or torn */
		check(out.n + out.part.torn <= pos[i].next - was);
		check(!fsr_guest_add(b, &out.part, out.recs));
		free(out.recs);
	}
}

static void put_blob(const struct fsr_mem *m, const struct fsr_layout *l, enum fsg_part_kind kind,
		     struct fsr_writer *w)
{
	struct fsr_guest_blob head = {.kind = kind};
	uint8_t *data, *chunk;
	uint64_t raw;
	size_t n;

	if (fsr_blob_read(m, l, kind, &data, &n, &raw))
		return;
	head.bytes = (uint32_t)n;
	chunk = malloc(sizeof(head) + n);
	memcpy(chunk, &head, sizeof(head));
	memcpy(chunk + sizeof(head), data, n);
	check(!fsr_write(w, FSR_GUEST_BLOB, chunk, sizeof(head) + n));
	free(chunk);
	free(data);
}

/* Makes a recording of it, or only what would be in there. */
static void keep(const struct fsr_mem *m, const struct fsr_layout *l, const struct fsr_bytes *b,
		 bool recording)
{
	struct fsr_writer *out;
	const char *path;

	if (!recording) {
		check(!fsr_guest_print(b->v, b->n, ignore_line, NULL));
		return;
	}
	out = begin(&path);
	check(!fsr_write(out, FSR_GUEST, b->v, b->n));
	put_blob(m, l, FSG_PART_META, out);
	put_blob(m, l, FSG_PART_SYMBOLS, out);
	read_back(out, path);
}

static void read_guest(struct world *w, const struct fsr_mem *m, bool recording)
{
	struct fsr_ring_pos pos[FSG_MAX_PARTS] = {0};
	struct fsr_guest head = {.vm = 1};
	struct fsr_bytes b = {0};
	struct fsr_layout l;
	char why[FSR_WHY];
	uint64_t *frames;
	int ret = fsr_layout_load(m, craft_dir_gfn(&w->c), &l, why);

	check(ret != -EBADMSG || *why);
	if (ret)
		return;
	check(!fsr_guest_begin(&b, &head));
	frames = malloc(fsr_layout_frames(&l, NULL) * sizeof(*frames));
	head.nparts = (uint32_t)fsr_layout_frames(&l, frames);
	for (uint32_t i = 0; i < head.nparts; i++)
		check(frames[i] < FRAMES);
	free(frames);
	for (int turn = 0; turn < 3; turn++)
		read_rings(m, &l, &b, pos, turn == 2);
	keep(m, &l, &b, recording);
	fsr_layout_free(&l);
	fs_vec_free(&b);
}

/* The input as chunks: a byte says how long the next one is, and of which type. */
static void read_chunks(const uint8_t *data, size_t size)
{
	const char *path;
	struct fsr_writer *w = begin(&path);

	while (size > 2) {
		size_t n = ((size_t)data[0] << 3 | data[1] >> 5) + sizeof(struct fsr_guest_blob);
		uint16_t type = data[1] & 1 ? FSR_GUEST : FSR_GUEST_BLOB;

		data += 2;
		size -= 2;
		if (n > size)
			n = size;
		check(!fsr_write(w, (enum fsr_chunk_type)type, data, n));
		data += n;
		size -= n;
	}
	read_back(w, path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	struct fsr_mem m = {pages, inside, &w};

	if (!size)
		return 0;
	if (data[0] & 1) {
		read_chunks(data + 1, size - 1);
		return 0;
	}
	memset(w.mem, 0, sizeof(w.mem));
	w.c = (struct craft_ring){
		.mem = w.mem[0], .base = BASE, .rings = 3, .pages = 4, .blob_pages = 1};
	w.in = data + 1;
	w.end = data + size;
	craft_lay(&w.c, 7, "{\"a\": 1}", "x\x9cK\xcb\xcf\x07\0\x02\x82\x01\x45", 11);
	for (unsigned int i = 0; i < data[0] >> 2; i++)
		craft_write(&w.c, i % 3, (struct fsg_rec){.ts = i, .kind = 1 + i % 24});
	for (int i = 0; i < 4; i++)
		scribble(&w);
	read_guest(&w, &m, data[0] & 2);
	return 0;
}
